"""What an error of Telegram, or of the line to it, means to the product, in the product's own words.

No sentence of telethon's leaves this room: a person reads Telegram's own name of an error, and what to do. What is
repeated, and how often, is `client.py`'s.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct

from telethon import errors
from telethon.errors import rpcerrorlist
from telethon.errors.rpcbaseerrors import ServerError, TimedOutError

from tgstudio_dagster.core.errors import (
    AuthorityLostError,
    ChannelLostError,
    RefusedError,
    TelegramError,
    UnreachableError,
)

try:
    from python_socks import ProxyError
except ImportError:  # the extra `proxy` is not installed: no proxy is used
    ProxyError = ConnectionError  # type: ignore[misc, assignment]


class NotTelegramError(ConnectionError):
    """Something answers, and it is no Telegram server."""


PASSING = (
    ServerError,
    TimedOutError,
    OSError,
    TimeoutError,
    asyncio.IncompleteReadError,
    # What telethon makes of a broken stream, and a data centre that does not know a key (while accounts are moved).
    BufferError,
    errors.SecurityError,
    errors.InvalidChecksumError,
    errors.BadMessageError,
    errors.AuthKeyNotFound,
    ProxyError,
)
GARBAGE = (errors.TypeNotFoundError, struct.error, ValueError)
"""What telethon makes of a greeting by something that is no Telegram server."""
MOVED = (errors.PhoneMigrateError, errors.NetworkMigrateError, errors.UserMigrateError)
_BANNED = (errors.UserDeactivatedError, errors.UserDeactivatedBanError, errors.PhoneNumberBannedError)
_EXPIRED = (
    errors.AuthKeyUnregisteredError,
    errors.AuthKeyDuplicatedError,
    errors.AuthKeyInvalidError,
    errors.SessionRevokedError,
    errors.SessionExpiredError,
)
_CHANNEL_LOST = (
    errors.ChannelPrivateError,
    errors.ChannelInvalidError,
    errors.ChannelBannedError,
    errors.ChatForbiddenError,
    errors.ChatIdInvalidError,
    errors.PeerIdInvalidError,
    errors.UserBannedInChannelError,
    errors.UsernameInvalidError,
    errors.UsernameNotOccupiedError,
    errors.InviteHashEmptyError,
    errors.InviteHashExpiredError,
    errors.InviteHashInvalidError,
)
_NAME = re.compile(r"[A-Z][A-Z0-9_]+")
_GARBLED = (errors.SecurityError, errors.InvalidChecksumError, errors.BadMessageError, BufferError)


def meaning(error: errors.RPCError, method: str) -> TelegramError:
    """What an error of Telegram means to the product."""
    code = code_of(error)
    if isinstance(error, _BANNED):
        return AuthorityLostError("banned", f"Telegram has closed this account ({code}). Its reading stops.")
    if isinstance(error, errors.AuthKeyDuplicatedError):
        return AuthorityLostError(
            "expired", f"The session was used in two places at once, so Telegram ended it ({code}). Pair it again."
        )
    if isinstance(error, _EXPIRED):
        return AuthorityLostError("expired", f"The session was ended on another device ({code}). Pair it again.")
    if isinstance(error, _CHANNEL_LOST):
        return ChannelLostError(f"This account can't see it ({code}).")
    return RefusedError(f"{method}: Telegram refused it ({code}).")


def code_of(error: errors.RPCError) -> str:
    """Telegram's own name of an error, which telethon keeps of those only that it does not know."""
    if type(error).__module__ != rpcerrorlist.__name__:
        return str(error.message)
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__.removesuffix("Error")).upper()


def unreachable(method: str, error: BaseException) -> UnreachableError:
    """The error of a call that could not be answered now, for this cause."""
    return UnreachableError(
        f"{method}: Telegram can't be reached now ({cause_of(error)}). It is tried again; nothing is lost."
    )


def cause_of(error: BaseException | None) -> str:
    """Why a call got no answer, in a few words."""
    match error:
        case errors.AuthKeyNotFound():
            return "it does not know this session's key now; should that last for days, pair the account again"
        case TimeoutError():
            return "no answer in time"
        case NotTelegramError():
            return "what answers there does not speak MTProto: see to TELEGRAM_DC and TELEGRAM_PROXY"
        case socket.gaierror():
            return "its name is not known here: see to the network"
        case ServerError() | TimedOutError():
            name = str(error.message)
            return f"a fault of Telegram's own, {name}" if _NAME.fullmatch(name) else "a fault of Telegram's own"
        case _ if isinstance(error, MOVED):
            return "the account has moved to another data centre"
        case _ if isinstance(error, _GARBLED):
            return "what came over the line is damaged"
        case _:
            return "no connection"
