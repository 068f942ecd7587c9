"""What Telegram tells unasked: new posts, edits and deletes, as hints of what to read.

Hints only: an update may be lost, late or doubled, and none comes while nothing listens. What a channel holds is read by
messages.py; who is woken by a hint is listening.py's matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal

from telethon import events
from telethon.tl import functions, types

from tgstudio_dagster.telegram.mtproto.client import Client

# UpdateDeleteMessages is left out on purpose: it names no peer, and ids of private chats are not a channel's.
_TOLD = (types.UpdateNewChannelMessage, types.UpdateEditChannelMessage, types.UpdateDeleteChannelMessages)
_SILENCE_SECONDS = 300.0
"""After so long without an update Telegram is asked whether the session still stands, which also keeps updates coming."""


@dataclass(frozen=True)
class Heard:
    """Posts of a channel that are new, were edited (not merely their counters) or were deleted."""

    kind: Literal["new", "edit", "delete"]
    channel_id: int
    msg_ids: tuple[int, ...]


async def heard(client: Client, *, silence: float = _SILENCE_SECONDS) -> AsyncIterator[Heard]:
    """What happens in the channels that the account has joined, from now on, without end.

    The client must be connected with `updates=True`. A lost connection is made again; what happened meanwhile is not
    told. Raises what `Client.call` does where that fails: UnreachableError, AuthorityLostError, FloodError.
    """
    told: asyncio.Queue[Heard] = asyncio.Queue()

    async def note(update: Any) -> None:
        hint = _hint(update)
        if hint is not None:
            told.put_nowait(hint)

    client.raw.add_event_handler(note, events.Raw(types=_TOLD))
    try:
        while True:
            # Telegram sends updates to a connection only after a call that asks for something.
            await client.call(functions.updates.GetStateRequest())
            while (hint := await _next(told, client, silence)) is not None:
                yield hint
    finally:
        client.raw.remove_event_handler(note)


async def _next(told: asyncio.Queue[Heard], client: Client, silence: float) -> Heard | None:
    """The next hint; None where the connection has ended, or nothing came for `silence` seconds."""
    hint = asyncio.ensure_future(told.get())
    ended = asyncio.ensure_future(client.raw.disconnected)
    # A connection that ends in an error says so here; the call that follows meets the same error and gives it a name.
    ended.add_done_callback(lambda future: future.cancelled() or future.exception())
    try:
        await asyncio.wait({hint, ended}, timeout=silence, return_when=asyncio.FIRST_COMPLETED)
        return hint.result() if hint.done() else None
    finally:
        hint.cancel()
        ended.cancel()


def _hint(update: Any) -> Heard | None:
    if isinstance(update, types.UpdateDeleteChannelMessages):
        return Heard("delete", update.channel_id, tuple(update.messages))
    message = update.message
    if not isinstance(message.peer_id, types.PeerChannel):
        return None
    if isinstance(update, types.UpdateNewChannelMessage):
        return Heard("new", message.peer_id.channel_id, (message.id,))
    # Reactions come as edits that people are not shown; a busy channel has them all day.
    return None if getattr(message, "edit_hide", False) else Heard("edit", message.peer_id.channel_id, (message.id,))
