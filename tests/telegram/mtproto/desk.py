"""A user of the small Telegram who is signed in, and a channel to read: what tests of the client start from."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr
from telethon import functions, types

from tests.servers.telegram import TelegramServer
from tests.servers.telegram.model import Channel, User
from tgstudio_dagster.core.settings import TelegramSettings
from tgstudio_dagster.telegram.mtproto.client import Client, Unkept, Wait, connected
from tgstudio_dagster.telegram.mtproto.peers import PeerKey, input_peer, resolve
from tgstudio_dagster.telegram.reading.references import Username

T = TypeVar("T")
HISTORY = "messages.getHistory"
SELF = functions.users.GetUsersRequest([types.InputUserSelf()])


class Desk:
    """A user of the small Telegram who is signed in, and a channel to read."""

    def __init__(self, telegram: TelegramServer, folder: Path) -> None:
        self.telegram = telegram
        self.folder = folder
        self.user: User = telegram.add_user("Alice", username="alice")
        self.channel: Channel = telegram.add_channel("world", "World")
        telegram.join(self.channel, self.user)
        telegram.post(self.channel, "first")
        self.session = telegram.session(self.user)
        self.waits = Unkept()
        self.slept: list[Wait] = []

    def settings(self, **changes: Any) -> TelegramSettings:
        return self.telegram.settings(self.folder, **changes)

    def run(self, work: Callable[[Client], Awaitable[T]], *, session: str | None = None, **changes: Any) -> T:
        """Do the work with a connected client, and disconnect."""

        async def work_connected() -> T:
            secret = SecretStr(session or self.session)
            settings = self.settings(**changes)
            async with connected(settings, secret, waits=self.waits, on_wait=self.slept.append) as client:
                return await work(client)

        return asyncio.run(work_connected())

    async def history(self, client: Client) -> list[int]:
        """Ids of the channel's newest messages."""
        peer = await resolve(client, Username("world"))
        return await history(client, peer.key)


async def history(client: Client, key: PeerKey) -> list[int]:
    request = functions.messages.GetHistoryRequest(input_peer(key), 0, None, 0, 100, 0, 0, 0)
    answer = await client.call(request, paged=True)
    return [message.id for message in answer.messages]
