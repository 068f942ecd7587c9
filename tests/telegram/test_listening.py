"""A tenant is woken by what its accounts hear, hints are kept for its next reading, and reading always gets its turn."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.servers.telegram import TelegramServer
from tests.servers.telegram.model import Channel, User
from tests.telegram.paired import Paired, paired
from tgstudio_dagster.catalog.accounts.accounts import TgAccount, get_account, mark_account, session_lease, session_of
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.incoming import take_heard
from tgstudio_dagster.catalog.follows.reading import begin_read, tenant_read
from tgstudio_dagster.catalog.follows.subscriptions import end_subscription
from tgstudio_dagster.catalog.leases import is_held
from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.telegram.accounts.turns import session_turn
from tgstudio_dagster.telegram.live.listening import Notice, listen
from tgstudio_dagster.telegram.mtproto.client import connected
from tgstudio_dagster.telegram.mtproto.messages import newer
from tgstudio_dagster.telegram.mtproto.peers import resolve
from tgstudio_dagster.telegram.reading.references import Username


class Listener:
    """Listening for a tenant, and what it has told so far."""

    def __init__(self, desk: Paired) -> None:
        self.desk = desk
        self.notices: list[Notice] = []
        self.stop = asyncio.Event()
        self.task = asyncio.create_task(
            listen(
                desk.tenant,
                catalog=desk.catalog,
                vault=desk.vault,
                settings=desk.settings,
                report=self.notices.append,
                stop=self.stop,
            )
        )

    def kinds(self) -> list[str]:
        """The kinds of the notices so far."""
        return [notice.kind for notice in self.notices]

    async def until(self, done: Callable[[], bool], seconds: float = 15) -> None:
        """Wait; an error of listening is raised."""
        async with asyncio.timeout(seconds):
            while not done():
                if self.task.done():
                    self.task.result()
                await asyncio.sleep(0.02)

    async def told(self, kind: str, times: int = 1) -> None:
        """Wait until a notice of this kind was told so often."""
        await self.until(lambda: self.kinds().count(kind) >= times)

    async def ready(self, times: int = 1) -> None:
        """Wait until Telegram sends updates, for the given number of terms."""
        await self.told("listening", times)
        await self.until(lambda: len(self.desk.telegram.calls("updates.getState")) >= 2 * times)


@asynccontextmanager
async def _listening(desk: Paired) -> AsyncIterator[Listener]:
    listener = Listener(desk)
    try:
        await listener.ready()
        yield listener
    finally:
        listener.stop.set()
        await asyncio.wait_for(listener.task, 10)


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


def test_a_new_post_makes_the_tenant_due_at_once(desk: Paired, news: Channel, telegram: TelegramServer) -> None:
    async def go() -> None:
        begin_read(desk.catalog, desk.tenant, now=datetime.now(UTC))
        assert not tenant_read(desk.catalog, desk.tenant).woken
        async with _listening(desk) as listener:
            post = telegram.post(news, "breaking")
            await listener.told("new")
            assert Notice("new", "Alice", "Big News", (post,)) in listener.notices
            assert tenant_read(desk.catalog, desk.tenant).woken

    _run(go())


def test_posts_heard_edited_or_deleted_are_kept_for_the_next_reading(
    desk: Paired, news: Channel, telegram: TelegramServer
) -> None:
    first, second, third = (telegram.post(news, text) for text in ("one", "two", "three"))

    async def go() -> None:
        async with _listening(desk) as listener:
            telegram.edit(news, first, "one, corrected")
            telegram.delete(news, third)
            telegram.post(news, "four")
            await listener.told("new")
            assert {"edit", "delete"} <= set(listener.kinds())
            with take_heard(desk.catalog, desk.tenant, news.id) as taken:
                assert taken.ids == (first, third)
            assert second not in taken.ids

    _run(go())


def test_what_happens_in_chats_that_are_not_subscribed_to_wakes_nobody(
    desk: Paired, news: Channel, telegram: TelegramServer, alice: User
) -> None:
    ended, own = telegram.add_channel("ended", "Ended"), telegram.add_channel("own", "Own")
    desk.subscription(desk.account(alice), ended, alice)
    end_subscription(desk.catalog, desk.principal, ended.id)
    telegram.join(own, alice)

    async def go() -> None:
        async with _listening(desk) as listener:
            telegram.post(ended, "no longer read")
            telegram.post(own, "never read")
            await asyncio.sleep(1.2)
            assert tenant_read(desk.catalog, desk.tenant).woken_at is None
            assert listener.kinds() == ["listening"]

    _run(go())


def test_a_reader_always_gets_its_turn_and_no_session_is_used_twice(
    catalog: Catalog, telegram: TelegramServer, tmp_path: Path, alice: User
) -> None:
    desk = paired(catalog, telegram, tmp_path)
    account = desk.account(alice)
    news = telegram.add_channel("bignews", "Big News")
    desk.subscription(account, news, alice)
    waited: list[float] = []

    async def read() -> int:
        """As a run reads: in its turn, over the same session."""
        began = time.monotonic()
        async with session_turn(catalog, account.id) as held:
            waited.append(time.monotonic() - began)
            session = session_of(catalog, desk.tenant, desk.vault, account.id)
            async with connected(desk.settings, session) as client:
                page = await newer(client, (await resolve(client, Username("bignews"))).key, after=0)
                held.check()
            return len(page.messages)

    async def go() -> None:
        async with _listening(desk) as listener:
            for round_ in range(1, 4):
                telegram.post(news, f"post {round_}")
                await listener.told("new", round_)
                assert await read() == round_
                await listener.ready(round_ + 1)
            assert listener.kinds().count("giving way") == 3

    _run(go())
    assert telegram.overlaps == []
    assert max(waited) < 5


def test_the_session_is_given_back_when_listening_ends(desk: Paired, news: Channel, account: TgAccount) -> None:
    async def go() -> None:
        async with _listening(desk):
            assert is_held(desk.catalog, session_lease(account.id))

    _run(go())
    assert not is_held(desk.catalog, session_lease(account.id))


def test_listening_goes_on_after_the_connection_was_lost(desk: Paired, news: Channel, telegram: TelegramServer) -> None:
    async def go() -> None:
        async with _listening(desk) as listener:
            telegram.drop_connections()
            async with asyncio.timeout(15):
                while "new" not in listener.kinds():
                    telegram.post(news, "again")
                    await asyncio.sleep(0.2)

    _run(go())


def test_a_lost_session_marks_its_account_and_the_other_accounts_go_on(
    desk: Paired, news: Channel, telegram: TelegramServer, account: TgAccount, alice: User
) -> None:
    bob = telegram.add_user("Bob")
    blog = telegram.add_channel("blog", "Blog")
    desk.subscription(desk.account(bob), blog, bob)
    telegram.revoke(alice)

    async def go() -> None:
        listener = Listener(desk)
        await listener.told("lost")
        await listener.told("listening")
        assert get_account(desk.catalog, desk.tenant, account.id).status == "expired"
        async with asyncio.timeout(15):
            while "new" not in listener.kinds():
                telegram.post(blog, "still here")
                await asyncio.sleep(0.2)
        listener.stop.set()
        await listener.task

    _run(go())


def test_an_account_that_is_paired_later_is_listened_with(
    desk: Paired, news: Channel, telegram: TelegramServer
) -> None:
    async def go() -> None:
        async with _listening(desk) as listener:
            desk.account(telegram.add_user("Bob"))
            await listener.until(lambda: "Bob" in {notice.account for notice in listener.notices})

    _run(go())


def test_without_an_active_account_listening_says_to_pair_one(desk: Paired, account: TgAccount) -> None:
    mark_account(desk.catalog, desk.tenant, account.id, "expired", "revoked")

    async def go() -> None:
        with pytest.raises(NotFoundError, match="tgstudio login --tenant demo"):
            await Listener(desk).task

    _run(go())
