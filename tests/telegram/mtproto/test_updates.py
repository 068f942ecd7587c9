"""What happens in a joined channel is heard over the real protocol, also after the connection was lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from telethon.tl import types

from tests.servers.telegram import TelegramServer
from tests.servers.telegram.model import Channel, User
from tgstudio_dagster.core.errors import AuthorityLostError
from tgstudio_dagster.telegram.mtproto.client import Client, connected
from tgstudio_dagster.telegram.mtproto.updates import Heard, heard


class Ear:
    """What was heard so far by a listening account."""

    def __init__(self, client: Client, silence: float) -> None:
        self.client = client
        self.hints: list[Heard] = []
        self._task = asyncio.create_task(self._listen(silence))

    async def _listen(self, silence: float) -> None:
        async for hint in heard(self.client, silence=silence):
            self.hints.append(hint)

    async def until(self, done: Callable[[list[Heard]], bool], seconds: float = 10) -> list[Heard]:
        """Wait for what is heard; an error of listening is raised."""
        async with asyncio.timeout(seconds):
            while not done(self.hints):
                if self._task.done():
                    self._task.result()
                await asyncio.sleep(0.02)
        return self.hints

    async def failure(self, seconds: float = 10) -> BaseException | None:
        """The error that ends listening."""
        await asyncio.wait({self._task}, timeout=seconds)
        return self._task.exception() if self._task.done() else None

    async def end(self) -> None:
        """Stop listening."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@asynccontextmanager
async def _listening(telegram: TelegramServer, folder: Path, user: User, *, silence: float = 300) -> AsyncIterator[Ear]:
    session = SecretStr(telegram.session(user))
    async with connected(telegram.settings(folder), session, updates=True) as client:
        ear = Ear(client, silence)
        async with asyncio.timeout(10):
            while not telegram.calls("updates.getState", user=user):
                await asyncio.sleep(0.02)
        yield ear
        await ear.end()


@pytest.fixture
def alice(telegram: TelegramServer) -> User:
    return telegram.add_user("Alice")


@pytest.fixture
def news(telegram: TelegramServer, alice: User) -> Channel:
    channel = telegram.add_channel("bignews", "Big News")
    telegram.join(channel, alice)
    return channel


def test_new_posts_edits_and_deletes_are_heard_with_their_channel(
    telegram: TelegramServer, tmp_path: Path, alice: User, news: Channel
) -> None:
    async def go() -> None:
        async with _listening(telegram, tmp_path, alice) as ear:
            first, second = telegram.post(news, "one"), telegram.post(news, "two")
            telegram.edit(news, first, "one, corrected")
            telegram.delete(news, first, second)
            hints = await ear.until(lambda hints: len(hints) == 4)
            assert hints == [
                Heard("new", news.id, (first,)),
                Heard("new", news.id, (second,)),
                Heard("edit", news.id, (first,)),
                Heard("delete", news.id, (first, second)),
            ]

    asyncio.run(go())


def test_a_counter_that_moved_is_not_told_as_an_edit(
    telegram: TelegramServer, tmp_path: Path, alice: User, news: Channel
) -> None:
    post = telegram.post(news, "one")

    async def go() -> None:
        async with _listening(telegram, tmp_path, alice) as ear:
            telegram.count(news, post, reactions={"👍": 7})
            telegram.post(news, "two")
            assert [hint.kind for hint in await ear.until(bool)] == ["new"]

    asyncio.run(go())


def test_a_delete_that_names_no_channel_is_not_heard(
    telegram: TelegramServer, tmp_path: Path, alice: User, news: Channel
) -> None:
    async def go() -> None:
        async with _listening(telegram, tmp_path, alice) as ear:
            # As it is dispatched when a private chat loses messages: ids that are no channel's.
            await ear.client.raw._dispatch_update(types.UpdateDeleteMessages([1, 2], pts=5, pts_count=2))
            telegram.post(news, "one")
            assert [hint.kind for hint in await ear.until(bool)] == ["new"]

    asyncio.run(go())


def test_a_channel_that_was_not_joined_is_not_heard(
    telegram: TelegramServer, tmp_path: Path, alice: User, news: Channel
) -> None:
    other = telegram.add_channel("other", "Other")

    async def go() -> None:
        async with _listening(telegram, tmp_path, alice) as ear:
            telegram.post(other, "unheard")
            telegram.post(news, "heard")
            assert [hint.channel_id for hint in await ear.until(bool)] == [news.id]

    asyncio.run(go())


def test_listening_goes_on_after_the_connection_was_lost(
    telegram: TelegramServer, tmp_path: Path, alice: User, news: Channel
) -> None:
    async def go() -> None:
        async with _listening(telegram, tmp_path, alice) as ear:
            for round_ in range(1, 4):
                telegram.drop_connections()
                await _posts_until(telegram, news, ear, lambda hints, n=round_: len(hints) >= n)  # type: ignore[misc]
                ear.hints[round_:] = []

    asyncio.run(go())


def test_listening_goes_on_after_telethon_has_given_the_connection_up(
    telegram: TelegramServer, tmp_path: Path, alice: User, news: Channel
) -> None:
    async def go() -> None:
        async with _listening(telegram, tmp_path, alice) as ear:
            await ear.client.raw.disconnect()
            await _posts_until(telegram, news, ear, bool)

    asyncio.run(go())


def test_a_session_that_is_revoked_while_nothing_happens_is_found_out(
    telegram: TelegramServer, tmp_path: Path, alice: User
) -> None:
    async def go() -> None:
        async with _listening(telegram, tmp_path, alice, silence=0.3) as ear:
            telegram.revoke(alice)
            assert isinstance(await ear.failure(), AuthorityLostError)

    asyncio.run(go())


async def _posts_until(
    telegram: TelegramServer, channel: Channel, ear: Ear, done: Callable[[list[Heard]], bool]
) -> None:
    """Post now and then until one is heard: what is posted while the connection is gone may not be."""
    async with asyncio.timeout(10):
        while not done(ear.hints):
            telegram.post(channel, "again")
            await asyncio.sleep(0.2)
