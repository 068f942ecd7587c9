"""Posting a plain text to a channel or supergroup, once.

Whether it may be posted at all, and what is kept of it, is `telegram/live/sending.py`'s matter.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from telethon import errors
from telethon.tl import functions, types

from tgstudio_dagster.core.errors import ConflictError, TelegramError
from tgstudio_dagster.telegram.mtproto.client import Client
from tgstudio_dagster.telegram.mtproto.meaning import code_of
from tgstudio_dagster.telegram.mtproto.messages import older
from tgstudio_dagster.telegram.mtproto.peers import PeerKey, input_peer, me

LONGEST = 4096
"""UTF-16 units, as the newsroom counts them for Telegram; the server counts characters, which are never more."""
_FORBIDDEN = (
    errors.ForbiddenError,
    errors.ChatAdminRequiredError,
    errors.ChatRestrictedError,
    errors.UserBannedInChannelError,
)
_CLOCKS_APART = timedelta(minutes=1)
_PAGES = 10


async def send(
    client: Client, key: PeerKey, text: str, *, reply_to: int | None, random_id: int, begun: datetime
) -> int | None:
    """Post the text as it stands, no markup read in it; returns the message's id.

    Telegram refuses a `random_id` that the account has used: then the message was sent before (`begun` or later), and
    its id is looked for; None where it is not among the newest thousand any more. Raises ConflictError for a text that
    Telegram would not take, TelegramError where the account may not write there, and what `Client.call` raises.
    """
    check_text(text)
    request = functions.messages.SendMessageRequest(
        peer=input_peer(key),
        message=text,
        reply_to=None if reply_to is None else types.InputReplyToMessage(reply_to),
        random_id=random_id,
    )
    try:
        answer = await client.call(
            request, raising=(errors.RandomIdDuplicateError, errors.SlowModeWaitError, *_FORBIDDEN)
        )
    except errors.RandomIdDuplicateError:
        return await _sent_before(client, key, text, begun - _CLOCKS_APART)
    except errors.SlowModeWaitError as error:
        # Not the account's flood wait: it may write elsewhere meanwhile.
        raise TelegramError(f"The chat is in slow mode: this account may write there in {error.seconds} s.") from error
    except _FORBIDDEN as error:
        raise TelegramError(f"This account may not write there ({code_of(error)}).") from error
    ids = [one.id for one in answer.updates if isinstance(one, types.UpdateMessageID) and one.random_id == random_id]
    return ids[0] if ids else await _sent_before(client, key, text, begun - _CLOCKS_APART)


def check_text(text: str) -> None:
    """Raise ConflictError for a text that is empty or longer than Telegram takes."""
    length = len(text.encode("utf-16-le", "surrogatepass")) // 2
    if not text.strip():
        raise ConflictError("it is empty; there is nothing to send.", field="text")
    if length > LONGEST:
        raise ConflictError(
            f"it has {length} characters, and Telegram takes {LONGEST}; shorten or split it.", field="text"
        )


async def _sent_before(client: Client, key: PeerKey, text: str, since: datetime) -> int | None:
    """The oldest post of this account since then that has the text; Telegram trims both ends of a text."""
    own_id = (await me(client)).telegram_id
    found, before = None, 0
    for _ in range(_PAGES):
        page = await older(client, key, before=before)
        young = [message for message in page.messages if message.get("date") and message["date"] >= since]
        same = [one["id"] for one in young if _is_own(one, own_id) and one.get("message", "").strip() == text.strip()]
        found = min(same, default=found)
        if not young or len(young) < len(page.messages):
            break
        before = min(message["id"] for message in young)
    return found


def _is_own(message: dict[str, Any], own_id: int) -> bool:
    # A channel's posts are the channel's, whoever wrote them; an admin may write as the group.
    author = message.get("from_id") or {}
    return bool(message.get("post") or message.get("out") or author.get("user_id") == own_id)
