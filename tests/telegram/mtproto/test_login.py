"""Signing a new session in over the real protocol: codes that are scanned, sent and typed; passwords; data centres."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr

from tests.servers.telegram import TelegramServer
from tests.servers.telegram.model import User
from tgstudio_dagster.core.errors import FloodError, PairingError, SettingsError, UnreachableError
from tgstudio_dagster.core.settings import TelegramSettings
from tgstudio_dagster.telegram.mtproto.client import Client, connected
from tgstudio_dagster.telegram.mtproto.login import (
    QrCode,
    SentCode,
    Step,
    WrongEntryError,
    by_qr,
    enter_code,
    enter_password,
    resend_code,
    send_code,
)
from tgstudio_dagster.telegram.mtproto.peers import Me, me

_T = TypeVar("_T")
_NUMBER = SecretStr("+7 999 111-22-33")
_CODE = SecretStr("2 22-22")


@pytest.fixture
def settings(telegram: TelegramServer, tmp_path: Path) -> TelegramSettings:
    return telegram.settings(tmp_path, retries=1, request_seconds=5)


def new(settings: TelegramSettings, work: Callable[[Client], Awaitable[_T]]) -> _T:
    """What the work does with a new session's client."""

    async def run() -> _T:
        async with connected(settings, None, updates=True) as client:
            return await asyncio.wait_for(work(client), 30)

    return asyncio.run(run())


def who(settings: TelegramSettings, session: SecretStr) -> Me:
    """Whose session it is, asked with a client of its own."""

    async def run() -> Me:
        async with connected(settings, session) as client:
            return await me(client)

    return asyncio.run(run())


async def typed(client: Client, code: SecretStr = _CODE) -> Step:
    """Sign in by number."""
    sent = await send_code(client, _NUMBER)
    assert isinstance(sent, SentCode)
    return await enter_code(client, _NUMBER, sent, code)


def scanning(telegram: TelegramServer, user: User, *, at: int = 1) -> Callable[[Client], Awaitable[Any]]:
    """Sign in by QR code: the user scans the one that is shown as number `at`."""

    async def work(client: Client) -> tuple[Step, SecretStr, list[QrCode]]:
        shown: list[QrCode] = []

        def show(code: QrCode) -> None:
            shown.append(code)
            if len(shown) == at:
                telegram.accept_qr(code.url, user)

        step = await by_qr(client, show)
        return step, client.session(), shown

    return work


# By QR code


@pytest.mark.parametrize("transport", ["full", "abridged", "intermediate"])
def test_a_scanned_code_signs_the_session_in(telegram: TelegramServer, tmp_path: Path, transport: str) -> None:
    alice = telegram.add_user("Alice")
    settings = telegram.settings(tmp_path, transport=transport)
    step, session, shown = new(settings, scanning(telegram, alice))
    assert step is Step.SIGNED_IN
    assert shown[0].url.startswith("tg://login?token=")
    assert shown[0].expires_at > datetime.now(UTC) - timedelta(seconds=1)
    assert who(settings, session) == Me(alice.id, "Alice", None)


def test_a_code_that_expires_is_renewed_and_the_new_one_is_good(
    telegram: TelegramServer, settings: TelegramSettings
) -> None:
    telegram.qr_seconds = 1.0
    alice = telegram.add_user()
    step, session, shown = new(settings, scanning(telegram, alice, at=3))
    assert step is Step.SIGNED_IN
    assert len({code.url for code in shown}) == len(shown) == 3
    assert who(settings, session).telegram_id == alice.id


@pytest.mark.parametrize("ahead", [-60.0, 60.0, 3600.0])
def test_a_code_lives_by_the_servers_clock(telegram: TelegramServer, settings: TelegramSettings, ahead: float) -> None:
    telegram.clock_ahead, telegram.qr_seconds = ahead, 3.0
    shown: list[QrCode] = []

    async def nobody_scans(client: Client) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(7.5):
                await by_qr(client, shown.append)

    new(settings, nobody_scans)
    assert 2 <= len(telegram.calls("auth.exportLoginToken")) <= 5, "one at the end of each code's life"
    assert len(shown) >= 2
    assert all(abs((code.expires_at - datetime.now(UTC)).total_seconds()) < 15 for code in shown)


def test_a_scan_whose_update_is_lost_is_noticed_all_the_same(
    telegram: TelegramServer, settings: TelegramSettings
) -> None:
    telegram.qr_seconds = 1.0
    alice = telegram.add_user()

    async def work(client: Client) -> Step:
        # No update comes to a client that has asked for none.
        client.raw._no_updates = True
        return (await scanning(telegram, alice)(client))[0]

    assert new(settings, work) is Step.SIGNED_IN


def test_a_scan_while_the_connection_is_gone_is_noticed_afterwards(
    telegram: TelegramServer, settings: TelegramSettings
) -> None:
    telegram.qr_seconds = 2.0
    alice = telegram.add_user()

    async def work(client: Client) -> Step:
        def show(code: QrCode) -> None:
            telegram.drop_connections()
            telegram.accept_qr(code.url, alice)

        return await by_qr(client, show)

    assert new(settings, work) is Step.SIGNED_IN


def test_a_scan_leads_to_the_account_s_own_data_centre(telegram: TelegramServer, settings: TelegramSettings) -> None:
    alice = telegram.add_user()
    telegram.move(alice, 4)
    step, session, _ = new(settings, scanning(telegram, alice))
    assert step is Step.SIGNED_IN
    assert who(settings, session).telegram_id == alice.id
    assert len(telegram.calls("auth.importLoginToken")) == 1


def test_a_move_that_breaks_half_way_is_tried_again(telegram: TelegramServer, settings: TelegramSettings) -> None:
    telegram.qr_seconds = 1.0
    alice = telegram.add_user()
    telegram.move(alice, 4)
    telegram.fail("auth.importLoginToken", drop=True)
    step, session, _ = new(settings, scanning(telegram, alice))
    assert step is Step.SIGNED_IN
    assert who(settings, session).telegram_id == alice.id


def test_a_token_that_expires_on_its_way_to_the_other_data_centre_is_not_the_end(
    telegram: TelegramServer, settings: TelegramSettings
) -> None:
    alice = telegram.add_user()
    telegram.move(alice, 4)
    telegram.fail("auth.importLoginToken", "AUTH_TOKEN_EXPIRED")
    shown: list[str] = []

    async def work(client: Client) -> Step:
        def show(code: QrCode) -> None:
            shown.append(code.url)
            telegram.accept_qr(code.url, alice)

        return await by_qr(client, show)

    assert new(settings, work) is Step.SIGNED_IN
    assert len(shown) == 2


@pytest.mark.parametrize("dc", [2, 5])
def test_a_scan_by_an_account_with_two_factor_asks_for_its_password(
    telegram: TelegramServer, settings: TelegramSettings, dc: int
) -> None:
    bob = telegram.add_user("Bob", password="correct horse")
    telegram.move(bob, dc)

    async def work(client: Client) -> tuple[Step, Step, SecretStr]:
        step, _, _ = await scanning(telegram, bob)(client)
        with pytest.raises(WrongEntryError, match="password is wrong"):
            await enter_password(client, SecretStr("battery staple"))
        return step, await enter_password(client, SecretStr("correct horse")), client.session()

    asked, done, session = new(settings, work)
    assert (asked, done) == (Step.PASSWORD_NEEDED, Step.SIGNED_IN)
    assert who(settings, session).name == "Bob"


# By number


@pytest.mark.parametrize("dc", [2, 1])
def test_a_number_and_its_code_sign_the_session_in_wherever_the_account_lives(
    telegram: TelegramServer, settings: TelegramSettings, dc: int
) -> None:
    alice = telegram.add_user(phone="79991112233")
    telegram.move(alice, dc)

    async def work(client: Client) -> tuple[Step, SecretStr]:
        return await typed(client), client.session()

    step, session = new(settings, work)
    assert step is Step.SIGNED_IN
    assert who(settings, session).telegram_id == alice.id


def test_a_wrong_code_may_be_entered_again(telegram: TelegramServer, settings: TelegramSettings) -> None:
    telegram.add_user(phone="79991112233")

    async def work(client: Client) -> Step:
        sent = await send_code(client, _NUMBER)
        assert isinstance(sent, SentCode)
        for wrong in ("11111", " ", "99999"):
            with pytest.raises(WrongEntryError):
                await enter_code(client, _NUMBER, sent, SecretStr(wrong))
        return await enter_code(client, _NUMBER, sent, _CODE)

    assert new(settings, work) is Step.SIGNED_IN


def test_a_code_can_be_sent_again(telegram: TelegramServer, settings: TelegramSettings) -> None:
    telegram.add_user(phone="79991112233")

    async def work(client: Client) -> Step:
        first = await send_code(client, _NUMBER)
        assert isinstance(first, SentCode)
        second = await resend_code(client, _NUMBER, first)
        assert isinstance(second, SentCode)
        return await enter_code(client, _NUMBER, second, _CODE)

    assert new(settings, work) is Step.SIGNED_IN
    assert [call.method for call in telegram.calls() if "Code" in call.method] == ["auth.sendCode", "auth.resendCode"]


def test_an_expired_code_says_so(telegram: TelegramServer, settings: TelegramSettings) -> None:
    telegram.add_user(phone="79991112233")
    telegram.code_seconds = -1
    with pytest.raises(PairingError, match="The code has expired") as caught:
        new(settings, typed)
    assert not isinstance(caught.value, WrongEntryError)


@pytest.mark.parametrize("password", [None, "correct horse"])
def test_a_sign_in_whose_answer_is_lost_has_happened(
    telegram: TelegramServer, settings: TelegramSettings, password: str | None
) -> None:
    telegram.add_user(phone="79991112233", password=password)
    telegram.fail("auth.signIn", drop=True, after=True)
    assert new(settings, typed) is (Step.PASSWORD_NEEDED if password else Step.SIGNED_IN)


def test_a_password_whose_answer_is_lost_has_been_entered(telegram: TelegramServer, settings: TelegramSettings) -> None:
    telegram.add_user(phone="79991112233", password="correct horse")
    telegram.fail("auth.checkPassword", drop=True, after=True)

    async def work(client: Client) -> tuple[Step, Step]:
        return await typed(client), await enter_password(client, SecretStr("correct horse"))

    assert new(settings, work) == (Step.PASSWORD_NEEDED, Step.SIGNED_IN)


def test_a_number_without_an_account_is_not_signed_up(telegram: TelegramServer, settings: TelegramSettings) -> None:
    with pytest.raises(PairingError, match="has no Telegram account"):
        new(settings, typed)
    assert not telegram.calls("auth.signUp")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("PHONE_NUMBER_INVALID", "no such phone number"),
        ("PHONE_NUMBER_BANNED", "banned this phone number"),
        ("PHONE_NUMBER_FLOOD", "too many codes"),
        ("PHONE_PASSWORD_FLOOD", "Too many logins"),
        ("PHONE_NUMBER_UNOCCUPIED", "has no Telegram account"),
    ],
)
def test_a_number_that_can_not_log_in_is_told_why(
    telegram: TelegramServer, settings: TelegramSettings, error: str, said: str
) -> None:
    telegram.fail("auth.sendCode", error, code=406 if error == "PHONE_PASSWORD_FLOOD" else 400)
    with pytest.raises(PairingError, match=said) as caught:
        new(settings, typed)
    assert caught.value.__context__ is None


def test_something_that_is_no_number_is_refused_before_telegram_is_asked(
    telegram: TelegramServer, settings: TelegramSettings
) -> None:
    with pytest.raises(PairingError, match="country's code"):
        new(settings, lambda client: send_code(client, SecretStr("call me")))
    assert not telegram.calls("auth.sendCode")


@pytest.mark.parametrize("error", ["API_ID_INVALID", "API_ID_PUBLISHED_FLOOD"])
def test_an_application_that_telegram_refuses_names_its_settings(
    telegram: TelegramServer, settings: TelegramSettings, error: str
) -> None:
    telegram.fail("auth.exportLoginToken", error, times=None)
    with pytest.raises(SettingsError, match="TELEGRAM_API_ID"):
        new(settings, lambda client: by_qr(client, print))


def test_a_long_flood_wait_is_raised_with_its_end(telegram: TelegramServer, settings: TelegramSettings) -> None:
    telegram.fail("auth.sendCode", "FLOOD_WAIT_18000")
    with pytest.raises(FloodError) as caught:
        new(settings, typed)
    assert caught.value.until > datetime.now(UTC) + timedelta(hours=4)


def test_a_silent_server_is_unreachable(telegram: TelegramServer, tmp_path: Path) -> None:
    settings = telegram.settings(tmp_path, retries=1, request_seconds=0.3)
    telegram.fail("auth.exportLoginToken", silent=True, times=None)
    with pytest.raises(UnreachableError):
        new(settings, lambda client: by_qr(client, print))


def test_waiting_for_a_scan_can_be_ended_any_time(telegram: TelegramServer, settings: TelegramSettings) -> None:
    async def work(client: Client) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(by_qr(client, lambda _: None), 0.3)
        return client.raw.is_connected() is True and not client.raw.list_event_handlers()

    assert new(settings, work)
