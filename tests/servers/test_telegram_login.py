"""The small Telegram lets in, and shuts out, as Telegram does, as far as a real Telethon client can see."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest
from telethon import errors, functions

from tests.servers.telegram import TelegramServer, open_client
from tests.servers.telegram.client import in_loop


@pytest.mark.parametrize("transport", ["full", "abridged", "intermediate"])
@in_loop
async def test_a_code_signs_in_over_each_transport(telegram: TelegramServer, transport: str) -> None:
    alice = telegram.add_user("Alice")
    async with open_client(telegram, transport=transport) as client:
        assert not await client.is_user_authorized()
        await client.send_code_request(f"+{alice.phone}")
        with pytest.raises(errors.PhoneCodeInvalidError):
            await client.sign_in(alice.phone, "1")
        assert (await client.sign_in(alice.phone, telegram.code)).id == alice.id


@in_loop
async def test_codes_expire_and_numbers_are_checked(telegram: TelegramServer) -> None:
    alice = telegram.add_user("Alice")
    async with open_client(telegram) as client:
        with pytest.raises(errors.PhoneNumberInvalidError):
            await client.send_code_request("+12")
        sent = await client.send_code_request(alice.phone)
        again = await client(functions.auth.ResendCodeRequest(alice.phone, sent.phone_code_hash))
        telegram.code_seconds = -1
        late = await client(functions.auth.ResendCodeRequest(alice.phone, again.phone_code_hash))
        for code in (sent, late):
            with pytest.raises(errors.PhoneCodeExpiredError):
                await client.sign_in(alice.phone, telegram.code, phone_code_hash=code.phone_code_hash)


@in_loop
async def test_a_two_factor_password_is_checked(telegram: TelegramServer) -> None:
    bob = telegram.add_user("Bob", password="hunter2")
    async with open_client(telegram) as client:
        await client.send_code_request(bob.phone)
        with pytest.raises(errors.SessionPasswordNeededError):
            await client.sign_in(bob.phone, telegram.code)
        assert not await client.is_user_authorized()
        with pytest.raises(errors.PasswordHashInvalidError):
            await client.sign_in(password="wrong")
        assert (await client.sign_in(password="hunter2")).id == bob.id


@pytest.mark.parametrize("dc", [2, 4])
@pytest.mark.parametrize("password", [None, "hunter2"])
@in_loop
async def test_a_qr_code_signs_in_at_the_users_data_centre(
    telegram: TelegramServer, dc: int, password: str | None
) -> None:
    alice = telegram.add_user("Alice", password=password)
    telegram.move(alice, dc)
    async with open_client(telegram) as client:
        qr = await client.qr_login()
        waiting = asyncio.ensure_future(qr.wait(5))
        await asyncio.sleep(0.05)
        telegram.accept_qr(qr.url, alice)
        if password:
            with pytest.raises(errors.SessionPasswordNeededError):
                await waiting
            await client.sign_in(password=password)
        else:
            assert (await waiting).id == alice.id
        assert client.session.dc_id == dc
        session = client.session.save()
    async with open_client(telegram, session) as client:
        assert (await client.get_me()).id == alice.id


@in_loop
async def test_a_late_scan_is_found_by_asking_again_and_an_old_token_is_refused(telegram: TelegramServer) -> None:
    alice = telegram.add_user("Alice")
    async with open_client(telegram, receive_updates=False) as client:
        telegram.qr_seconds = -1
        old = await client.qr_login()
        with pytest.raises(Exception, match="AUTH_TOKEN_EXPIRED"):
            telegram.accept_qr(old.token, alice)
        telegram.qr_seconds = 30
        await old.recreate()
        telegram.accept_qr(old.token, alice)
        with pytest.raises(asyncio.TimeoutError):
            await old.wait(0.1)
        await old.recreate()
        assert await client.is_user_authorized()


@in_loop
async def test_a_phone_login_follows_the_user_to_another_data_centre(telegram: TelegramServer) -> None:
    alice = telegram.add_user("Alice")
    telegram.move(alice, 5)
    async with open_client(telegram) as client:
        await client.send_code_request(alice.phone)
        assert (await client.sign_in(alice.phone, telegram.code)).id == alice.id
        assert client.session.dc_id == 5


@in_loop
async def test_logging_out_makes_a_session_void(telegram: TelegramServer) -> None:
    session = telegram.session(telegram.add_user())
    async with open_client(telegram, session) as client:
        assert await client.log_out()
    async with open_client(telegram, session) as client:
        assert not await client.is_user_authorized()


# Losing authority


@pytest.mark.parametrize(
    ("lose", "error"),
    [
        (TelegramServer.revoke, errors.AuthKeyUnregisteredError),
        (TelegramServer.duplicate, errors.AuthKeyDuplicatedError),
        (TelegramServer.deactivate, errors.UserDeactivatedBanError),
        (functools.partial(TelegramServer.revoke, error="SESSION_REVOKED"), errors.SessionRevokedError),
    ],
)
@in_loop
async def test_lost_authority_shows_at_the_next_call(telegram: TelegramServer, lose: Any, error: type) -> None:
    alice = telegram.add_user("Alice")
    telegram.add_channel("news")
    async with open_client(telegram, telegram.session(alice)) as client:
        assert (await client.get_entity("news")).title == "News"
        lose(telegram, alice)
        with pytest.raises(error):
            await client(functions.contacts.ResolveUsernameRequest("news"))


@in_loop
async def test_a_forgotten_key_is_not_a_logout_but_an_unknown_key(telegram: TelegramServer) -> None:
    alice = telegram.add_user("Alice")
    session = telegram.session(alice)
    telegram.forget_keys(alice)
    with pytest.raises(errors.AuthKeyNotFound):
        async with open_client(telegram, session):
            pass


@in_loop
async def test_one_session_in_two_places_is_noticed(telegram: TelegramServer) -> None:
    alice = telegram.add_user("Alice")
    session = telegram.session(alice)
    async with open_client(telegram, session) as one:
        await one.disconnect()
        await one.connect()
        assert telegram.overlaps == []
        async with open_client(telegram, telegram.session(alice)):
            assert telegram.overlaps == []
        async with open_client(telegram, session):
            assert [overlap.user_id for overlap in telegram.overlaps] == [alice.id]
