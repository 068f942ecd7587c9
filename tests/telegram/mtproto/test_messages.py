"""Pages of a channel's history over the real protocol: nothing between them is lost, nothing comes twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from pydantic import SecretStr

from tests.servers.telegram import TelegramServer
from tests.servers.telegram.model import Channel
from tgstudio_dagster.core.errors import ChannelLostError
from tgstudio_dagster.telegram.mtproto.client import Client, connected
from tgstudio_dagster.telegram.mtproto.messages import Page, by_ids, comments, newer, older
from tgstudio_dagster.telegram.mtproto.peers import PeerKey, resolve
from tgstudio_dagster.telegram.reading.references import Username

T = TypeVar("T")
START = datetime(2026, 3, 9, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Desk:
    """A user who is signed in, and a channel: posts every minute, with a gap of ids after the tenth."""

    def __init__(self, telegram: TelegramServer, folder: Path) -> None:
        self.telegram = telegram
        self.settings = telegram.settings(folder)
        self.alice = telegram.add_user("Alice")
        self.session = SecretStr(telegram.session(self.alice))
        self.channel: Channel = telegram.add_channel("world", "World", discussion=True)
        self.key = self.run(lambda client: resolve(client, Username("world"))).key
        self.fill(10, START)
        telegram.skip_ids(self.channel, 500)
        self.fill(240, START + 10 * MINUTE)

    def fill(self, n: int, start: datetime) -> None:
        self.telegram.post_many(self.channel, [f"post {i}" for i in range(n)], start=start, step=MINUTE)

    @property
    def ids(self) -> list[int]:
        return list(self.telegram.messages(self.channel))

    def run(self, work: Callable[[Client], Awaitable[T]]) -> T:
        async def work_connected() -> T:
            async with connected(self.settings, self.session) as client:
                return await work(client)

        return asyncio.run(work_connected())


@pytest.fixture
def desk(telegram: TelegramServer, tmp_path: Path) -> Desk:
    return Desk(telegram, tmp_path)


def test_reading_on_meets_every_message_once_over_gaps_of_ids(desk: Desk) -> None:
    async def all_of_it(client: Client) -> list[Page]:
        pages = [await newer(client, desk.key, after=0)]
        while pages[-1].messages:
            pages.append(await newer(client, desk.key, after=pages[-1].ids[0]))
        return pages

    pages = desk.run(all_of_it)
    assert [number for page in pages for number in reversed(page.ids)] == desk.ids
    assert [len(page.messages) for page in pages] == [100, 100, 50, 0]
    assert {page.total for page in pages} == {250}


def test_a_page_is_newest_first_and_holds_what_to_dict_gives(desk: Desk) -> None:
    page = desk.run(lambda client: newer(client, desk.key, after=0, limit=3))
    assert page.ids == [3, 2, 1]
    first = page.messages[-1]
    assert (first["_"], first["message"], first["date"]) == ("Message", "post 0", START)
    assert first["peer_id"] == {"_": "PeerChannel", "channel_id": desk.channel.id}
    assert "World" in [entity["title"] for entity in page.entities if entity["_"] == "Channel"]


def test_reading_on_stops_where_it_is_told_and_at_the_end(desk: Desk) -> None:
    assert desk.run(lambda client: newer(client, desk.key, after=3, before=6)).ids == [5, 4]
    assert desk.run(lambda client: newer(client, desk.key, after=10, before=511)).ids == [], "a gap has nothing in it"
    assert desk.run(lambda client: newer(client, desk.key, after=desk.ids[-1])).ids == []
    desk.fill(2, START + timedelta(days=1))
    assert desk.run(lambda client: newer(client, desk.key, after=desk.ids[-3])).ids == desk.ids[:-3:-1]


def test_reading_back_meets_every_message_once(desk: Desk) -> None:
    async def all_of_it(client: Client) -> list[int]:
        met: list[int] = []
        page = await older(client, desk.key)
        while page.messages:
            met += page.ids
            page = await older(client, desk.key, before=met[-1])
        return met

    assert desk.run(all_of_it) == desk.ids[::-1]


def test_reading_back_stops_at_its_bounds(desk: Desk) -> None:
    assert desk.run(lambda client: older(client, desk.key, before=513, until=8)).ids == [512, 511, 10, 9]
    at_five = desk.run(lambda client: older(client, desk.key, at_or_before=START + 5 * MINUTE, limit=2))
    assert at_five.ids == [6, 5], "what was posted in that very second belongs to it"
    with pytest.raises(ValueError, match="not both"):
        desk.run(lambda client: older(client, desk.key, before=5, at_or_before=START))


def test_a_deleted_message_is_proved_empty_and_the_others_stand(desk: Desk) -> None:
    desk.telegram.delete(desk.channel, 4)
    page = desk.run(lambda client: by_ids(client, desk.key, [3, 4, 400, 5]))
    assert {message["id"]: message["_"] for message in page.messages} == {
        3: "Message", 4: "MessageEmpty", 400: "MessageEmpty", 5: "Message",
    }  # fmt: skip
    assert {message["peer_id"]["channel_id"] for message in page.messages} == {desk.channel.id}
    with pytest.raises(ValueError, match="101 ids"):
        desk.run(lambda client: by_ids(client, desk.key, range(1, 102)))


def test_comments_come_in_order_from_where_reading_stopped(desk: Desk) -> None:
    bob = desk.telegram.add_user("Bob")
    made = [desk.telegram.comment(desk.channel, 5, f"comment {n}", user=bob) for n in range(130)]
    desk.telegram.comment(desk.channel, 6, "of another post", user=bob)

    async def all_of_it(client: Client) -> list[Page]:
        pages = [await comments(client, desk.key, 5, after=0)]
        while pages[-1].messages:
            pages.append(await comments(client, desk.key, 5, after=pages[-1].ids[0]))
        return pages

    pages = desk.run(all_of_it)
    assert [number for page in pages for number in reversed(page.ids)] == made
    assert desk.channel.discussion is not None
    assert {m["peer_id"]["channel_id"] for page in pages for m in page.messages} == {desk.channel.discussion.id}
    assert "Bob" in [entity.get("first_name") for entity in pages[0].entities]


def test_a_post_without_a_thread_has_no_comments(desk: Desk) -> None:
    assert desk.run(lambda client: comments(client, desk.key, 9999, after=0)) == Page([], [], 0)


def test_reading_counts_as_no_view(desk: Desk) -> None:
    async def read(client: Client) -> None:
        await newer(client, desk.key, after=0)
        await older(client, desk.key)
        await by_ids(client, desk.key, [1, 2])

    desk.run(read)
    assert {message.views for message in desk.telegram.messages(desk.channel).values()} == {1}
    assert desk.telegram.calls("messages.getMessagesViews") == []


def test_a_channel_that_closes_in_the_middle_is_lost(desk: Desk) -> None:
    desk.telegram.ban(desk.channel)
    with pytest.raises(ChannelLostError):
        desk.run(lambda client: newer(client, desk.key, after=0))
    with pytest.raises(ChannelLostError):
        desk.run(lambda client: newer(client, PeerKey(desk.channel.id, 1), after=0))
