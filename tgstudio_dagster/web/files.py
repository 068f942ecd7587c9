"""Stored files for people and programs: posts' media, images, and what was built to be downloaded; of one's own tenant.

Pages are of other origins than files in spirit: what Telegram's users sent is never run (no scripts, no sniffing), and
only pictures, sound and films are shown; all else is downloaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, BinaryIO
from urllib.parse import quote

from fastapi import APIRouter, Path, Request
from starlette.responses import Response, StreamingResponse

from tgstudio_dagster.services.files import MediaFile
from tgstudio_dagster.web.api.common import OwnStudio
from tgstudio_dagster.web.api.route import ApiRoute, is_known
from tgstudio_dagster.web.problems import problem, request_id

router = APIRouter(route_class=ApiRoute, tags=["files"])
CHUNK = 256 * 2**10
_SHOWN = re.compile(
    r"image/(?:jpeg|png|gif|webp|avif)|video/(?:mp4|webm|quicktime)|audio/(?:mpeg|mp4|ogg|wav|x-wav|webm|flac)"
)
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
PRIVATE = {"vary": "cookie, authorization"}
"""What a browser keeps is its session's: whoever signs in after it is asked for it anew."""
BINARY: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}},
    206: {"description": "A part of it.", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}},
    416: {"description": "The range begins behind its end."},
}


@router.get("/files/{uri}", response_class=Response, responses=BINARY, summary="A stored file")
def stored(
    request: Request,
    studio: OwnStudio,
    uri: Annotated[str, Path(pattern=r"^[0-9a-f]{64}\.[a-z0-9]{1,16}$", description="As answers name it.")],
) -> Response:
    """A post's medium or thumbnail, or an image; one `Range` of bytes may be asked for. It never changes."""
    tag = f'"{uri}"'
    keep = {"etag": tag, "cache-control": "private, max-age=86400, immutable"}
    if is_known(request, tag):
        # Whose it is is checked all the same.
        studio.files.open(uri).stream.close()
        return Response(status_code=304, headers=keep | PRIVATE)
    return serve(request, studio.files.open(uri), keep)


def serve(request: Request, file: MediaFile, headers: dict[str, str]) -> Response:
    """The file, or the part of it that is asked for."""
    shown = "inline" if _SHOWN.fullmatch(file.mime) else "attachment"
    sent = {
        "cache-control": "private, no-cache",
        **headers,
        **PRIVATE,
        "accept-ranges": "bytes",
        "content-disposition": f"{shown}; filename*=utf-8''{quote(file.name)}",
        "content-security-policy": "default-src 'none'; sandbox",
        "cross-origin-resource-policy": "same-origin",
        "x-content-type-options": "nosniff",
    }
    asked = _range(request, file.size, headers.get("etag"))
    if asked is None:
        file.stream.close()
        told = {"content-range": f"bytes */{file.size}"}
        return problem(416, f"Range: the file has {file.size} bytes.", request_id=request_id(request), headers=told)
    first, last = asked
    length = last - first + 1
    sent["content-length"] = str(length)
    part = length < file.size
    if part:
        sent["content-range"] = f"bytes {first}-{last}/{file.size}"
    return StreamingResponse(_bytes(file.stream, first, length), 206 if part else 200, sent, file.mime)


def _range(request: Request, size: int, tag: str | None) -> tuple[int, int] | None:
    """First and last byte to send; None where there is none such. What is no single range of bytes means the whole."""
    whole = (0, size - 1)
    sent = request.headers.get("range")
    found = _RANGE.fullmatch(sent.strip()) if sent else None
    only_if = request.headers.get("if-range")
    if found is None or (only_if is not None and only_if.strip() != tag):
        return whole
    first, last = found.groups()
    if not first and not last:
        return whole
    if not first:
        return (max(0, size - int(last)), size - 1) if int(last) and size else None
    if last and int(last) < int(first):
        return whole
    return (int(first), min(int(last), size - 1) if last else size - 1) if int(first) < size else None


def _bytes(stream: BinaryIO, first: int, length: int) -> Iterator[bytes]:
    with stream:
        stream.seek(first)
        while length > 0 and (chunk := stream.read(min(CHUNK, length))):
            length -= len(chunk)
            yield chunk
