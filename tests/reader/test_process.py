"""A reader reads what is due of all tenants beside each other, works off wishes, and hands over to the next one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from tests.builders import make_tenant
from tests.reader.running import FIRST_DAY, running
from tests.servers.telegram import TelegramServer
from tests.telegram.paired import Paired, paired
from tests.telegram.reads import Reads, fill, tell_media
from tgstudio_dagster.catalog.accounts.models import AccountWait
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.media_backlog import Waiting, list_media_backlog, note_media_backlog
from tgstudio_dagster.catalog.follows.reading import tenant_read
from tgstudio_dagster.catalog.follows.subscriptions import list_subscriptions, request_subscription, requests
from tgstudio_dagster.catalog.follows.wishes import READER, begin_wish, get_wish, wish_read
from tgstudio_dagster.catalog.leases import is_held
from tgstudio_dagster.catalog.people.tenant_settings import Filters
from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.lake.tables.posts import MEDIA, MESSAGES
from tgstudio_dagster.reader.access import Telegram
from tgstudio_dagster.reader.alone import read_now


@pytest.fixture
def desk(catalog: Catalog, telegram: TelegramServer, tmp_path: Path) -> Paired:
    return paired(catalog, telegram, tmp_path)


def _run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


def _follow(desk: Paired, telegram: TelegramServer, name: str, *, since: date | None = None) -> None:
    """A wish to follow a channel of a user who has joined it, paired for it."""
    user = telegram.add_user(name.title())
    account = desk.account(user)
    telegram.join(telegram.add_channel(name, name.title()), user)
    request_subscription(
        desk.catalog, desk.principal, reference=f"@{name}", account_id=account.id, since=since, comments=False
    )


def test_a_wish_to_follow_becomes_posts_and_history_without_being_asked_again(
    desk: Paired, telegram: TelegramServer, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    _follow(desk, telegram, "news", since=(now - timedelta(days=40)).date())
    fill(telegram, telegram.channel("news"), 250, start=now - timedelta(days=39), step=timedelta(hours=3))

    async def go() -> None:
        async with running(desk, tmp_path, listens=False) as reader:
            await reader.until(lambda: len(set(reader.landed())) == 250, 30)

    _run(go())
    assert requests(desk.catalog, "demo", "queued") == []
    (view,) = list_subscriptions(desk.catalog, "demo")
    assert (view.gaps, view.error) == ((), None)
    assert tenant_read(desk.catalog, "demo").read_at is not None


def test_a_slow_tenant_holds_up_nobody(desk: Paired, telegram: TelegramServer, tmp_path: Path) -> None:
    others = [paired(desk.catalog, telegram, tmp_path, f"slow{n}") for n in range(3)]
    for n, slow in enumerate(others):
        _follow(slow, telegram, f"slow{n}")
    slow_calls = [telegram.channel(f"slow{n}").id for n in range(3)]
    telegram.fail("messages.getHistory", silent=True, times=3)

    async def go() -> None:
        async with running(desk, tmp_path, listens=False) as reader:
            await reader.until(lambda: len(telegram.calls("messages.getHistory")) >= 3)
            assert {call.request.peer.channel_id for call in telegram.calls("messages.getHistory")} == set(slow_calls)
            _follow(desk, telegram, "quick")
            telegram.post("quick", "read meanwhile")
            began = time.monotonic()
            await reader.until(lambda: "read meanwhile" in reader.landed())
            assert time.monotonic() - began < 10
            assert all(not reader.landed(slow.tenant) for slow in others)

    _run(go())


def test_somebody_who_waits_is_told_how_far_it_is_and_how_it_ended(
    desk: Paired, telegram: TelegramServer, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    _follow(desk, telegram, "news")
    fill(telegram, telegram.channel("news"), 150, start=now - timedelta(days=60), step=timedelta(minutes=5))

    async def go() -> None:
        async with running(desk, tmp_path, listens=False) as reader:
            await reader.until(lambda: is_held(desk.catalog, READER))
            days = DayRange((now - timedelta(days=61)).date(), (now - timedelta(days=59)).date())
            said: list[str] = []
            access = Telegram(lambda: desk.settings, lambda: desk.vault, FIRST_DAY, tmp_path / "staging")
            await asyncio.to_thread(
                read_now, desk.catalog, reader.lake.tenant("demo"), days, access=access, say=said.append
            )
            assert said[0] == "the reader was asked"
            assert said[-1].endswith("posts read")
            assert len(set(reader.landed())) == 150

    _run(go())


def test_a_wish_of_a_tenant_with_nothing_to_read_says_so(
    desk: Paired, telegram: TelegramServer, tmp_path: Path
) -> None:
    desk.account(telegram.add_user())
    wish = wish_read(desk.catalog, "demo", None, now=datetime.now(UTC))

    async def go() -> None:
        async with running(desk, tmp_path, listens=False) as reader:
            await reader.until(lambda: get_wish(desk.catalog, "demo", wish.id).status == "done")

    _run(go())
    assert "nothing is followed" in (get_wish(desk.catalog, "demo", wish.id).error or "")


def test_a_second_reader_stands_by_and_takes_over_what_the_first_was_at(
    desk: Paired, telegram: TelegramServer, tmp_path: Path
) -> None:
    _follow(desk, telegram, "news")
    telegram.post("news", "first")

    async def go() -> None:
        async with running(desk, tmp_path, listens=False) as first:
            await first.until(lambda: "first" in first.landed())
            async with running(desk, tmp_path, listens=False) as second:
                await second.until(lambda: second.reader.state()[1]["status"] == "standing by")
                wish = wish_read(desk.catalog, "demo", None, now=datetime.now(UTC))
                begin_wish(desk.catalog, "demo", wish.id)
                telegram.post("news", "second")
                await first.end()
                await second.until(lambda: "second" in second.landed())
                await second.until(lambda: get_wish(desk.catalog, "demo", wish.id).status == "done")

    _run(go())
    assert telegram.overlaps == []


def test_a_quiet_reader_is_connected_to_nobody_when_it_does_not_listen(
    desk: Paired, telegram: TelegramServer, tmp_path: Path
) -> None:
    _follow(desk, telegram, "news")

    async def go() -> None:
        async with running(desk, tmp_path, listens=False) as reader:
            await reader.until(lambda: tenant_read(desk.catalog, "demo").read_at is not None)
            await reader.until(lambda: reader.reader.state()[1]["sessions"] == 0)
            well, _ = reader.reader.state()
            assert well

    _run(go())


def test_a_tenant_without_accounts_touches_neither_settings_nor_vault(
    desk: Paired, telegram: TelegramServer, tmp_path: Path
) -> None:
    make_tenant(desk.catalog, "other")

    async def go() -> None:
        async with running(desk, tmp_path) as reader:
            await reader.until(lambda: is_held(desk.catalog, READER))
            await asyncio.sleep(0.5)

    _run(go())
    assert telegram.calls() == []


def test_files_are_fetched_when_noted_and_again_after_a_flood(
    desk: Paired, telegram: TelegramServer, tmp_path: Path
) -> None:
    _follow(desk, telegram, "news")
    telegram.post("news", "with a file", media=telegram.add_file(b"x" * 3000, mime="application/pdf", name="a.pdf"))
    telegram.fail("upload.getFile", "FLOOD_WAIT_18000", times=1)

    async def go() -> None:
        async with running(desk, tmp_path, listens=False) as reader:
            await reader.until(lambda: len(reader.landed()) == 1)
            lake = reader.lake.tenant("demo")
            Reads(desk, lake).merge()
            (day,) = lake.days(MESSAGES)
            tell_media(desk.catalog, lake, [day], Filters(), datetime.now(UTC))
            await reader.until(lambda: lake.fetched.days() == [day])
            tell_media(desk.catalog, lake, [day], Filters(), datetime.now(UTC))
            (row,) = lake.read(MEDIA).to_dicts()
            assert row["status"].startswith("pending: upload.getFile")
            later = datetime.now(UTC) + timedelta(hours=4)
            await reader.until(
                lambda: [row.not_before > later for row in list_media_backlog(desk.catalog, "demo")] == [True]
            )
            with desk.catalog.tenant_session("demo", writing=True) as session:
                session.execute(delete(AccountWait))
            note_media_backlog(desk.catalog, "demo", {day: Waiting(1, datetime.now(UTC))})
            await reader.until(lambda: lake.fetched.days() == [day])
            tell_media(desk.catalog, lake, [day], Filters(), datetime.now(UTC))
            (row,) = lake.read(MEDIA).to_dicts()
            assert row["status"] == "stored" and lake.open_file(row["uri"]).read() == b"x" * 3000

    _run(go())
    assert list_media_backlog(desk.catalog, "demo") == []
