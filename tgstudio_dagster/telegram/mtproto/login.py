"""Signing a new session in: by QR code, or by phone number and code; then by two-factor password where the account has one.

One client does it from the first step to the last, across data centres. How often a person may try, how long it may take
and what becomes of the session is telegram/accounts/pairing.py's. No message here holds a number, a code or a password, and the
errors made here are not chained to telethon's, which carry the request with what was typed.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from pydantic import SecretStr
from telethon import TelegramClient, errors, events
from telethon.password import compute_check
from telethon.tl import TLRequest, types
from telethon.tl.functions.account import GetPasswordRequest
from telethon.tl.functions.auth import (
    CheckPasswordRequest,
    ExportLoginTokenRequest,
    ImportLoginTokenRequest,
    ResendCodeRequest,
    SendCodeRequest,
    SignInRequest,
)
from telethon.tl.functions.help import GetConfigRequest
from telethon.tl.functions.users import GetUsersRequest

from tgstudio_dagster.core.errors import PairingError, SettingsError, TelegramError, UnreachableError
from tgstudio_dagster.telegram.mtproto.client import Client, asked

_LOG = logging.getLogger(__name__)
_POLL_SECONDS = 5.0
"""How often Telegram is asked whether the QR code was scanned, as its own web client does; its update is heard at once."""
_LEAST_SECONDS = 0.5
_MOVES = 3
_TOKEN_GONE = (
    errors.AuthTokenExpiredError,
    errors.AuthTokenInvalidError,
    errors.AuthTokenInvalidxError,
    errors.AuthTokenInvalid2Error,
    errors.AuthTokenExceptionError,
    errors.AuthTokenAlreadyAcceptedError,
)
_APPLICATION = (errors.ApiIdInvalidError, errors.ApiIdPublishedFloodError)
_PHONE = {
    errors.PhoneNumberInvalidError: "Telegram knows no such phone number. Write it with the country's code: +44 20 …",
    errors.PhoneNumberBannedError: "Telegram has banned this phone number.",
    errors.PhoneNumberFloodError: "Telegram has sent this number too many codes. Try again in a day, or by QR code.",
    errors.PhonePasswordFloodError: "Too many logins of this number were tried. Try again in a day, or by QR code.",
    errors.PhonePasswordProtectedError: "This number must be logged in on an official app first.",
    errors.PhoneNumberUnoccupiedError: "This number has no Telegram account. Make one in an official app first.",
    errors.PhoneNumberAppSignupForbiddenError: "This number has no Telegram account. Make one in an official app first.",
    errors.SendCodeUnavailableError: "Telegram has no other way left to send this code. Begin again later, or by QR code.",
    errors.SmsCodeCreateFailedError: "Telegram could not send the code. Begin again later, or by QR code.",
    errors.UpdateAppToLoginError: "Telegram does not let this version log in by number. Pair by QR code.",
    errors.PhoneCodeExpiredError: "The code has expired: Telegram asks for a new one. Begin again.",
}


class Step(Enum):
    """How far a sign-in has come."""

    SIGNED_IN = "signed in"
    PASSWORD_NEEDED = "password needed"  # noqa: S105 - a state, no password


class WrongEntryError(PairingError):
    """The code or the password is wrong; another may be entered."""


@dataclass(frozen=True)
class QrCode:
    """What is to be scanned in Telegram, and until when it is good, by this machine's clock."""

    url: str
    expires_at: datetime


@dataclass(frozen=True)
class SentCode:
    """A code that is on its way to the person; `proof` says to Telegram which one."""

    proof: SecretStr = field(repr=False)


async def by_qr(client: Client, show: Callable[[QrCode], None]) -> Step:
    """Wait until a QR code was scanned and accepted; `show` is handed the first and each renewed one.

    Follows the account to its data centre. It has no end of its own: whoever waits sets the deadline. Raises what
    `Client.call` does.
    """
    hint = asyncio.Event()

    async def heard(_update: object) -> None:
        hint.set()

    # The update only says when to ask: it may be lost, and a scan that comes late brings none.
    client.raw.add_event_handler(heard, events.Raw(types.UpdateLoginToken))
    shown = None
    try:
        ahead = await _ahead(client)
        while True:
            hint.clear()
            answer = await _export(client, ahead)
            if isinstance(answer, Step):
                return answer
            if answer != shown:
                shown = answer
                show(answer)
            rest = (answer.expires_at - datetime.now(UTC)).total_seconds()
            with suppress(TimeoutError):
                async with asyncio.timeout(max(_LEAST_SECONDS, min(_POLL_SECONDS, rest))):
                    await hint.wait()
    finally:
        client.raw.remove_event_handler(heard)


async def send_code(client: Client, phone: SecretStr) -> SentCode | Step:
    """Have Telegram send a code to the number's other devices, or by SMS.

    Raises PairingError for a number that can't log in, FloodError, and what else `Client.call` does.
    """
    settings = client.settings
    assert settings.api_id is not None and settings.api_hash is not None
    request = SendCodeRequest(
        _digits(phone), settings.api_id, settings.api_hash.get_secret_value(), types.CodeSettings()
    )
    _forget_data_centres()
    return _sent(await _ask(client, request))


async def resend_code(client: Client, phone: SecretStr, sent: SentCode) -> SentCode | Step:
    """Have the code sent by the next way Telegram has (SMS, call). Raises as `send_code` does."""
    return _sent(await _ask(client, ResendCodeRequest(_digits(phone), sent.proof.get_secret_value())))


async def enter_code(client: Client, phone: SecretStr, sent: SentCode, code: SecretStr) -> Step:
    """Sign in with the code.

    Raises WrongEntryError where it is wrong, PairingError where it has expired or the number has no account.
    """
    typed = "".join(code.get_secret_value().split()).replace("-", "")
    if not typed:
        raise WrongEntryError("The code is empty.")
    request = SignInRequest(_digits(phone), sent.proof.get_secret_value(), phone_code=typed)
    wrong = (errors.PhoneCodeInvalidError, errors.PhoneCodeEmptyError)
    answer = None
    try:
        answer = await _ask(client, request, errors.SessionPasswordNeededError, *wrong)
    except errors.SessionPasswordNeededError:
        return Step.PASSWORD_NEEDED
    except wrong:
        pass
    except PairingError:
        # Where the first answer was lost, the sign-in was asked for again with a code that is used up by then.
        step = await _standing(client)
        if step is not None:
            return step
        raise
    if answer is None:
        raise WrongEntryError("The code is wrong.")
    if isinstance(answer, types.auth.AuthorizationSignUpRequired):
        raise PairingError(_PHONE[errors.PhoneNumberUnoccupiedError])
    return Step.SIGNED_IN


async def enter_password(client: Client, password: SecretStr) -> Step:
    """Sign in with the two-factor password, which never leaves this process (SRP). Raises WrongEntryError."""
    for _ in range(2):
        asked = await client.call(GetPasswordRequest())
        # A tenth of a second of hashing: not on the loop.
        proof = await asyncio.to_thread(_proof, asked, password)
        try:
            await _ask(
                client,
                CheckPasswordRequest(proof),
                errors.PasswordHashInvalidError,
                errors.SrpIdInvalidError,
                errors.SrpPasswordChangedError,
            )
            return Step.SIGNED_IN
        except errors.PasswordHashInvalidError:
            break
        except (errors.SrpIdInvalidError, errors.SrpPasswordChangedError):
            # The exchange is good for one try and a short while: begin another.
            continue
    if await _standing(client) is Step.SIGNED_IN:
        return Step.SIGNED_IN
    raise WrongEntryError("The two-factor password is wrong.")


async def _ahead(client: Client) -> timedelta:
    """How far Telegram's clock is ahead of this machine's, to a second or so."""
    config = await client.call(GetConfigRequest())
    told: datetime = config.date
    return told - datetime.now(UTC)


async def _export(client: Client, ahead: timedelta) -> QrCode | Step:
    """The QR code as it is now, or how far its scan has brought this session."""
    settings = client.settings
    assert settings.api_id is not None and settings.api_hash is not None
    request = ExportLoginTokenRequest(settings.api_id, settings.api_hash.get_secret_value(), except_ids=[])
    for _ in range(_MOVES):
        try:
            answer = await _ask(client, request, errors.SessionPasswordNeededError, *_TOKEN_GONE)
            if isinstance(answer, types.auth.LoginTokenMigrateTo):
                await _move(client, answer.dc_id)
                answer = await _ask(
                    client, ImportLoginTokenRequest(answer.token), errors.SessionPasswordNeededError, *_TOKEN_GONE
                )
        except errors.SessionPasswordNeededError:
            return Step.PASSWORD_NEEDED
        except _TOKEN_GONE:
            continue
        if isinstance(answer, types.auth.LoginTokenSuccess):
            return Step.SIGNED_IN
        if isinstance(answer, types.auth.LoginToken):
            token = base64.urlsafe_b64encode(answer.token).decode().rstrip("=")
            return QrCode(f"tg://login?token={token}", answer.expires - ahead)
    raise PairingError("Telegram did not complete the scan's login. Begin again.")


async def _move(client: Client, data_centre: int) -> None:
    """Go on at the account's own data centre, with a new key."""
    _forget_data_centres()
    try:
        async with asyncio.timeout(client.settings.connect_seconds):
            await asked(client.raw._switch_dc(data_centre))
    except (errors.RPCError, ConnectionError, OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
        # The next call connects again and says what is wrong; what is half done would pass for connected.
        _LOG.info("data centre %d: %s; connecting again", data_centre, type(error).__name__)
        await client.raw.disconnect()


def _forget_data_centres() -> None:
    """Telethon keeps the addresses of data centres as long as the process lives, which here is months."""
    TelegramClient._config = None


async def _ask(client: Client, request: TLRequest, *raising: type[Exception]) -> Any:
    """`Client.call`, with what can be wrong with a number or an application said in words."""
    mend = None
    try:
        return await client.call(request, raising=(*raising, *_PHONE, *_APPLICATION))
    except raising:
        raise
    except _APPLICATION:
        pass
    except tuple(_PHONE) as error:
        mend = _PHONE[type(error)]
    if mend is not None:
        raise PairingError(mend)
    raise SettingsError(
        "TELEGRAM_API_ID, TELEGRAM_API_HASH: Telegram does not accept them. Copy both from my.telegram.org."
    )


async def _standing(client: Client) -> Step | None:
    """How far the session has come by Telegram's own account: asked where an answer may have been lost."""
    # A session whose password is still to come may ask for the password's terms, a stranger for neither.
    for request, step in (
        (GetUsersRequest([types.InputUserSelf()]), Step.SIGNED_IN),
        (GetPasswordRequest(), Step.PASSWORD_NEEDED),
    ):
        try:
            if await client.call(request):
                return step
        except UnreachableError:
            raise
        except TelegramError:
            continue
    return None


def _sent(answer: object) -> SentCode | Step:
    match answer:
        case types.auth.SentCodeSuccess():
            return Step.SIGNED_IN
        case types.auth.SentCode(type=types.auth.SentCodeTypeSetUpEmailRequired()):
            raise PairingError("Telegram wants an e-mail address for this account: log in once on an official app.")
        case types.auth.SentCode():
            return SentCode(SecretStr(answer.phone_code_hash))
        case _:
            raise PairingError("Telegram does not send this number a code. Pair by QR code.")


def _proof(asked: Any, password: SecretStr) -> Any:
    try:
        return compute_check(asked, password.get_secret_value())
    except ValueError:
        pass
    raise PairingError("Telegram's two-factor exchange is of a kind that this version of TG Studio does not know.")


def _digits(phone: SecretStr) -> str:
    number = "".join(sign for sign in phone.get_secret_value() if sign.isdigit())
    if not number:
        raise PairingError(_PHONE[errors.PhoneNumberInvalidError])
    return number
