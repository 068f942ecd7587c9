"""What Telegram's refusals and a setting that can't be used come to mean; no secret is in what is said."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from telethon import functions
from telethon.errors import MsgIdInvalidError

from tests.servers.telegram import TelegramServer
from tests.telegram.mtproto.desk import HISTORY, Desk, history
from tgstudio_dagster.core.errors import (
    AuthorityLostError,
    ChannelLostError,
    SettingsError,
    TelegramError,
    TGStudioError,
    UnreachableError,
)
from tgstudio_dagster.telegram.mtproto.client import Client, connected
from tgstudio_dagster.telegram.mtproto.peers import input_peer, me, resolve
from tgstudio_dagster.telegram.reading.references import Username


@pytest.fixture
def desk(telegram: TelegramServer, tmp_path: Path) -> Desk:
    return Desk(telegram, tmp_path)


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
