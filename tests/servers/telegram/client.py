"""A bare Telethon client of the small Telegram: what tests and benchmarks compare the product with."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, ParamSpec, Protocol

from telethon import TelegramClient
from telethon.crypto import rsa
from telethon.network import ConnectionTcpAbridged, ConnectionTcpFull, ConnectionTcpIntermediate
from telethon.sessions import StringSession

TRANSPORTS: dict[str, Any] = {
    "full": ConnectionTcpFull,
    "abridged": ConnectionTcpAbridged,
    "intermediate": ConnectionTcpIntermediate,
}

_P = ParamSpec("_P")


class Reachable(Protocol):
    """A TelegramServer or a RemoteServer."""

    @property
    def port(self) -> int:
        """Port of data centre 2."""

    @property
    def public_key(self) -> str:
        """PEM of the RSA key."""


@asynccontextmanager
async def open_client(
    server: Reachable, session: str = "", *, transport: str = "full", **options: Any
) -> AsyncIterator[Any]:
    """A connected Telethon client, of a session of `server.session(user)` or not signed in yet."""
    rsa.add_key(server.public_key, old=False)
    kept = StringSession(session)
    if not session:
        kept.set_dc(2, "127.0.0.1", server.port)
    settings: dict[str, Any] = {"connection": TRANSPORTS[transport], "retry_delay": 0.05, "flood_sleep_threshold": 0}
    client = TelegramClient(kept, 1, "0" * 32, **(settings | {"raise_last_call_error": True} | options))
    try:
        await client.connect()
        yield client
    finally:
        await client.disconnect()


def in_loop(test: Callable[_P, Coroutine[Any, Any, None]]) -> Callable[_P, None]:
    """Run a test that is a coroutine, within a minute."""

    @functools.wraps(test)
    def run(*args: _P.args, **options: _P.kwargs) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **options), 60))

    return run


async def until(condition: Callable[[], object], seconds: float = 5) -> None:
    """Wait until something is true; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"It did not become true in {seconds:g} s."
        await asyncio.sleep(0.01)
