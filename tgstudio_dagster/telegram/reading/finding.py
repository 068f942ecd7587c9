"""Finding a channel again for a session that has no key to it, or whose key is refused.

An access hash is the session's own: neither another account's nor one of a former pairing opens the channel. Finding a
channel for the first time by its name or invite is `subscribing.py`'s.
"""

from __future__ import annotations

from tgstudio_dagster.catalog.follows.subscriptions import SubscriptionView
from tgstudio_dagster.core.errors import (
    AuthorityLostError,
    ChannelLostError,
    FloodError,
    RefusedError,
    SourceError,
    TelegramError,
    UnreachableError,
)
from tgstudio_dagster.telegram.mtproto.client import Client
from tgstudio_dagster.telegram.mtproto.peers import Peer, PeerKey, dialogs, look, resolve
from tgstudio_dagster.telegram.reading.references import ChannelId, Invite, Username, parse_reference


class Finder:
    """Finds channels for one session; its dialogs are listed once at most."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._dialogs: dict[int, PeerKey] | None = None

    async def find(self, subscription: SubscriptionView, *, refused: bool) -> PeerKey | None:
        """The session's key to the channel: by its username or invite, or from the dialogs; None where none shows it.

        A key that was `refused` is one channel's trouble, so the name is asked first. A session without a key is a new one
        and lacks them all: one list of the dialogs has most, and spares as many lookups. Raises FloodError, RefusedError
        where a question could not be answered, so that nothing is known; UnreachableError, AuthorityLostError.
        """
        ways: list[Username | Invite | ChannelId] = [*_references(subscription)]
        ways.insert(len(ways) if refused and self._dialogs is None else 0, ChannelId(subscription.channel_id))
        unanswered: TelegramError | None = None
        for way in ways:
            try:
                key = await (self._listed(way.id) if isinstance(way, ChannelId) else self._resolved(way))
            except (AuthorityLostError, UnreachableError):
                raise
            except (FloodError, RefusedError) as error:
                unanswered = unanswered or error
                continue
            except TelegramError:
                continue  # nobody has the name, a person has it, the invite is over or not accepted
            if key is not None and key.channel_id == subscription.channel_id:
                return key
        if unanswered is not None:
            raise unanswered
        return None

    async def by_id(self, reference: ChannelId, known: PeerKey | None) -> Peer:
        """The channel of an id as `look` shows it: by the key that is `known`, else from the dialogs.

        Raises ChannelLostError where the account has it in neither, and what `Client.call` does.
        """
        if known is not None:
            try:
                return await look(self._client, known)
            except ChannelLostError:
                pass  # the key may be of a former session
        key = await self._listed(reference.id)
        return await resolve(self._client, reference, known=key)

    async def _listed(self, channel_id: int) -> PeerKey | None:
        if self._dialogs is None:
            self._dialogs = {peer.key.channel_id: peer.key for peer in await dialogs(self._client)}
        return self._dialogs.get(channel_id)

    async def _resolved(self, reference: Username | Invite) -> PeerKey:
        return (await resolve(self._client, reference)).key


def _references(subscription: SubscriptionView) -> list[Username | Invite]:
    """What the channel may be asked for by: its newest username, and what the subscription was asked for with."""
    names = {subscription.username.lower()} if subscription.username else set[str]()
    invites: list[Username | Invite] = []
    try:
        written = parse_reference(subscription.reference)
    except SourceError:
        written = None
    if isinstance(written, Username):
        names.add(written.name)
    elif isinstance(written, Invite):
        invites.append(written)
    return [*(Username(name) for name in sorted(names)), *invites]
