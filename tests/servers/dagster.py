"""Dagster's own web server over an instance of the test's, at a socket, without code: what is asked of runs is real."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType

import dagster as dg
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext

from tgstudio_dagster.core.sockets import listen
from tgstudio_dagster.orchestration.web_server import build_app


class DagsterServer:
    """Serves while it is entered; `path` is its socket (default: one of its own)."""

    def __init__(self, instance: dg.DagsterInstance, path: Path | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="dagster_")
        self.path = path or Path(self._folder.name) / "dagster.sock"
        self._workspace = WorkspaceProcessContext(instance, workspace_load_target=None, version="test", read_only=False)
        self._socket = listen(self.path, "path")
        self._server = uvicorn.Server(uvicorn.Config(build_app(self._workspace), log_level="error"))
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
        self._folder.cleanup()
