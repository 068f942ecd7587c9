"""How much of a request is taken in before anybody asks who sends it: counted as it comes, whatever its header says.

Addresses that count for themselves are left alone: uploads (uploads.py), Dagster's (dagster_ui.py), tools (MAX_BODY of MCP).
"""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tgstudio_dagster.core.settings.machine import DAGSTER_PATH
from tgstudio_dagster.web.problems import problem

FORM = 16 * 2**10
"""Bytes of a form, and of whatever else is sent."""
JSON = 2**20
"""Bytes of a request of the REST interface: its longest texts, escaped."""
SECONDS = 30.0
"""How long a request may take to arrive."""
UPLOADS = "/_stcore/upload_file/"
_COUNTED_ELSEWHERE = (UPLOADS, f"{DAGSTER_PATH}/", "/mcp")


class BodyLimits:
    """Reads what a request sends before the app does: 413 for too much, 408 for too slow."""

    def __init__(self, app: ASGIApp, *, seconds: float = SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(_COUNTED_ELSEWHERE):
            await self._app(scope, receive, send)
            return
        limit = JSON if scope["path"].startswith("/v1/") else FORM
        told = Headers(scope=scope).get("content-length", "0")
        body: bytes | None = None
        if told.isdigit() and int(told) <= limit:
            try:
                body = await asyncio.wait_for(_read(receive, limit), self._seconds)
            except TimeoutError:
                await problem(408, f"the request took longer than {self._seconds:g} s to arrive.", headers=_CLOSE)(
                    scope, receive, send
                )
                return
        if body is None:
            await problem(413, f"at most {limit // 1024} KiB are taken in here.", headers=_CLOSE)(scope, receive, send)
            return
        await self._app(scope, _replayed(body, receive), send)


_CLOSE = {"connection": "close"}


async def _read(receive: Receive, limit: int) -> bytes | None:
    """The whole body; None as soon as it is longer than the limit."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return bytes(body)  # who sent it is gone
        body += message.get("body", b"")
        if len(body) > limit:
            return None
        if not message.get("more_body"):
            return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    handed_on = False

    async def replay() -> Message:
        nonlocal handed_on
        if handed_on:
            return await receive()
        handed_on = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
