"""The small Telegram in a process of its own, told what to do by JSON lines.

One line asks (`{"call": "post", "args": […], "options": {…}}`, or `{"set": "qr_seconds", "value": 2}`), one line answers
(`{"result": …}` or `{"error": …}`). Bytes, dates and spans travel as `{"$bytes": base64}`,
`{"$date": ISO}` and `{"$seconds": n}`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import sys
import threading
import time
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from telethon import TelegramClient
from telethon.tl import TLObject

from tests.servers.process import ServerFailedError, ServerProcess
from tests.servers.telegram.model import Channel, Message, User
from tests.servers.telegram.server import TelegramServer, settings_of
from tgstudio_dagster.core.settings import TelegramSettings

_ROOT = Path(__file__).resolve().parents[3]
_HIDDEN = {
    *("packed", "secret", "entities", "forward", "forward_channel", "sent"),
    *("events", "messages", "ids", "threads", "copies", "request"),
}


async def serve_control(server: TelegramServer, port: int = 0) -> int:
    """Listen for JSON lines on loopback and return the port."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            # In a thread: a call waits for the server's own loop.
            answer = await asyncio.to_thread(_obey, server, line)
            writer.write(json.dumps(answer, default=repr).encode() + b"\n")
            await writer.drain()
        writer.close()

    # A line may hold a whole file.
    listener = await asyncio.start_server(talk, "127.0.0.1", port, limit=1 << 30)
    return int(listener.sockets[0].getsockname()[1])


def _obey(server: TelegramServer, line: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(line, object_hook=_revive)
        if "set" in asked:
            setattr(server, asked["set"], asked["value"])
            return {"result": None}
        member = getattr(server, asked["call"])
        result = member(*asked.get("args", ()), **asked.get("options", {})) if callable(member) else member
        return {"result": plain(result)}
    except Exception as error:  # noqa: BLE001 (whatever went wrong is the answer)
        return {"error": f"{type(error).__name__}: {error}"}


def plain(value: Any) -> Any:
    """A value as JSON can carry it; objects as dictionaries of their plain fields."""
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, datetime):
        return {"$date": value.isoformat()}
    if isinstance(value, timedelta):
        return {"$seconds": value.total_seconds()}
    if isinstance(value, User | Channel | Message) or is_dataclass(value):
        shown = {one.name: plain(getattr(value, one.name)) for one in fields(value) if one.name not in _HIDDEN}
        return {"$object": shown | ({"link": value.link} if isinstance(value, Channel) else {})}
    if isinstance(value, TLObject):
        return type(value).__name__
    if isinstance(value, dict):
        return {"$items": [[plain(key), plain(one)] for key, one in value.items()]}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    return value


def _revive(given: dict[str, Any]) -> Any:
    """The other way round; objects become namespaces."""
    if "$bytes" in given:
        return base64.b64decode(given["$bytes"])
    if "$date" in given:
        return datetime.fromisoformat(given["$date"])
    if "$seconds" in given:
        return timedelta(seconds=given["$seconds"])
    if "$object" in given:
        return SimpleNamespace(**given["$object"])
    return dict(given["$items"]) if "$items" in given else given


class RemoteServer:
    """A TelegramServer in a process of its own: the same methods, by JSON lines. It ends with `stop()`.

    Users and channels come back as namespaces with their plain fields (`.id`, `.phone`, `.username`, `.invite`, …).
    `module` is what the process runs: a TelegramServer that can do more may be served in the same way.
    """

    def __init__(self, module: str = "tests.servers.telegram") -> None:
        self._process = ServerProcess("telegram")
        command = [sys.executable, "-m", module, "--key", str(self._process.home / "key.pem")]
        self._process.start(command, {**os.environ, "PYTHONPATH": str(_ROOT), "PYTHONUNBUFFERED": "1"})
        try:
            ready = self._await_ready()
        except BaseException:
            self._process.stop()
            raise
        self.port: int = ready["port"]
        TelegramClient._config = None  # As in TelegramServer.start: other ports than an earlier server's.
        self._lock = threading.Lock()
        self._socket = socket.create_connection(("127.0.0.1", ready["control"]), timeout=60)
        self._lines = self._socket.makefile("rb")
        self.dc = f"2:127.0.0.1:{self.port}"
        self.public_key: str = self._call("public_key")

    def _await_ready(self) -> dict[str, Any]:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            self._process.check()
            for line in self._process.log.read_text().splitlines():
                if line.startswith('{"port"'):
                    ready: dict[str, Any] = json.loads(line)
                    return ready
            time.sleep(0.02)
        raise ServerFailedError(f"No Telegram in 30 s: {self._process.log.read_text()[-2000:]}")

    def environment(self, folder: Path) -> dict[str, str]:
        """The TELEGRAM_* variables of a process that talks to this server."""
        given: dict[str, str] = self._call("environment", str(folder))
        return given

    def settings(self, folder: Path, **changes: Any) -> TelegramSettings:
        """The same as settings, some of them changed."""
        return settings_of(self.environment(folder), **changes)

    @property
    def overlaps(self) -> list[Any]:
        """The overlaps so far."""
        return list(self._call("overlaps"))

    @property
    def failures(self) -> list[Any]:
        """Mistakes of the server itself, as texts."""
        return list(self._call("failures"))

    @property
    def unhandled(self) -> dict[str, int]:
        """Methods that clients called and the server does not know."""
        return dict(self._call("unhandled"))

    def set(self, name: str, value: Any) -> None:
        """Set a plain attribute of the server, such as `qr_seconds`."""
        self._ask({"set": name, "value": plain(value)})

    def stop(self) -> None:
        """End the process."""
        self._lines.close()
        self._socket.close()
        self._process.stop()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args, **options: self._call(name, *args, **options)

    def _call(self, method: str, /, *args: Any, **options: Any) -> Any:
        return self._ask({"call": method, "args": _refer(list(args)), "options": _refer(options)})

    def _ask(self, question: dict[str, Any]) -> Any:
        with self._lock:
            self._socket.sendall(json.dumps(question).encode() + b"\n")
            answer = json.loads(self._lines.readline(), object_hook=_revive)
        if "error" in answer:
            raise ServerFailedError(answer["error"])
        return answer["result"]


def _refer(value: Any) -> Any:
    """An argument as JSON: an object that came from the server goes back as its id, a path as its text."""
    if isinstance(value, SimpleNamespace):
        return value.id
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict):
        return {key: _refer(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_refer(one) for one in value]
    return plain(value)
