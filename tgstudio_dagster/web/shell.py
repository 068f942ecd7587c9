"""The page's first HTML, as it comes from Streamlit, told where it stands: no search for the server, our title, our icon.

Without this a page below the root asks two addresses that don't exist before it finds the server (two errors in the
browser's console, two round trips), and shows Streamlit's name until its script has run.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FIRST_PAGE = "/feed"
"""Where people arrive. Streamlit serves it at the root only, and says of this address that there is no such page."""
_HEAD = b"<head>"
_TOLD = (
    b"<head><script>window.__streamlit = {BACKEND_BASE_URL: location.origin + '/', "
    b"MAIN_PAGE_BASE_URL: location.origin + '/'};</script>"
)
_TITLE, _OURS = b"<title>Streamlit</title>", b"<title>TG Studio</title>"


class Shell:
    """Streamlit's app with its HTML documents completed; everything else passes as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["method"] != "GET"
            or "text/html" not in Headers(scope=scope).get("accept", "")
        ):
            await self._app(scope, receive, send)
            return
        if scope["path"].removeprefix(scope.get("root_path", "")).rstrip("/") == FIRST_PAGE:
            query = scope.get("query_string", b"").decode("latin-1")
            await RedirectResponse(f"/?{query}" if query else "/", 303)(scope, receive, send)
            return
        # A cached or compressed document could not be completed.
        dropped = (b"accept-encoding", b"if-none-match", b"if-modified-since", b"range")
        scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0].lower() not in dropped]}
        start: Message | None = None
        body = b""

        async def completed(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                if Headers(raw=message["headers"]).get("content-type", "").startswith("text/html"):
                    start = message
                    return
            elif start is not None:
                body += message.get("body", b"")
                if message.get("more_body"):
                    return
                headers = MutableHeaders(raw=list(start["headers"]))
                body = body.replace(_HEAD, _TOLD, 1).replace(_TITLE, _OURS, 1)
                headers["content-length"] = str(len(body))
                headers["cache-control"] = "no-store"
                for name in ("etag", "last-modified"):
                    if name in headers:
                        del headers[name]
                await send({**start, "headers": headers.raw})
                message = {**message, "body": body}
            await send(message)

        await self._app(scope, receive, completed)
