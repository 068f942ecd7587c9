"""Health of a process that lives: `/healthz` and `/metrics` over HTTP on loopback, from the process's own event loop.

What is well is the process's to say; what it counts, prometheus_client's.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

_SECONDS = 5.0
"""Longest a request may take to arrive: nobody holds a connection open."""
_STATUS = {200: "OK", 404: "Not Found", 503: "Service Unavailable"}


class Health:
    """Answers `/healthz` with what `state` says (200 where it is `well`, else 503), `/metrics` in Prometheus's format."""

    def __init__(self, state: Callable[[], tuple[bool, dict[str, Any]]]) -> None:
        self._state = state
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port, which is any free one for 0. Raises OSError where it is taken."""
        self._server = await asyncio.start_server(self._answer, host, port)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                status, kind, body = self._page(head.split(b" ", 2)[1].split(b"?")[0].decode("ascii", "replace"))
                said = f"HTTP/1.1 {status} {_STATUS[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
                writer.write(said.encode() + b"Connection: close\r\n\r\n" + body)
                await writer.drain()
        writer.close()

    def _page(self, path: str) -> tuple[int, str, bytes]:
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, generate_latest()
        if path == "/healthz":
            well, state = self._state()
            return 200 if well else 503, "application/json", json.dumps(state).encode()
        return 404, "text/plain", b"/healthz and /metrics\n"
