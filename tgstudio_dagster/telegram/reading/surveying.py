"""Surveying: how much history waits to be read, asked of Telegram with three short questions a channel.

The arithmetic is `estimate.py`; reading it is `reader.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta

from tgstudio_dagster.catalog.accounts.accounts import list_accounts
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.reading import ChannelCursor, cursor, remember_peer
from tgstudio_dagster.catalog.follows.subscriptions import SubscriptionView, active_subscriptions
from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.core.errors import AuthorityLostError, ChannelLostError, RefusedError
from tgstudio_dagster.core.settings import TelegramSettings
from tgstudio_dagster.telegram.accounts.session import Keys, open_session
from tgstudio_dagster.telegram.accounts.turns import WAIT_SECONDS
from tgstudio_dagster.telegram.mtproto.client import Client
from tgstudio_dagster.telegram.mtproto.messages import older
from tgstudio_dagster.telegram.mtproto.peers import PeerKey
from tgstudio_dagster.telegram.reading import gaps
from tgstudio_dagster.telegram.reading.estimate import Estimate, estimate, messages_between
from tgstudio_dagster.telegram.reading.finding import Finder


async def survey_tenant(
    tenant: str,
    *,
    catalog: Catalog,
    vault: Vault,
    settings: TelegramSettings,
    days: DayRange,
    now: Callable[[], datetime],
    wait: float = WAIT_SECONDS,
) -> dict[int, Estimate]:
    """What reading the missing messages of these days costs, by channel id; within each subscription's depth.

    A channel that its account does not see (any more) is left out; so are the channels of an account that has to be
    paired again. Raises FloodError, UnreachableError, LeaseHeldError: an estimate can wait.
    """
    keys = Keys(tenant, catalog, vault, settings)
    found: dict[int, Estimate] = {}
    for account in await catalog.ask(list_accounts, tenant):
        views = await catalog.ask(active_subscriptions, tenant, account.id)
        if account.status != "active" or not views:
            continue
        try:
            async with open_session(keys, account.id, wait=wait) as (client, _):
                finder = Finder(client)
                for view in views:
                    messages = await _missing(client, keys, account.id, view, finder, days, now().date())
                    if messages is not None:
                        found[view.channel_id] = estimate(messages, page_seconds=settings.page_seconds)
        except AuthorityLostError:
            continue
    return found


async def _missing(
    client: Client, keys: Keys, account_id: str, view: SubscriptionView, finder: Finder, days: DayRange, today: date
) -> int | None:
    """How many messages of the days are not read yet; None where the account does not see the channel."""
    known = await keys.catalog.ask(cursor, keys.tenant, account_id, view.channel_id)
    key = None if known.access_hash is None else PeerKey(view.channel_id, known.access_hash)
    try:
        if key is not None:
            with suppress(ChannelLostError):
                return await _unread(client, key, known, view, days, today)
        key = await finder.find(view, refused=key is not None)
        if key is None:
            return None
        await keys.catalog.ask(remember_peer, keys.tenant, account_id, key.channel_id, key.access_hash)
        return await _unread(client, key, known, view, days, today)
    except (ChannelLostError, RefusedError):
        return None


async def _unread(
    client: Client, key: PeerKey, known: ChannelCursor, view: SubscriptionView, days: DayRange, today: date
) -> int:
    newest = await older(client, key, limit=1)
    newest_id = max(newest.ids, default=0)
    last = newest_id if days.last >= today else await _last_before(client, key, days.last + timedelta(days=1))
    first = await _last_before(client, key, max(days.first, view.since or days.first)) + 1
    unread = gaps.add(known.gaps, known.last_msg_id + 1, newest_id)
    return sum(
        messages_between(first_id=low, last_id=high, newest_id=newest_id, total=newest.total)
        for low, high in gaps.within(unread, first, last)
    )


async def _last_before(client: Client, key: PeerKey, day: date) -> int:
    """The id of the last message before a day; 0 where there is none."""
    moment = datetime.combine(day, time(), UTC) - timedelta(seconds=1)
    return max((await older(client, key, at_or_before=moment, limit=1)).ids, default=0)
