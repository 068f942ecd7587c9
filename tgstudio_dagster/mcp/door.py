"""The door of `/mcp`: who comes in over HTTP. A key in `Authorization: Bearer tgs_…`, from where it may be used.

What a key may do once it is in is server.py's matter.
"""

from __future__ import annotations

from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tgstudio_dagster.catalog.people.refusals import ADDRESS, KEY
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import ForbiddenError, SignInError, TGStudioError
from tgstudio_dagster.services.platform import Platform
from tgstudio_dagster.web import problems
from tgstudio_dagster.web.refusing import address_block, refused
from tgstudio_dagster.web.who import Visitor, of_key

_WRONG_KEYS = 20
"""Wrong keys of one address in a minute, before it is told to wait."""
_MESSAGES = 600
"""Messages of a key in a minute, of any kind; calls of tools have the plan's closer limit."""
_STATE = "mcp_visitor"
_NO_KEY = "send `Bearer tgs_…` with an API key; Settings makes one."


class Door:
    """In front of the MCP app: lets posts with a good key through, and answers all others."""

    def __init__(self, app: ASGIApp, platform: Platform) -> None:
        self._app = app
        self._platform = platform

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        answer: Response | None = None
        if request.url.path != "/mcp":
            # Clients look for OAuth here first; keys are not handed out that way.
            answer = problems.problem(404, f"{request.url.path}: there is no OAuth here. Authorization: {_NO_KEY}")
        elif request.method != "POST":
            # Nothing is ever sent unasked, so there is no stream to open and no session to end.
            answer = problems.problem(405, "/mcp: only POST is served.", headers={"allow": "POST"})
        else:
            try:
                visitor = await anyio.to_thread.run_sync(visitor_of, self._platform, request)
                if visitor.key is not None:
                    self._platform.limiter.take("messages_per_minute", visitor.key.id, _MESSAGES)
                scope.setdefault("state", {})[_STATE] = visitor
            except TGStudioError as error:
                answer = problems.of_error(error, problems.request_id(request))
        if answer is not None:
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def visitor_of(platform: Platform, request: Any) -> Visitor:
    """Who sends the request, asked once: the visitor of its key, never of a cookie, which a foreign page could have sent.

    Raises SignInError, ForbiddenError, QuotaError.
    """
    if not isinstance(request, Request):
        raise SignInError(_NO_KEY, field="Authorization")
    known = request.scope.get("state", {}).get(_STATE)
    if isinstance(known, Visitor):
        return known
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise SignInError(_NO_KEY, field="Authorization")
    ip = request.client.host if request.client else ""
    agent = request.headers.get("user-agent", "")
    try:
        return of_key(platform, secret.strip(), utc_now(), ip=ip, user_agent=agent, calls=None)
    except SignInError as error:
        refused(platform, KEY, subject=secret.strip()[:10], ip=ip, error=error)
        platform.limiter.take("wrong_keys", address_block(ip), _WRONG_KEYS)
        raise
    except ForbiddenError as error:
        refused(platform, ADDRESS, subject=secret.strip()[:10], ip=ip, error=error)
        raise
