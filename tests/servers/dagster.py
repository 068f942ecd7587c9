"""Dagster's own web server over an instance of the test's, on loopback, without code: what is asked of runs is real."""

from __future__ import annotations

import socket
import threading
import time
from types import TracebackType

import dagster as dg
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster_webserver.app import create_app_from_workspace_process_context


class DagsterServer:
    """Serves while it is entered; `url` is its address."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._workspace = WorkspaceProcessContext(instance, workspace_load_target=None, version="", read_only=False)
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        app = create_app_from_workspace_process_context(self._workspace)
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    def __enter__(self) -> DagsterServer:
        self._thread.start()
        give_up = time.monotonic() + 120
        while not self._server.started:
            assert time.monotonic() < give_up, "the web server did not start"
            time.sleep(0.02)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=20)
        self._workspace.__exit__(None, None, None)
