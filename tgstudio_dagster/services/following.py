"""The channels a tenant follows: asking for more, leaving them, reading them now."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING

from tgstudio_dagster.catalog.accounts.waits import Wait, list_waits
from tgstudio_dagster.catalog.follows.reading import wake
from tgstudio_dagster.catalog.follows.subscriptions import (
    SubscriptionRequest,
    SubscriptionView,
    end_subscription,
    list_subscriptions,
    request_subscription,
    requests,
)
from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.telegram.reading.references import parse_reference

if TYPE_CHECKING:
    from tgstudio_dagster.services.facade import Studio


def subscribe(
    studio: Studio,
    references: Iterable[str],
    *,
    since: date | None,
    comments: bool = False,
    account_id: str | None = None,
) -> list[SubscriptionRequest]:
    """Ask to follow channels, from `since` on (None: all of their history); the next reading settles what is asked.

    Each reference is `@name`, `t.me/name`, `t.me/+invite` or an id. Raises SourceError for one that is none of these
    before any is asked for, LimitError where the plan allows no more channels.
    """
    studio.may_edit("subscribe")
    wanted = [str(parse_reference(reference)) for reference in references]
    return [
        request_subscription(
            studio.catalog, studio.principal, reference=one, account_id=account_id, since=since, comments=comments
        )
        for one in dict.fromkeys(wanted)
    ]


def subscription(studio: Studio, reference: str) -> SubscriptionView:
    """The subscription that a reference, a username or an id names; raises NotFoundError where there is none."""
    name = reference.strip().removeprefix("@").lower()
    for one in studio.subscriptions():
        if name in (str(one.channel_id), (one.username or "").lower(), one.reference.removeprefix("@").lower()):
            return one
    raise NotFoundError(f"{reference}: is not followed. `tgstudio subscriptions` names what is.")


def subscriptions(studio: Studio) -> list[SubscriptionView]:
    """The channels the tenant follows or followed, by title: status, how far they are read, errors."""
    return list_subscriptions(studio.catalog, studio.principal)


def subscription_requests(studio: Studio) -> list[SubscriptionRequest]:
    """What was asked for and is not settled, or could not be, oldest first."""
    return [one for one in requests(studio.catalog, studio.principal) if one.status != "done"]


def unsubscribe(studio: Studio, reference: str) -> SubscriptionView:
    """Follow a channel no longer; what was read stays."""
    studio.may_edit("unsubscribe")
    one = studio.subscription(reference)
    end_subscription(studio.catalog, studio.principal, one.channel_id)
    return one


def waits(studio: Studio, now: datetime) -> list[Wait]:
    """The flood waits of the tenant's accounts that are not over."""
    return list_waits(studio.catalog, studio.principal, now=now)


def refresh(studio: Studio, now: datetime) -> None:
    """Have the tenant's channels read at once; a flood wait is still waited for."""
    studio.may_edit("refresh")
    wake(studio.catalog, studio.tenant.slug, now=now)
