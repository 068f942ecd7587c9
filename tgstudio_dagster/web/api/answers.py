"""Answers that follow from the lake alone: tagged by the data's version before anything is read, and kept as bytes.

The same question is answered from memory until a partition changes; whoever has the answer already is told so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response

from tgstudio_dagster.core.cache import TtlCache
from tgstudio_dagster.web.api.route import is_known

LIMIT = 32 * 2**20
"""Bytes that are kept."""


_bodies = TtlCache[str](most=LIMIT, weigh=len)


def by_version(request: Request, version: str, make: Callable[[], BaseModel]) -> Response:
    """The answer to this request of this version of the data; `version` must tell tenants apart.

    Where it is not known `make` is asked; what it raises is not kept.
    """
    asked = sorted(request.query_params.multi_items())
    tag = f'"{hashlib.sha256(repr((version, request.url.path, asked)).encode()).hexdigest()[:32]}"'
    body = b""
    if not is_known(request, tag):
        body = _bodies.get(tag, lambda: make().model_dump_json().encode())
    return Response(body, media_type="application/json", headers={"etag": tag})
