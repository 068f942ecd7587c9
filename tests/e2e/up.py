"""A running `tgstudio up`, as tests start it and ask it, and as they wait for what it does by itself.

No assertion of what it does: see the tests.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2

from tgstudio_dagster.core.settings import Settings

COMMAND = [sys.executable, "-c", "from tgstudio_dagster.cli import main; main()", "up"]
RANGE_START = "dagster/asset_partition_range_start"
PATIENCE = 300.0
"""Seconds until the daemon must have done what it is waited for."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Up:
    """A running `tgstudio up` in a home of its own."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.settings = Settings(home=home)
        self.web_port, self.reader_port = free_port(), free_port()
        self.environment = os.environ | environment
        self.environment |= {"TGSTUDIO_HOME": str(home)}
        self.environment |= {
            "TGSTUDIO_WEB_PORT": str(self.web_port),
            "TGSTUDIO_READER_PORT": str(self.reader_port),
        }
        self.process = subprocess.Popen(COMMAND, env=self.environment, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.said = []
        for line in self.process.stdout:
            self.said.append(line)
            if "Ctrl-C" in line:
                break

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of a GraphQL query."""
        transport = httpx2.HTTPTransport(uds=str(self.settings.dagster_socket_path))
        with httpx2.Client(transport=transport, timeout=60) as client:
            answer = client.post("http://dagster/dagster/graphql", json={"query": query, "variables": variables})
        return answer.json()["data"]

    def runs(self, tenant: str) -> list[dict[str, Any]]:
        """The runs over a tenant's days, started by sensors or by hand: status and tags by key, the newest first."""
        found = self.ask("{runsOrError{... on Runs{results{status tags{key value}}}}}")["runsOrError"]["results"]
        runs = [{"status": run["status"]} | {tag["key"]: tag["value"] for tag in run["tags"]} for run in found]
        return [run for run in runs if run.get(RANGE_START, "").endswith(f"|{tenant}")]

    def all_succeeded(self, tenant: str) -> bool:
        """Whether there are runs over the tenant's days, and all of them have succeeded."""
        return {run["status"] for run in self.runs(tenant)} == {"SUCCESS"}

    def interrupt(self) -> int:
        """End it as Ctrl-C does, unless it has ended; returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until the condition holds; fails with `what` where it does not for longer than any busy machine takes."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.4)
