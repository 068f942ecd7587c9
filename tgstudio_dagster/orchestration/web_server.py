"""Dagster's own web server, on a socket of this machine: it has no access control, so no browser may reach it but by the gate.

Started as `python -m tgstudio_dagster.orchestration.web_server -w workspace.yaml`. Who may use it is decided in `web/gate.py`,
which hands on what people send; the web app and the reader ask it directly. Left out is what people are not let use:
queries by GET (a picture's address could hold a mutation), notebooks, files of logs.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress

import uvicorn
from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.version import __version__
from dagster_webserver.webserver import DagsterWebserver
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tgstudio_dagster.core.errors import TGStudioError
from tgstudio_dagster.core.home import prepare_home
from tgstudio_dagster.core.settings import settings
from tgstudio_dagster.core.settings.machine import DAGSTER_PATH
from tgstudio_dagster.core.sockets import listen

STATEMENT_MILLISECONDS, POOL_SECONDS, POOL_OVERFLOW = 15_000, 3_600, 20
"""As Dagster's own command sets them."""
POLL_MILLISECONDS = 2_000


class StudioWebserver(DagsterWebserver):  # type: ignore[type-arg]
    """Dagster's web server, without what could be used by accident."""

    async def graphql_http_endpoint(self, request: Request) -> Response:
        """Queries and mutations: by POST of JSON only."""
        if request.method != "POST":
            return PlainTextResponse("only POST is served.", 405, {"allow": "POST"})
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return PlainTextResponse("content-type: only application/json is served.", 415)
        answer: Response = await super().graphql_http_endpoint(request)
        return answer

    async def download_notebook(self, request: Request) -> Response:
        """No notebooks are served: they are files of the machine."""
        return PlainTextResponse("there is nothing here.", 404)

    async def download_captured_logs_endpoint(self, request: Request) -> Response:
        """No logs of steps are kept (dagster.yaml)."""
        return PlainTextResponse("there is nothing here.", 404)


def build_app(workspace: WorkspaceProcessContext) -> Starlette:
    """The web server's app, below `DAGSTER_PATH`."""
    app: Starlette = StudioWebserver(workspace, DAGSTER_PATH, POLL_MILLISECONDS).create_asgi_app()
    return app


def main() -> None:
    """Serve until the process is asked to end."""
    parser = argparse.ArgumentParser(description="Dagster's web server, on a socket.")
    parser.add_argument("-w", "--workspace", required=True, help="The workspace's file.")
    workspace = parser.parse_args().workspace
    try:
        prepare_home(settings())
        listening = listen(settings().dagster_socket_path, "TGSTUDIO_DAGSTER_SOCKET")
    except TGStudioError as error:
        sys.exit(f"error: {error}")
    with DagsterInstance.get() as instance:
        instance.optimize_for_webserver(STATEMENT_MILLISECONDS, POOL_SECONDS, POOL_OVERFLOW)
        target = WorkspaceFileTarget(paths=[workspace])
        with WorkspaceProcessContext(instance, workspace_load_target=target, version=__version__) as context:
            config = uvicorn.Config(build_app(context), log_level="warning", timeout_graceful_shutdown=5)
            with suppress(KeyboardInterrupt):
                uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
