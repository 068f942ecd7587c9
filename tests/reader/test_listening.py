"""A reader hears what happens and reads it at once, gives sessions to who wants them, and goes on after troubles."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.reader.running import RunningReader, running
from tests.servers.telegram import TelegramServer
from tests.servers.telegram.model import Channel, User
from tests.telegram.paired import Paired, paired
from tgstudio_dagster.catalog.accounts.accounts import TgAccount, get_account, session_lease, session_of
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.incoming import heard_posts
from tgstudio_dagster.catalog.follows.subscriptions import end_subscription
from tgstudio_dagster.catalog.leases import is_held
from tgstudio_dagster.telegram.accounts.turns import session_turn
from tgstudio_dagster.telegram.live.listening import Notice
from tgstudio_dagster.telegram.mtproto.client import connected
from tgstudio_dagster.telegram.mtproto.messages import newer
from tgstudio_dagster.telegram.mtproto.peers import resolve
from tgstudio_dagster.telegram.reading.references import Username


@pytest.fixture
def desk(sqlite_template: Path, tmp_path: Path, telegram: TelegramServer) -> Iterator[Paired]:
    """A tenant whose catalog is on SQLite."""
    shutil.copyfile(sqlite_template, tmp_path / "catalog.sqlite")
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    yield paired(catalog, telegram, tmp_path)
    catalog.close()


@pytest.fixture
def alice(telegram: TelegramServer) -> User:
    return telegram.add_user("Alice")


@pytest.fixture
def account(desk: Paired, alice: User) -> TgAccount:
    return desk.account(alice)


@pytest.fixture
def news(desk: Paired, telegram: TelegramServer, account: TgAccount, alice: User) -> Channel:
    channel = telegram.add_channel("bignews", "Big News")
    desk.subscription(account, channel, alice)
    return channel


def _run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


async def _first_reading(reader: RunningReader, telegram: TelegramServer) -> None:
    await reader.hears()
    await reader.until(lambda: reader.idle and bool(telegram.calls("messages.getHistory")))


def test_a_new_post_is_read_as_soon_as_it_is_heard(
    desk: Paired, news: Channel, telegram: TelegramServer, account: TgAccount, tmp_path: Path
) -> None:
    async def go() -> None:
        async with running(desk, tmp_path) as reader:
            await _first_reading(reader, telegram)
            post = telegram.post(news, "breaking")
            posted = time.monotonic()
            await reader.until(lambda: "breaking" in reader.landed(), 10)
            print(f"landed {time.monotonic() - posted:.2f} s after it was posted")
            assert Notice("new", "demo", account.id, "Big News", (post,)) in reader.notices

    _run(go())


def test_posts_heard_edited_or_deleted_are_observed_again_at_once(
    desk: Paired, news: Channel, telegram: TelegramServer, tmp_path: Path
) -> None:
    first, _, third = (telegram.post(news, text) for text in ("one", "two", "three"))

    async def go() -> None:
        async with running(desk, tmp_path) as reader:
            await _first_reading(reader, telegram)
            await reader.until(lambda: len(reader.landed()) >= 3)
            telegram.edit(news, first, "one, corrected")
            telegram.delete(news, third)
            await reader.until(lambda: "one, corrected" in reader.landed())
            await reader.until(lambda: third in _deleted(reader))
            assert {"edit", "delete"} <= set(reader.kinds())
            await reader.until(lambda: heard_posts(desk.catalog, desk.tenant, news.id) == {})

    _run(go())


def _deleted(reader: RunningReader) -> list[int]:
    lake = reader.lake.tenant("demo")
    frames = [lake.read_landings(lake.landings(day)) for day in lake.landing_days()]
    return pl.concat(frames).filter(pl.col("type") == "deleted")["msg_id"].to_list()


def test_what_happens_in_chats_that_are_not_subscribed_to_is_not_read(
    desk: Paired, news: Channel, telegram: TelegramServer, alice: User, tmp_path: Path
) -> None:
    ended, own = telegram.add_channel("ended", "Ended"), telegram.add_channel("own", "Own")
    desk.subscription(desk.account(alice), ended, alice)
    end_subscription(desk.catalog, desk.principal, ended.id)
    telegram.join(own, alice)

    async def go() -> None:
        async with running(desk, tmp_path) as reader:
            await _first_reading(reader, telegram)
            telegram.forget_calls()
            telegram.post(ended, "no longer read")
            telegram.post(own, "never read")
            await asyncio.sleep(1.5)
            assert telegram.calls("messages.getHistory") == []
            assert reader.kinds() == ["listening"]

    _run(go())


def test_who_wants_a_session_gets_it_soon_and_none_is_used_twice(
    catalog: Catalog, telegram: TelegramServer, tmp_path: Path, alice: User
) -> None:
    desk = paired(catalog, telegram, tmp_path)
    account = desk.account(alice)
    news = telegram.add_channel("bignews", "Big News")
    desk.subscription(account, news, alice)
    waited: list[float] = []

    async def read() -> int:
        """As another process does it: in its turn, over the same session."""
        began = time.monotonic()
        async with session_turn(catalog, account.id) as held:
            waited.append(time.monotonic() - began)
            session = session_of(catalog, desk.tenant, desk.vault, account.id)
            async with connected(desk.settings, session) as client:
                page = await newer(client, (await resolve(client, Username("bignews"))).key, after=0)
                held.check()
            return len(page.messages)

    async def go() -> None:
        async with running(desk, tmp_path) as reader:
            await _first_reading(reader, telegram)
            for round_ in range(1, 4):
                telegram.post(news, f"post {round_}")
                await reader.told("new", round_)
                assert await read() == round_
                await reader.hears(round_ + 1)
            assert reader.kinds().count("giving way") == 3
            await reader.until(lambda: {f"post {n}" for n in (1, 2, 3)} <= set(reader.landed()))

    _run(go())
    assert telegram.overlaps == []
    assert max(waited) < 8


def test_sessions_are_given_back_when_the_reader_ends(
    desk: Paired, news: Channel, account: TgAccount, tmp_path: Path
) -> None:
    async def go() -> None:
        async with running(desk, tmp_path) as reader:
            await reader.hears()
            assert is_held(desk.catalog, session_lease(account.id))

    _run(go())
    assert not is_held(desk.catalog, session_lease(account.id))


def test_it_goes_on_after_the_connection_was_lost(
    desk: Paired, news: Channel, telegram: TelegramServer, tmp_path: Path
) -> None:
    async def go() -> None:
        async with running(desk, tmp_path) as reader:
            await _first_reading(reader, telegram)
            telegram.drop_connections()
            async with asyncio.timeout(20):
                while "new" not in reader.kinds():
                    telegram.post(news, "again")
                    await asyncio.sleep(0.2)
            await reader.until(lambda: "again" in reader.landed())

    _run(go())
    assert telegram.overlaps == []


def test_a_lost_session_marks_its_account_and_the_other_accounts_go_on(
    desk: Paired, news: Channel, telegram: TelegramServer, account: TgAccount, alice: User, tmp_path: Path
) -> None:
    bob = telegram.add_user("Bob")
    blog = telegram.add_channel("blog", "Blog")
    desk.subscription(desk.account(bob), blog, bob)
    telegram.revoke(alice)

    async def go() -> None:
        async with running(desk, tmp_path) as reader:
            await reader.told("listening")
            await reader.until(lambda: get_account(desk.catalog, desk.tenant, account.id).status == "expired")
            lost = ("lost", account.id, None)
            await reader.until(lambda: lost in {(n.kind, n.account_id, n.channel) for n in reader.notices})
            async with asyncio.timeout(20):
                while "new" not in reader.kinds():
                    telegram.post(blog, "still here")
                    await asyncio.sleep(0.2)
            await reader.until(lambda: "still here" in reader.landed())

    _run(go())


def test_a_channel_that_is_lost_is_told_by_its_name(
    desk: Paired, news: Channel, telegram: TelegramServer, account: TgAccount, alice: User, tmp_path: Path
) -> None:
    secret = telegram.add_channel(None, "Secret", private=True)
    desk.subscription(account, secret, alice)
    telegram.kick(secret, alice)

    async def go() -> None:
        async with running(desk, tmp_path) as reader:
            await reader.told("lost")
            (notice,) = [notice for notice in reader.notices if notice.kind == "lost"]
            assert (notice.channel, notice.account_id) == ("Secret", account.id)
            assert "does not see the channel" in (notice.detail or "")

    _run(go())


def test_an_account_that_is_paired_later_is_listened_with(
    desk: Paired, news: Channel, telegram: TelegramServer, tmp_path: Path
) -> None:
    async def go() -> None:
        async with running(desk, tmp_path) as reader:
            await reader.hears()
            bob, blog = telegram.add_user("Bob"), telegram.add_channel("blog", "Blog")
            later = desk.account(bob)
            desk.subscription(later, blog, bob)
            await reader.until(lambda: later.id in {notice.account_id for notice in reader.notices})

    _run(go())
