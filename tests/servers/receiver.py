"""An HTTP server of loopback that keeps what is posted to it: somebody else's server, as webhooks and alerts find it.

with Receiver() as receiver:
    receiver.answers = [500, 200]     # then always the last
    …
    receiver.posts[0].json
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast


@dataclass(frozen=True)
class Posted:
    """One request: its path, its headers in lower case, its body, and what it was answered."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def json(self) -> Any:
        """The body's JSON."""
        return json.loads(self.body)


class Receiver(ThreadingHTTPServer):
    """Answers with `answers` in turn; `before` is called with each request's path before it is answered."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.posts: list[Posted] = []
        self.answers: list[int] = [204]
        self.headers: dict[str, str] = {}
        self.body = b""
        self.before: Callable[[str], None] | None = None
        self._lock = threading.Lock()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        """Keep a request; returns what it is answered."""
        if self.before is not None:
            self.before(path)
        with self._lock:
            status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            self.posts.append(Posted(path, headers, body, status))
            return status

    def wait_for(self, count: int, seconds: float = 20) -> list[Posted]:
        """The requests, once there are so many; fails where they do not come."""
        give_up = time.monotonic() + seconds
        while len(self.posts) < count:
            assert time.monotonic() < give_up, f"{len(self.posts)} of {count} requests came"
            time.sleep(0.02)
        return self.posts

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = cast(Receiver, self.server)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status = server.take(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        self.send_response(status)
        for name, value in server.headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(server.body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(server.body)

    do_GET = do_POST

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""
