"""Subscribing: the wishes to follow a channel, worked off by an account that finds it and sees it.

A wish becomes a subscription only after Telegram has shown the channel to the account. What a reference may look like is
`references.py`, how it is asked for `mtproto/peers.py`; reading begins with the next run.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from tgstudio_dagster.catalog.accounts.accounts import TgAccount, list_accounts
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.database import Catalog, CatalogFault
from tgstudio_dagster.catalog.follows.channels import list_channels, remember_channels
from tgstudio_dagster.catalog.follows.reading import cursor, remember_peer
from tgstudio_dagster.catalog.follows.subscriptions import (
    SubscriptionRequest,
    defer_request,
    finish_request,
    requests,
    subscribe,
)
from tgstudio_dagster.core.errors import (
    ApprovalNeededError,
    AuthorityLostError,
    ChannelLostError,
    ConflictError,
    FloodError,
    LeaseHeldError,
    NotFoundError,
    TelegramError,
    TGStudioError,
    UnreachableError,
    VaultError,
)
from tgstudio_dagster.core.settings import TelegramSettings
from tgstudio_dagster.telegram.accounts.session import Keys, OpenSession, open_session
from tgstudio_dagster.telegram.accounts.turns import WAIT_SECONDS
from tgstudio_dagster.telegram.mtproto.client import Client
from tgstudio_dagster.telegram.mtproto.peers import Peer, PeerKey, look, resolve
from tgstudio_dagster.telegram.reading.finding import Finder
from tgstudio_dagster.telegram.reading.references import Invite, Reference, Username, parse_reference

FRESH = timedelta(hours=24)
"""A username that was seen so recently is not looked up again: blasts of lookups can lock an account for hours."""
AGAIN = timedelta(minutes=5)
"""When a wish that got no answer is tried again."""
ASK_AGAIN = timedelta(hours=1)
"""How often it is looked whether the admins of a channel have let the account in."""
PATIENCE = timedelta(days=30)
"""How long their answer is waited for."""
_LOG = logging.getLogger(__name__)
_NO_ACCOUNT = (
    "No Telegram account is paired, so nothing can be read: `tgstudio login` pairs one; then it goes on by itself."
)


@dataclass(frozen=True)
class Outcome:
    """What became of a wish: followed (`done`), not possible (`failed`), or `queued` still; `error` says why."""

    request_id: str
    reference: str
    status: Literal["done", "failed", "queued"]
    channel_id: int | None = None
    title: str | None = None
    error: str | None = None


async def settle_requests(
    tenant: str,
    *,
    catalog: Catalog,
    vault: Vault,
    settings: TelegramSettings,
    now: Callable[[], datetime],
    wait: float = WAIT_SECONDS,
    session: OpenSession = open_session,
) -> list[Outcome]:
    """Work off the tenant's queued wishes that are due, oldest first, each with its account or else the first active one.

    What needs time (a flood wait, a line that is down, a session in use) leaves a wish queued. `wait` is how many seconds
    a session that is in use is waited for, `session` what opens one.
    """
    keys = Keys(tenant, catalog, vault, settings)
    accounts = {account.id: account for account in await catalog.ask(list_accounts, tenant)}
    any_active = next((account for account in accounts.values() if account.status == "active"), None)
    done: list[Outcome] = []
    queues: dict[str, list[SubscriptionRequest]] = defaultdict(list)
    for request in await catalog.ask(requests, tenant, "queued"):
        if request.not_before is not None and request.not_before > now():
            continue
        account = accounts[request.account_id] if request.account_id else any_active
        if account is None or account.status != "active":
            done.append(await _leave(keys, request, _unusable(account), now()))
        else:
            queues[account.id].append(request)
    for account_id, queue in queues.items():
        done += await _work_off(keys, account_id, queue, now, wait, session)
    return done


async def _work_off(
    keys: Keys,
    account_id: str,
    queue: list[SubscriptionRequest],
    now: Callable[[], datetime],
    wait: float,
    session: OpenSession,
) -> list[Outcome]:
    done: list[Outcome] = []
    try:
        async with session(keys, account_id, wait=wait) as (client, _):
            desk = _Desk(keys, account_id, client, now)
            silent: UnreachableError | None = None
            for request in queue:
                if not await keys.catalog.ask(_waits, keys.tenant, request.id):
                    # Another wish for the same channel was granted before.
                    done.append(Outcome(request.id, request.reference, "done"))
                    continue
                try:
                    done.append(await desk.settle(request))
                    silent = None
                except UnreachableError as error:
                    # One wish without an answer must not hold up those behind it; two in a row, and it is the line.
                    if silent is not None:
                        raise
                    silent = error
                    done.append(await _leave(keys, request, str(error), now(), until=now() + AGAIN))
    except FloodError as error:
        done += [await _leave(keys, request, str(error), now(), until=error.until) for request in queue[len(done) :]]
    except (TelegramError, LeaseHeldError, VaultError, ConflictError, NotFoundError) as error:
        done += [await _leave(keys, request, str(error), now()) for request in queue[len(done) :]]
    return done


class _Desk:
    """One account's session, at work on wishes."""

    def __init__(self, keys: Keys, account_id: str, client: Client, now: Callable[[], datetime]) -> None:
        self._keys = keys
        self._account_id = account_id
        self._client = client
        self._now = now
        self._finder = Finder(client)

    async def settle(self, request: SubscriptionRequest) -> Outcome:
        """Follow what the wish names. Raises what concerns the account: AuthorityLostError, UnreachableError."""
        catalog, tenant = self._keys.catalog, self._keys.tenant
        try:
            peer = await self._find(parse_reference(request.reference), asked=request.join_asked_at is not None)
            await catalog.ask(remember_channels, tenant, [peer.seen])
            await catalog.ask(remember_peer, tenant, self._account_id, peer.key.channel_id, peer.key.access_hash)
            await catalog.ask(
                subscribe,
                tenant,
                channel_id=peer.key.channel_id,
                account_id=self._account_id,
                chosen=request.account_id is not None,
                reference=request.reference,
                visibility=peer.visibility,
                members=peer.members,
                since=request.since,
                comments=request.comments,
                created_by=request.created_by,
            )
        except FloodError as error:
            await catalog.ask(defer_request, tenant, request.id, not_before=error.until, error=str(error))
            return Outcome(request.id, request.reference, "queued", error=str(error))
        except (AuthorityLostError, UnreachableError):
            raise
        except ApprovalNeededError as error:
            return await self._wait_for_admins(request, str(error))
        except TGStudioError as error:
            return await self._fail(request, str(error))
        except CatalogFault:
            raise
        except Exception:  # noqa: BLE001 (one wish must not hold up those behind it)
            _LOG.exception("tenant %s: the wish for %s", tenant, request.reference)
            return await self._fail(request, "TG Studio itself failed; its log says where.")
        await catalog.ask(finish_request, tenant, request.id, status="done", channel_id=peer.key.channel_id)
        return Outcome(request.id, request.reference, "done", peer.key.channel_id, peer.title)

    async def _wait_for_admins(self, request: SubscriptionRequest, error: str) -> Outcome:
        """Leave the wish queued while the channel's admins have not answered; they are asked once."""
        now = self._now()
        asked_at = request.join_asked_at or now
        if now - asked_at >= PATIENCE:
            return await self._fail(
                request, f"{error} That was {PATIENCE.days} days ago; ask them, then follow it again."
            )
        await self._keys.catalog.ask(
            defer_request,
            self._keys.tenant,
            request.id,
            not_before=now + ASK_AGAIN,
            error=error,
            join_asked_at=asked_at,
        )
        return Outcome(request.id, request.reference, "queued", error=error)

    async def _fail(self, request: SubscriptionRequest, error: str) -> Outcome:
        await self._keys.catalog.ask(finish_request, self._keys.tenant, request.id, status="failed", error=error)
        return Outcome(request.id, request.reference, "failed", error=error)

    async def _find(self, reference: Reference, *, asked: bool) -> Peer:
        """The channel as `look` shows it, found with as few lookups as there can be."""
        if isinstance(reference, Username):
            peer = await self._seen_lately(reference.name)
            if peer is not None:
                return peer
            found = await resolve(self._client, reference)
        elif isinstance(reference, Invite):
            found = await resolve(self._client, reference, join=True, asked=asked)
        else:
            return await self._finder.by_id(reference, await self._known(reference.id))
        return await look(self._client, found.key)

    async def _seen_lately(self, name: str) -> Peer | None:
        """The channel that had the name lately, if it still has it and the session's key to it holds."""
        for channel in await self._keys.catalog.ask(list_channels, self._keys.tenant):
            if (channel.username or "").lower() == name and self._now() - channel.seen_at < FRESH:
                key = await self._known(channel.channel_id)
                with suppress(ChannelLostError):
                    peer = None if key is None else await look(self._client, key)
                    return peer if peer is not None and (peer.username or "").lower() == name else None
        return None

    async def _known(self, channel_id: int) -> PeerKey | None:
        known = await self._keys.catalog.ask(cursor, self._keys.tenant, self._account_id, channel_id)
        return None if known.access_hash is None else PeerKey(channel_id, known.access_hash)


async def _leave(
    keys: Keys, request: SubscriptionRequest, error: str, now: datetime, *, until: datetime | None = None
) -> Outcome:
    """Leave the wish queued, and say why; `until` is the end of a flood wait."""
    if request.error != error:
        not_before = until or request.not_before or now
        await keys.catalog.ask(defer_request, keys.tenant, request.id, not_before=not_before, error=error)
    return Outcome(request.id, request.reference, "queued", error=error)


def _waits(catalog: Catalog, tenant: str, request_id: str) -> bool:
    return any(request.id == request_id for request in requests(catalog, tenant, "queued"))


def _unusable(account: TgAccount | None) -> str:
    if account is None:
        return _NO_ACCOUNT
    return f"The account {account.name} is {account.status}: pair it again, or ask with another one."
