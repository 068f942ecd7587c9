"""One connected session over the real protocol: waits, repeats, lost connections, and what each error comes to mean."""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import logging
import socket
import time
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr
from telethon import functions, types
from telethon.errors import MsgIdInvalidError

from tests.servers.telegram import TelegramServer
from tests.servers.telegram.model import Channel, User
from tgstudio_dagster.errors import (
    AuthorityLostError,
    ChannelLostError,
    FloodError,
    LeaseHeldError,
    SettingsError,
    TelegramError,
    TGStudioError,
    UnreachableError,
)
from tgstudio_dagster.settings import TelegramSettings
from tgstudio_dagster.telegram.mtproto import client as room
from tgstudio_dagster.telegram.mtproto.client import Client, Unkept, Wait, asked, connected, method_name
from tgstudio_dagster.telegram.mtproto.peers import PeerKey, input_peer, me, resolve
from tgstudio_dagster.telegram.references import Username

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
    assert desk.waits.not_before(HISTORY) == error.until
    with pytest.raises(FloodError):
        desk.run(desk.history)
    assert len(desk.telegram.calls(HISTORY)) == 1, "what is held must not be asked for"
    assert desk.slept == []


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
    assert desk.waits.not_before("contacts.resolveUsername") is not None


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


# Lost authority


@pytest.mark.parametrize(
    ("lose", "status"),
    [
        (lambda desk: desk.telegram.revoke(desk.user), "expired"),
        (lambda desk: desk.telegram.revoke(desk.user, "SESSION_REVOKED"), "expired"),
        (lambda desk: desk.telegram.duplicate(desk.user), "expired"),
        (lambda desk: desk.telegram.deactivate(desk.user), "banned"),
    ],
    ids=["unregistered", "revoked", "duplicated", "deactivated"],
)
def test_lost_authority_says_what_becomes_of_the_account(desk: Desk, lose: Callable[[Desk], None], status: str) -> None:
    async def lose_in_the_middle(client: Client) -> str:
        key = (await resolve(client, Username("world"))).key
        lose(desk)
        with pytest.raises(AuthorityLostError) as met:
            await history(client, key)
        return met.value.status

    assert desk.run(lose_in_the_middle) == status
    with pytest.raises(AuthorityLostError) as met:
        desk.run(me)
    assert met.value.status == status


def test_a_key_that_the_server_has_forgotten_for_now_is_no_logout(desk: Desk) -> None:
    desk.telegram.forget_keys(desk.user)
    with pytest.raises(UnreachableError, match="pair the account again"):
        desk.run(me, retries=1)


def test_a_session_that_is_no_session_asks_to_pair_again(desk: Desk) -> None:
    for session in ("nonsense", desk.session[:100]):
        with pytest.raises(AuthorityLostError, match="Pair"):
            desk.run(me, session=session)


def test_another_accounts_access_hash_opens_nothing(desk: Desk) -> None:
    bob = desk.telegram.session(desk.telegram.add_user("Bob"))
    key = desk.run(lambda client: resolve(client, Username("world"))).key
    with pytest.raises(ChannelLostError):
        desk.run(lambda client: history(client, key), session=bob)
    assert desk.run(lambda client: history(client, key)) == [1]


def test_a_refusal_is_told_with_its_method_and_code_unless_the_caller_handles_it(desk: Desk) -> None:
    desk.telegram.fail(HISTORY, "MSG_ID_INVALID", times=2)
    desk.telegram.fail("users.getUsers", "SOMETHING_NEW", code=400, skip=1)
    with pytest.raises(TelegramError, match=r"users.getUsers.*SOMETHING_NEW"):
        desk.run(me)
    with pytest.raises(TelegramError, match=r"messages.getHistory.*MSG_ID_INVALID"):
        desk.run(desk.history)

    async def handled(client: Client) -> None:
        key = (await resolve(client, Username("world"))).key
        request = functions.messages.GetHistoryRequest(input_peer(key), 0, None, 0, 100, 0, 0, 0)
        await client.call(request, raising=(MsgIdInvalidError,))

    with pytest.raises(MsgIdInvalidError):
        desk.run(handled)


# Settings


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"api_id": None}, "TELEGRAM_API_ID"),
        ({"api_hash": None}, "TELEGRAM_API_HASH"),
        ({"rsa_public_key_file": None}, "TELEGRAM_RSA_PUBLIC_KEY_FILE"),
        ({"rsa_public_key_file": Path("/nowhere.pem")}, "TELEGRAM_RSA_PUBLIC_KEY_FILE"),
        ({"rsa_public_key_file": Path(__file__)}, "TELEGRAM_RSA_PUBLIC_KEY_FILE"),
        ({"dc": "2:127.0.0.1:70000"}, "TELEGRAM_DC"),
        ({"proxy": SecretStr("ftp://proxy:1080")}, "TELEGRAM_PROXY"),
        ({"proxy": SecretStr("socks5://proxy")}, "TELEGRAM_PROXY"),
        ({"proxy": SecretStr("socks5://proxy:99999")}, "TELEGRAM_PROXY"),
        ({"proxy": SecretStr("socks5://[::1:1080")}, "TELEGRAM_PROXY"),
    ],
)
def test_a_setting_that_cant_be_used_is_named(desk: Desk, changes: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        desk.run(me, **changes)
    assert not desk.telegram.calls()


def test_a_proxy_without_its_library_fails_hard(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if "socks" in name else found(name, *rest)
    )
    with pytest.raises(SettingsError, match=r"TELEGRAM_PROXY.*python-socks"):
        desk.run(me, proxy=SecretStr("socks5://127.0.0.1:1080"))
    assert not desk.telegram.calls()


def test_a_proxy_is_used_and_never_passed_by(desk: Desk) -> None:
    heard: list[bytes] = []

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(64))
        writer.close()

    async def begin() -> None:
        proxy = await asyncio.start_server(greet, "127.0.0.1", 0)
        address = f"socks5://user:p%40ss@127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
        async with connected(desk.settings(proxy=SecretStr(address), retries=0), SecretStr(desk.session)):
            raise AssertionError("must not connect")

    with pytest.raises(UnreachableError):
        asyncio.run(begin())
    assert heard and heard[0][0] == 5, "SOCKS version 5 was spoken"
    assert not desk.telegram.calls()


def test_no_secret_is_in_an_error_or_a_log(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = [desk.session, desk.session[60:120], "0123456789abcdef0123456789abcdef", "p@ss", "p%40ss"]
    proxied = {"proxy": SecretStr("socks5://user:p%40ss@127.0.0.1:1"), "retries": 0}
    texts: list[str] = []

    def note(work: Callable[[Client], Awaitable[Any]], **changes: Any) -> None:
        try:
            desk.run(work, **changes)
        except TGStudioError as error:
            texts.append("".join(traceback.format_exception(error)) + repr(error))

    async def told(client: Client) -> str:
        return repr(client.session()) + repr(client.settings) + repr(client)

    texts.append(desk.run(told))
    note(me, **proxied)
    note(me, session=desk.session[:200])
    note(me, proxy=SecretStr("ftp://user:p%40ss@proxy:1"))
    desk.telegram.fail(HISTORY, "FLOOD_WAIT_18000")
    note(desk.history)
    desk.telegram.fail("users.getUsers", silent=True, times=None)
    note(me, retries=0, request_seconds=0.2, connect_seconds=0.2)
    desk.telegram.heal()
    desk.telegram.revoke(desk.user)
    note(me)
    assert len(texts) == 7
    everything = "\n".join([*texts, caplog.text])
    assert not [secret for secret in secrets if secret in everything]
