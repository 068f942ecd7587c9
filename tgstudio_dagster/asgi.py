"""The web app, put together: sign-in, the REST interface, language models' tools, and the pages behind their gate.

One process, one origin, started as `python -m tgstudio_dagster.asgi`. What each of them does stands in its own folder.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Protocol

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route, compile_path
from starlette.types import Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from tgstudio_dagster import __version__
from tgstudio_dagster.capabilities import load_all
from tgstudio_dagster.core.errors import TGStudioError
from tgstudio_dagster.core.home import PROJECT
from tgstudio_dagster.core.private import keep_private
from tgstudio_dagster.core.settings import settings, web_settings
from tgstudio_dagster.mcp.server import build_mcp
from tgstudio_dagster.outbox.service import dispatching
from tgstudio_dagster.services.platform import Platform, use
from tgstudio_dagster.web import api, metrics, problems
from tgstudio_dagster.web.api import spec
from tgstudio_dagster.web.auth import routes as auth
from tgstudio_dagster.web.gate import Gate
from tgstudio_dagster.web.headers import SafeHeaders
from tgstudio_dagster.web.limits import BodyLimits
from tgstudio_dagster.web.shell import Shell

PAGES = PROJECT / "streamlit_app" / "app.py"
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class Pages(Protocol):
    """The pages' app: Streamlit's `st.App`, of which a process can have one."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

    def lifespan(self) -> object:
        """What is to be entered for as long as the app runs, called with the root app."""


def build_app(platform: Platform, *, pages: Pages | None = None) -> FastAPI:
    """The whole app over what is open. `pages` is given by tests; it is Streamlit's otherwise."""
    ui = pages or _streamlit()
    gate = Gate(Shell(ui), platform)
    server, mcp = build_mcp(platform)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            enter = ui.lifespan()
            assert callable(enter)
            started: AbstractAsyncContextManager[object] = enter(app)
            await stack.enter_async_context(started)
            # Streamlit hangs its handler on it again: addresses with codes of sign-ins would be logged.
            logging.getLogger("uvicorn.access").disabled = True
            await stack.enter_async_context(server.session_manager.run())
            await asyncio.to_thread(platform.staged.sweep, seconds=0)
            watching = asyncio.create_task(gate.watch())
            stack.callback(watching.cancel)
            outbox = dispatching(platform.catalog, platform.settings)
            await asyncio.to_thread(outbox.__enter__)
            stack.push_async_callback(asyncio.to_thread, outbox.__exit__, None, None, None)
            await asyncio.to_thread(platform.warm)
            stack.push_async_callback(gate.close)
            yield

    app = FastAPI(
        title="TG Studio",
        version=__version__,
        lifespan=lifespan,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.platform = platform
    use(platform)
    problems.install(app)
    app.include_router(metrics.router)
    app.include_router(auth.router)
    app.include_router(api.router)
    for capability, router in load_all("routes"):
        app.include_router(router, tags=[capability.name])
    spec.install(app)
    for path in ("/v1", "/v1/{rest:path}"):
        app.add_api_route(path, _unknown, methods=_METHODS, include_in_schema=False)
    # A Route, not a mount: the path must be exactly this, and no slash more.
    for path in ("/mcp", "/.well-known/oauth-protected-resource/mcp"):
        app.router.routes.append(Route(path, mcp))
    app.mount("/", gate)
    _wrap(app, platform)
    return app


async def _unknown(request: Request) -> None:
    # Streamlit would answer with its page.
    path = request.url.path
    known = request.app.openapi()["paths"].items()
    allowed = {
        method.upper()
        for template, operations in known
        if compile_path(template)[0].match(path)
        for method in operations.keys() & {method.lower() for method in _METHODS}
    }
    if allowed:
        raise HTTPException(405, f"{request.method} is not for this address.", {"allow": ", ".join(sorted(allowed))})
    raise HTTPException(404, f"{path}: there is nothing here; /v1/openapi.json says what there is.")


def _wrap(app: FastAPI, platform: Platform) -> None:
    """The app's layers; the last is the outermost."""
    web = platform.web_settings
    origins = [origin.strip() for origin in web.cors_origins.split(",") if origin.strip()]
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=_METHODS,
            allow_headers=["authorization", "content-type", "idempotency-key", "if-none-match", "x-request-id"],
            expose_headers=["etag", "link", "location", "retry-after", "x-request-id"],
        )
    app.add_middleware(BodyLimits)
    app.add_middleware(metrics.Measured)
    app.add_middleware(problems.RequestIds)
    app.add_middleware(SafeHeaders, web=web)
    proxies = [proxy.strip() for proxy in web.trusted_proxies.split(",") if proxy.strip()]
    if proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=proxies)


def _streamlit() -> Pages:
    import streamlit

    app: Pages = streamlit.App(PAGES)
    return app


def main() -> None:
    """Serve until the process is asked to end."""
    keep_private()
    try:
        web = web_settings()
        platform = Platform.open(settings(), web)
    except TGStudioError as error:
        sys.exit(f"error: {error}")
    try:
        uvicorn.run(
            build_app(platform),
            host=web.host,
            port=web.port,
            # Proxies are believed as TGSTUDIO_WEB_TRUSTED_PROXIES says, not as uvicorn would: this machine's own, always.
            proxy_headers=False,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
    finally:
        platform.close()


if __name__ == "__main__":
    main()
