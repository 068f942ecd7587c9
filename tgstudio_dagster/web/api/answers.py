"""Answers that follow from the lake alone: tagged by the data's version before anything is read, and kept as bytes.

The same question is answered from memory until a partition changes; whoever has the answer already is told so.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable

from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response

from tgstudio_dagster.web.api.route import is_known

LIMIT = 32 * 2**20
"""Bytes that are kept."""


class _Kept:
    def __init__(self) -> None:
        self._bodies: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, tag: str) -> bytes | None:
        with self._lock:
            body = self._bodies.get(tag)
            if body is not None:
                self._bodies.move_to_end(tag)
            return body

    def put(self, tag: str, body: bytes) -> None:
        with self._lock:
            self._size += len(body) - len(self._bodies.pop(tag, b""))
            self._bodies[tag] = body
            while self._size > LIMIT:
                self._size -= len(self._bodies.popitem(last=False)[1])


_kept = _Kept()


def by_version(request: Request, version: str, make: Callable[[], BaseModel]) -> Response:
    """The answer to this request of this version of the data; `version` must tell tenants apart.

    Where it is not known `make` is asked; what it raises is not kept.
    """
    asked = sorted(request.query_params.multi_items())
    tag = f'"{hashlib.sha256(repr((version, request.url.path, asked)).encode()).hexdigest()[:32]}"'
    body = b""
    if not is_known(request, tag):
        body = _kept.get(tag) or make().model_dump_json().encode()
        _kept.put(tag, body)
    return Response(body, media_type="application/json", headers={"etag": tag})
