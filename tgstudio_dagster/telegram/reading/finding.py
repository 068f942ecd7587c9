"""Finding a channel again for an account that has no key to it, or whose key is refused.

An access hash is the account's own: another account's does not open the channel, and one that went stale is replaced.
Finding a channel for the first time is `subscribing.py`'s.
"""

from __future__ import annotations

from tgstudio_dagster.catalog.follows.subscriptions import SubscriptionView
from tgstudio_dagster.core.errors import ChannelLostError
from tgstudio_dagster.telegram.mtproto.client import Client
from tgstudio_dagster.telegram.mtproto.peers import Peer, PeerKey, dialogs, resolve
from tgstudio_dagster.telegram.reading.references import Username, parse_reference


class Finder:
    """Finds channels for one account; its dialogs are listed once at most."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._dialogs: dict[int, Peer] | None = None

    async def find(self, subscription: SubscriptionView, *, in_dialogs: bool) -> PeerKey | None:
        """The account's key to the channel: by username where that is still this channel's, else from its dialogs.

        Dialogs are listed slowly, so only where the account never had a key: one that is refused is in no dialog either.
        None where the account does not see the channel. Raises FloodError, UnreachableError, AuthorityLostError.
        """
        names = {subscription.username.lower()} if subscription.username else set[str]()
        written = parse_reference(subscription.reference)
        if isinstance(written, Username):
            names.add(written.name)
        for name in sorted(names):
            try:
                peer = await resolve(self._client, Username(name))
            except ChannelLostError:
                continue
            if peer.key.channel_id == subscription.channel_id:
                return peer.key
        if not in_dialogs:
            return None
        if self._dialogs is None:
            self._dialogs = {peer.key.channel_id: peer for peer in await dialogs(self._client)}
        found = self._dialogs.get(subscription.channel_id)
        return found.key if found else None
