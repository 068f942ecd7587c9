"""A small Telegram for tests: an MTProto server on loopback, built on Telethon's own TL classes.

`TelegramServer` runs in a thread of the test; `RemoteServer` is the same in a process of its own.
"""

from __future__ import annotations

from tests.servers.telegram.client import open_client
from tests.servers.telegram.control import RemoteServer
from tests.servers.telegram.server import TelegramServer

__all__ = ["RemoteServer", "TelegramServer", "open_client"]
