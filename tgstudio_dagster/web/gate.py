"""The gate in front of the pages (Streamlit): nothing of them without a session, and no socket outlives its session.

Streamlit freezes identity at a WebSocket's handshake and can't set cookies. So who somebody is is verified here, and handed
over in headers that no client can send itself (`.streamlit/config.toml` maps them to `st.user`). The checks that are no
page's (scopes, keys) are who.py's matter.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from datetime import datetime
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tgstudio_dagster.catalog.people.logins import ended_among, session_hash
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import ForbiddenError, SignInError, TGStudioError
from tgstudio_dagster.core.settings.machine import DAGSTER_PATH
from tgstudio_dagster.services.platform import Platform
from tgstudio_dagster.services.sessions import session_cookie
from tgstudio_dagster.web.auth.pages import refused_page
from tgstudio_dagster.web.dagster_ui import DagsterUi
from tgstudio_dagster.web.limits import UPLOADS
from tgstudio_dagster.web.metrics import SOCKETS
from tgstudio_dagster.web.problems import of_error, status_of
from tgstudio_dagster.web.uploads import Uploads
from tgstudio_dagster.web.who import SAFE, Visitor, check_origin, of_session, preferred_language

PREFIX = b"x-tgstudio-"
SWEEP_SECONDS = 60.0
"""How often files of sessions that have no page open any more are looked for."""
POLL_SECONDS = 0.5
"""How long a page may outlive its session."""
ENDED = 4401
"""A private close code (4000 to 4999): the session has ended."""
_OPEN = ("/static/", "/_stcore/health", "/_stcore/host-config", "/favicon")
_LOG = logging.getLogger(__name__)


class Gate:
    """The pages' app, for those who are signed in. `watch()` runs for as long as the app does."""

    def __init__(self, app: ASGIApp, platform: Platform, *, poll: float = POLL_SECONDS) -> None:
        self._app = app
        self._dagster = DagsterUi(platform.settings.dagster_socket_path, platform.web_settings.origin)
        self._uploads = Uploads(app, platform)
        self._platform = platform
        self._poll = poll
        self._cookie = session_cookie(platform.web_settings).name
        self._open: Counter[str] = Counter()
        self._ended: dict[str, asyncio.Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if scope["type"] == "http" and scope["method"] in SAFE and path.startswith(_OPEN):
            await self._app({**scope, "headers": _stripped(scope)}, receive, send)
            return
        try:
            visitor, sid = await self._who(scope)
            dagster = path == DAGSTER_PATH or path.startswith(f"{DAGSTER_PATH}/")
            if (dagster or path.startswith("/_stcore/metrics")) and visitor.principal.role != "operator":
                raise ForbiddenError("this is for the operator of this machine.", field="role")
        except TGStudioError as error:
            await self._refuse(scope, receive, send, path, error)
            return
        identity = {"user": visitor.user.id, "tenant": visitor.principal.tenant, "sid": sid}
        headers = [*_stripped(scope), *((PREFIX + name.encode(), value.encode()) for name, value in identity.items())]
        app: ASGIApp = self._dagster if dagster else self._app
        if scope["type"] == "http":
            scope = {**scope, "headers": headers}
            if path.startswith(UPLOADS) and scope["method"] not in SAFE:
                await self._uploads.handle(scope, receive, send, visitor, sid)
            else:
                await app(scope, receive, send)
        else:
            # Streamlit would compare the origin again, with addresses that it asks other hosts for.
            scope = {**scope, "headers": [(name, value) for name, value in headers if name != b"origin"]}
            await self._socket(app, scope, receive, send, session_hash(sid))

    async def watch(self) -> None:
        """Ask the catalog, for as long as it runs, which of the sessions with open sockets have ended, and end those."""
        swept = 0.0
        while True:
            await asyncio.sleep(self._poll)
            known = set(self._open)
            if time.monotonic() - swept > SWEEP_SECONDS:
                swept = time.monotonic()
                await anyio.to_thread.run_sync(self._platform.staged.sweep, known)
            if not known:
                continue
            try:
                await anyio.to_thread.run_sync(self._platform.notice_accounts)
                ended = await anyio.to_thread.run_sync(ended_among, self._platform.catalog, known, utc_now())
            except Exception:  # noqa: BLE001 - whatever ails the catalog, the next look may succeed; nobody gets in meanwhile
                _LOG.exception("sessions could not be looked up")
                continue
            for one in ended:
                if one in self._ended:
                    self._ended[one].set()

    async def close(self) -> None:
        """Close the connections that are kept open."""
        await self._dagster.close()

    async def _who(self, scope: Scope) -> tuple[Visitor, str]:
        headers = Headers(scope=scope)
        unsafe = scope["type"] == "websocket" or scope["method"] not in SAFE
        if unsafe:
            origin = headers.get("origin")
            if origin is None:
                raise ForbiddenError("a browser says here which page asks; without it nobody gets in.", field="Origin")
            check_origin(self._platform, origin)
        sid = self._platform.signer.sid(_cookie(headers, self._cookie))
        if sid is None:
            raise SignInError("Sign in first.")
        ip = scope["client"][0] if scope.get("client") else ""
        now: datetime = utc_now()
        visitor = await anyio.to_thread.run_sync(lambda: of_session(self._platform, sid, now, ip=ip))
        return visitor, sid

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, path: str, error: TGStudioError) -> None:
        if scope["type"] == "websocket":
            # Before it is accepted this is answered with 403.
            await send({"type": "websocket.close", "code": ENDED})
            return
        wants_page = "text/html" in Headers(scope=scope).get("accept", "")
        if isinstance(error, SignInError) and wants_page and scope["method"] in SAFE:
            query = scope.get("query_string", b"").decode("latin-1")
            target = quote(path + (f"?{query}" if query else ""), safe="")
            response = RedirectResponse(f"/login?next={target}", 303, {"cache-control": "no-store"})
            await response(scope, receive, send)
        elif wants_page and scope["method"] in SAFE:
            language = preferred_language(Headers(scope=scope).get("accept-language"))
            await refused_page(str(error), language, status=status_of(error))(scope, receive, send)
        else:
            await of_error(error, scope.get("state", {}).get("request_id"))(scope, receive, send)

    async def _socket(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, session: str) -> None:
        ended = self._ended.setdefault(session, asyncio.Event())
        self._open[session] += 1
        SOCKETS.inc()
        pending: asyncio.Task[Message] | None = None
        waiting = asyncio.ensure_future(ended.wait())
        closed = False

        async def guarded() -> Message:
            nonlocal pending, closed
            pending = pending or asyncio.ensure_future(receive())
            await asyncio.wait({pending, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if ended.is_set():
                if not closed:
                    closed = True
                    await send({"type": "websocket.close", "code": ENDED, "reason": "session ended"})
                return {"type": "websocket.disconnect", "code": ENDED}
            message, pending = pending.result(), None
            return message

        async def sending(message: Message) -> None:
            if not closed:
                await send(message)

        try:
            await app(scope, guarded, sending)
        finally:
            waiting.cancel()
            if pending is not None:
                pending.cancel()
            SOCKETS.dec()
            self._open[session] -= 1
            if not self._open[session]:
                del self._open[session]
                self._ended.pop(session, None)


def _stripped(scope: Scope) -> list[tuple[bytes, bytes]]:
    # Underscores too: some servers take them for hyphens.
    return [
        (name, value) for name, value in scope["headers"] if not name.lower().replace(b"_", b"-").startswith(PREFIX)
    ]


def _cookie(headers: Headers, name: str) -> str | None:
    jar: SimpleCookie = SimpleCookie()
    for header in headers.getlist("cookie"):
        try:
            jar.load(header)
        except CookieError:
            continue
    return jar[name].value if name in jar else None
