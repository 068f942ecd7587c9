"""Reading files, part by part."""

from __future__ import annotations

import time
from typing import Any

from telethon import functions, types

from tests.servers.telegram.dispatch import Context, handles
from tests.servers.telegram.model import File
from tests.servers.telegram.render import reference_is_good
from tests.servers.telegram.tl import Refusal, access_hash

_MOST = 1 << 20
_STEP = 4096


@handles(functions.upload.GetFileRequest)
def get_file(context: Context, request: Any) -> Any:
    place = request.location
    file = context.server.files.get(getattr(place, "id", 0))
    if file is None or place.access_hash != access_hash("file", file.id, context.key.session):
        raise Refusal(400, "LOCATION_INVALID")
    if file.dc is not None and file.dc != context.connection.dc:
        raise Refusal(303, f"FILE_MIGRATE_{file.dc}")
    if not reference_is_good(context.server, place.file_reference):
        raise Refusal(400, "FILE_REFERENCE_EXPIRED")
    if not 0 < request.limit <= _MOST or request.limit % _STEP:
        raise Refusal(400, "LIMIT_INVALID")
    if request.offset < 0 or request.offset % _STEP:
        raise Refusal(400, "OFFSET_INVALID")
    data = _size(file, place.thumb_size)[request.offset : request.offset + request.limit]
    kind = types.storage.FileJpeg() if file.kind == "photo" else types.storage.FileUnknown()
    return types.upload.File(kind, int(time.time()), data)


def _size(file: File, size: str) -> bytes:
    if size == ("y" if file.kind == "photo" else ""):
        return file.data
    if size == "m" and file.thumb is not None:
        return file.thumb
    raise Refusal(400, "LOCATION_INVALID")
