"""One connected session over the real protocol: waits, repeats, lost connections, and what each error comes to mean."""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from telethon import functions, types

from tests.servers.telegram import TelegramServer
from tests.telegram.mtproto.desk import HISTORY, SELF, Desk, history
from tgstudio_dagster.core.errors import FloodError, LeaseHeldError, UnreachableError
from tgstudio_dagster.telegram.mtproto import client as room
from tgstudio_dagster.telegram.mtproto.client import Client, Unkept, asked, connected, method_name
from tgstudio_dagster.telegram.mtproto.peers import me, resolve
from tgstudio_dagster.telegram.reading.references import Username


class SlowAfterFirst(Unkept):
    """All but the first look-up of a method's wait are answered half a second late, with what was true when asked."""

    def __init__(self) -> None:
        super().__init__()
        self._looked_up: set[str] = set()

    async def not_before(self, method: str) -> datetime | None:
        until = await super().not_before(method)
        delay = 0.5 if method in self._looked_up else 0
        self._looked_up.add(method)
        await asyncio.sleep(delay)
        return until


@pytest.fixture
def desk(telegram: TelegramServer, tmp_path: Path) -> Desk:
    return Desk(telegram, tmp_path)


@pytest.mark.parametrize("transport", ["full", "abridged", "intermediate"])
def test_every_transport_reads_and_makes_a_key(desk: Desk, transport: str) -> None:
    assert desk.run(desk.history, transport=transport) == [1]

    async def begin() -> str:
        async with connected(desk.settings(transport=transport), None) as client:
            await client.call(functions.help.GetConfigRequest())
            return client.session().get_secret_value()

    assert len(asyncio.run(begin())) > 300


def test_a_method_has_telegrams_own_name() -> None:
    assert method_name(SELF) == "users.getUsers"
    assert method_name(functions.PingRequest(1)) == "ping"


def test_a_session_that_is_another_processs_by_now_is_not_used_for_one_more_call(desk: Desk) -> None:
    held = True

    def check() -> None:
        if not held:
            raise LeaseHeldError("lost")

    async def work() -> None:
        nonlocal held
        async with connected(desk.settings(), SecretStr(desk.session), check=check) as client:
            assert await desk.history(client) == [1]
            held = False
            await desk.history(client)

    with pytest.raises(LeaseHeldError):
        asyncio.run(work())
    assert len(desk.telegram.calls(HISTORY)) == 1


# Floods


@pytest.mark.parametrize(("flood", "seconds"), [("FLOOD_WAIT_5", 5), ("FLOOD_PREMIUM_WAIT_1", 1)])
def test_a_short_flood_is_slept_and_told(desk: Desk, flood: str, seconds: int) -> None:
    desk.telegram.fail(HISTORY, flood)
    started = time.monotonic()
    assert desk.run(desk.history) == [1]
    assert seconds <= time.monotonic() - started < seconds + 7
    assert [(wait.method, wait.flood) for wait in desk.slept] == [(HISTORY, True)]
    assert len(desk.telegram.calls(HISTORY)) == 2


@pytest.mark.parametrize("flood", ["FLOOD_WAIT_18000", "FLOOD_PREMIUM_WAIT_18000"])
def test_a_long_flood_is_held_for_its_method_and_raised(desk: Desk, flood: str) -> None:
    desk.telegram.fail(HISTORY, flood)

    async def meet(client: Client) -> FloodError:
        peer = await resolve(client, Username("world"))
        with pytest.raises(FloodError) as met:
            await history(client, peer.key)
        with pytest.raises(FloodError):
            await history(client, peer.key)
        assert (await me(client)).name == "Alice"
        return met.value

    error = desk.run(meet)
    in_five_hours = datetime.now(UTC) + timedelta(hours=5)
    assert error.method == HISTORY
    assert abs((error.until - in_five_hours).total_seconds()) < 30
    assert asyncio.run(desk.waits.not_before(HISTORY)) == error.until
    with pytest.raises(FloodError):
        desk.run(desk.history)
    assert len(desk.telegram.calls(HISTORY)) == 1, "what is held must not be asked for"
    assert desk.slept == []


def test_a_flood_is_not_forgotten_where_another_call_looked_the_wait_up_before_it(desk: Desk) -> None:
    desk.waits = SlowAfterFirst()
    desk.telegram.fail(HISTORY, "FLOOD_WAIT_1")

    async def two_at_once(client: Client) -> None:
        key = (await resolve(client, Username("world"))).key
        await asyncio.gather(history(client, key), history(client, key))

    desk.run(two_at_once)
    called = [call.at for call in desk.telegram.calls(HISTORY)]
    assert len(called) == 3
    assert min(at - called[0] for at in called[1:]) >= 1, "neither call may be repeated while Telegram asks to wait"


def test_a_flood_without_end_is_given_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_SLEEPS", 1)
    desk.telegram.fail(HISTORY, "FLOOD_WAIT_1", times=None)
    with pytest.raises(FloodError):
        desk.run(desk.history)
    assert len(desk.telegram.calls(HISTORY)) == 2


def test_a_flood_at_the_greeting_is_slept_or_raised_too(desk: Desk) -> None:
    desk.telegram.fail("help.getConfig", "FLOOD_WAIT_1")
    assert desk.run(desk.history) == [1]
    assert [(wait.method, wait.flood) for wait in desk.slept] == [("connect", True)]
    desk.telegram.fail("help.getConfig", "FLOOD_WAIT_18000")
    with pytest.raises(FloodError, match="connect"):
        desk.run(desk.history)


# Paces


def test_a_paced_method_keeps_its_pace_for_callers_side_by_side(desk: Desk) -> None:
    async def three(client: Client) -> float:
        started = time.monotonic()
        await asyncio.gather(*(resolve(client, Username("world")) for _ in range(3)))
        return time.monotonic() - started

    assert desk.run(three, resolves_per_minute=200) >= 0.6
    called = [call.at for call in desk.telegram.calls("contacts.resolveUsername")]
    assert min(after - before for before, after in itertools.pairwise(called)) > 0.25
    assert {(wait.method, wait.flood) for wait in desk.slept} == {("contacts.resolveUsername", False)}
    assert asyncio.run(desk.waits.not_before("contacts.resolveUsername")) is not None


def test_pages_keep_their_pace_and_other_calls_need_none(desk: Desk) -> None:
    async def pages(client: Client) -> float:
        key = (await resolve(client, Username("world"))).key
        started = time.monotonic()
        await asyncio.gather(*(history(client, key) for _ in range(4)), me(client))
        return time.monotonic() - started

    assert 0.55 <= desk.run(pages, page_seconds=0.2) < 2


# Faults and lost connections


def test_a_fault_of_telegram_is_asked_again(desk: Desk) -> None:
    desk.telegram.fail(HISTORY, "RPC_CALL_FAIL", code=500)
    assert desk.run(desk.history) == [1]
    assert len(desk.telegram.calls(HISTORY)) == 2


def test_a_fault_that_stays_is_unreachable(desk: Desk) -> None:
    desk.telegram.fail(HISTORY, "RPC_CALL_FAIL", code=500, times=None)
    with pytest.raises(UnreachableError, match=HISTORY):
        desk.run(desk.history, retries=1)
    assert len(desk.telegram.calls(HISTORY)) == 2


@pytest.mark.parametrize("after", [False, True], ids=["before the work", "after the work"])
def test_a_connection_that_breaks_in_a_call_is_made_again(desk: Desk, after: bool) -> None:
    desk.telegram.fail(HISTORY, drop=True, times=2, after=after)
    assert desk.run(desk.history) == [1]


def test_a_connection_that_always_breaks_is_unreachable(desk: Desk) -> None:
    desk.telegram.fail(HISTORY, drop=True, times=None)
    started = time.monotonic()
    with pytest.raises(UnreachableError):
        desk.run(desk.history, retries=1, request_seconds=1)
    assert time.monotonic() - started < 15


def test_a_call_without_an_answer_is_asked_again_on_a_new_connection(desk: Desk) -> None:
    desk.telegram.fail(HISTORY, silent=True)
    assert desk.run(desk.history, request_seconds=0.5) == [1]
    desk.telegram.fail(HISTORY, silent=True, times=None)
    with pytest.raises(UnreachableError, match="no answer in time"):
        desk.run(desk.history, request_seconds=0.3, retries=1)


def test_giving_up_a_silent_connection_cancels_nobody_beside(desk: Desk) -> None:
    async def side_by_side(client: Client) -> list[list[int]]:
        key = (await resolve(client, Username("world"))).key
        desk.telegram.fail(HISTORY, silent=True)
        desk.telegram.fail(HISTORY, delay=0.6, times=4)
        return await asyncio.gather(*(history(client, key) for _ in range(5)))

    assert desk.run(side_by_side, request_seconds=0.5, retries=8) == [[1]] * 5


def test_a_cancelled_caller_is_cancelled(desk: Desk) -> None:
    async def cancel(client: Client) -> bool:
        key = (await resolve(client, Username("world"))).key
        desk.telegram.fail(HISTORY, silent=True)
        task = asyncio.create_task(history(client, key))
        await asyncio.sleep(0.2)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return task.cancelled()

    assert desk.run(cancel)


def test_a_cancellation_that_comes_as_the_answer_does_is_not_forgotten() -> None:
    async def answer() -> str:
        """As `asyncio.wait_for` of Python 3.11 does."""
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return "an answer"

    async def cancelled() -> None:
        task = asyncio.create_task(asked(answer()))
        await asyncio.sleep(0.01)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())


def test_a_server_that_was_away_is_found_again(desk: Desk) -> None:
    async def across(client: Client) -> list[int]:
        key = (await resolve(client, Username("world"))).key
        await asyncio.to_thread(desk.telegram.stop)
        asked = asyncio.create_task(history(client, key))
        await asyncio.sleep(0.3)
        await asyncio.to_thread(desk.telegram.start)
        return await asked

    assert desk.run(across, retries=8) == [1]


def test_a_login_follows_the_account_to_its_data_centre(desk: Desk) -> None:
    desk.telegram.move(desk.user, 4)

    async def send_code() -> str:
        settings = desk.settings()
        async with connected(settings, None) as client:
            request = functions.auth.SendCodeRequest(desk.user.phone, 1, "x", types.CodeSettings())
            return type(await client.call(request)).__name__

    assert asyncio.run(send_code()) == "SentCode"


@pytest.mark.parametrize("state", ["closed port", "mute server", "not Telegram"])
def test_a_server_that_cant_be_had_is_unreachable_in_bounded_time(desk: Desk, state: str) -> None:
    changes: dict[str, Any] = {"retries": 1, "connect_seconds": 0.5}
    with socket.create_server(("127.0.0.1", 0)) as other:
        if state == "closed port":
            with socket.create_server(("127.0.0.1", 0)) as closed:
                changes["dc"] = f"2:127.0.0.1:{closed.getsockname()[1]}"
        elif state == "not Telegram":
            changes["dc"] = f"2:127.0.0.1:{other.getsockname()[1]}"
        else:
            desk.telegram.mute = True

        async def begin() -> None:
            async with connected(desk.settings(**changes), None):
                raise AssertionError("must not connect")

        started = time.monotonic()
        with pytest.raises(UnreachableError, match="connect"):
            asyncio.run(begin())
    assert time.monotonic() - started < 12
