"""Dagster's UI under the studio's origin: what the gate lets through is handed to Dagster's web server at its socket.

Who may be here (operators, with a session, from this origin) is decided in gate.py. What arrives is narrow: pages and
files by GET, questions and mutations by POST of JSON, subscriptions by a socket. No cookie, no key and no address goes on.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import httpx2
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from tgstudio_dagster.core.settings.machine import DAGSTER_PATH
from tgstudio_dagster.web.problems import problem

MAX_BODY = 2**20
"""Bytes of a question; the largest are configurations of runs."""
GRAPHQL = f"{DAGSTER_PATH}/graphql"
_HOST = "http://dagster"
_SECONDS = 60.0
_CLOSED = (f"{DAGSTER_PATH}/report_", f"{DAGSTER_PATH}/notebook", f"{DAGSTER_PATH}/dagit", f"{DAGSTER_PATH}/logs")
_HANDED_ON = frozenset(
    {"accept", "accept-encoding", "accept-language", "content-type", "if-modified-since", "if-none-match", "range"}
)
_HANDED_BACK = frozenset(
    {"accept-ranges", "cache-control", "content-disposition", "content-encoding", "content-length", "content-range"}
    | {"content-security-policy", "content-type", "etag", "last-modified", "location", "referrer-policy", "vary"}
)
_POLICY = (
    "img-src 'self' data: blob:; media-src 'none'; frame-src 'none'; frame-ancestors 'none'; form-action 'none'; "
    "font-src 'self' data:; worker-src 'self' blob:; manifest-src 'self'; connect-src 'self' {socket}"
)
"""What Dagster's own policy leaves open: pictures and frames of others, and where pages may send what they know."""
_DOWN = "Dagster's web server does not answer; `tgstudio up` starts it."
_SUBPROTOCOL = Subprotocol("graphql-ws")


class DagsterUi:
    """The app of `/dagster`: a proxy to the web server at `socket`; `origin` is the studio's own."""

    def __init__(self, socket: Path, origin: str) -> None:
        self._socket = socket
        self._policy = _POLICY.format(socket=origin.replace("http", "ws", 1))
        self._client = httpx2.AsyncClient(
            transport=httpx2.AsyncHTTPTransport(uds=str(socket)), timeout=_SECONDS, follow_redirects=False
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._subscribe(scope, receive, send)
        else:
            await self._answer(scope, receive, send)

    async def close(self) -> None:
        """Close the connections that are kept open."""
        await self._client.aclose()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"].removeprefix(scope.get("root_path", ""))
        headers = Headers(scope=scope)
        refusal = None
        # What would be decoded once more, or end elsewhere, behind this gate.
        if any(sign in path for sign in "%?#\\") or {".", ".."} & set(path.split("/")):
            refusal = problem(404, "there is nothing here.")
        elif path.startswith(_CLOSED):
            refusal = problem(404, f"{path}: there is nothing here.")
        elif path.rstrip("/") == GRAPHQL:
            if method != "POST":
                refusal = problem(405, f"{method} is not for this address.", headers={"allow": "POST"})
            elif headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
                refusal = problem(415, "Content-Type: only application/json is taken here.")
        elif method not in {"GET", "HEAD"}:
            refusal = problem(405, f"{method} is not for this address.", headers={"allow": "GET, HEAD"})
        body = b"" if refusal else await _body(receive)
        if body is None:
            refusal = problem(413, f"a question has at most {MAX_BODY // 1024} KiB.")
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        query = scope.get("query_string", b"").decode("latin-1")
        url = httpx2.URL(_HOST).copy_with(path=path, query=query.encode("latin-1") or None)
        sent = [(name, value) for name, value in headers.items() if name in _HANDED_ON]
        try:
            async with self._client.stream(method, url, headers=sent, content=body) as answer:
                await send(
                    {"type": "http.response.start", "status": answer.status_code, "headers": self._headers(answer)}
                )
                async for chunk in answer.aiter_raw():
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
        except httpx2.ConnectError:
            await problem(502, _DOWN)(scope, receive, send)
        except httpx2.TimeoutException:
            await problem(504, f"Dagster's web server took longer than {_SECONDS:g} s.")(scope, receive, send)

    def _headers(self, answer: httpx2.Response) -> list[tuple[bytes, bytes]]:
        kept = {name: value for name, value in answer.headers.items() if name in _HANDED_BACK}
        own = kept.get("content-security-policy", "default-src 'none'").strip().rstrip(";")
        kept |= {
            "content-security-policy": f"{own}; {self._policy}",
            "cross-origin-resource-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
        }
        if "location" in kept:
            kept["location"] = kept["location"].removeprefix(_HOST)
        return [(name.encode(), value.encode("latin-1")) for name, value in kept.items()]

    async def _subscribe(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        offered = scope.get("subprotocols", [])
        if scope["path"].removeprefix(scope.get("root_path", "")) != GRAPHQL or _SUBPROTOCOL not in offered:
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            upstream = await unix_connect(
                str(self._socket),
                f"ws://dagster{GRAPHQL}",
                subprotocols=[_SUBPROTOCOL],
                max_size=2**24,
                compression=None,
            )
        except (OSError, WebSocketException):
            await send({"type": "websocket.close", "code": 1013})
            return
        await send({"type": "websocket.accept", "subprotocol": _SUBPROTOCOL})
        async with upstream:
            ways = {
                asyncio.ensure_future(_up(upstream, receive)),
                asyncio.ensure_future(_down(upstream, send)),
            }
            _, left = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in left:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)


async def _body(receive: Receive) -> bytes | None:
    """The request's body; None where it is too large."""
    body = bytearray()
    while True:
        message: Message = await receive()
        if message["type"] != "http.request":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            return None
        if not message.get("more_body"):
            return bytes(body)


async def _up(upstream: ClientConnection, receive: Receive) -> None:
    """What the browser sends, until it leaves or its session ends."""
    with suppress(ConnectionClosed):
        while (message := await receive())["type"] == "websocket.receive":
            text = message.get("text")
            if text is not None:
                await upstream.send(text)


async def _down(upstream: ClientConnection, send: Send) -> None:
    """What Dagster sends."""
    with suppress(ConnectionClosed):
        async for text in upstream:
            await send({"type": "websocket.send", "text": text if isinstance(text, str) else text.decode()})
    with suppress(RuntimeError):
        await send({"type": "websocket.close", "code": 1000})
