"""What is measured of the web app, for Prometheus; and whether it lives and is ready, for whoever keeps it running."""

from __future__ import annotations

import time

from fastapi import APIRouter, Depends, Request
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tgstudio_dagster.core.errors import ForbiddenError, TGStudioError
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.services.platform import Platform
from tgstudio_dagster.web.who import identify, platform_of

REQUESTS = Counter("tgstudio_requests_total", "HTTP requests.", ["method", "route", "status"])
SECONDS = Histogram(
    "tgstudio_request_seconds", "Time to an answer.", ["route"], buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
)
SIGN_INS = Counter("tgstudio_sign_ins_total", "Attempts to sign in.", ["way", "result"])
SOCKETS = Gauge("tgstudio_sockets", "Pages that are open.")
_OF_PROXIES = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "via", "x-real-ip")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
def ready(request: Request) -> Response:
    """The catalog and the lake answer too; 503 where one does not. What is wrong stands in the log and in `doctor`."""
    found = _ready(platform_of(request))
    return JSONResponse(found, 200 if all(value == "ok" for value in found.values()) else 503)


def _may_measure(request: Request) -> None:
    # Prometheus on this machine needs no key; through a proxy everybody could look like this machine.
    proxied = platform_of(request).web_settings.trusted_proxies.strip()
    # A proxy that names itself in no header still hands the name on that the browser asked for.
    local = request.url.hostname in {"127.0.0.1", "::1", "localhost"}
    direct = local and not proxied and not any(name in request.headers for name in _OF_PROXIES)
    if direct and request.client is not None and request.client.host in {"127.0.0.1", "::1"}:
        return
    who = identify(request)
    who.need("admin")
    if who.principal.role != "operator" and not who.user.is_operator:
        raise ForbiddenError("measurements are for the operator of this machine.", field="role")


@router.get("/metrics", dependencies=[Depends(_may_measure)])
def metrics() -> Response:
    """Prometheus's format: for this machine itself where no proxy is set, or an operator (session, or key of scope admin)."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


class Measured:
    """Counts and times every request, by the route's pattern, never by its path: ids would be endless."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        started = time.perf_counter()

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            route = getattr(scope.get("route"), "path", None) or "pages"
            method = scope["method"] if scope["method"] in _METHODS else "other"
            REQUESTS.labels(method, route, str(status)).inc()
            SECONDS.labels(route).observe(time.perf_counter() - started)


def _ready(platform: Platform) -> dict[str, str]:
    found = {"catalog": "ok" if platform.catalog.answers() else "failed", "lake": "ok"}
    try:
        platform.lake.tenant("readyz").days(MESSAGES)
    except TGStudioError:
        found["lake"] = "failed"
    return found
