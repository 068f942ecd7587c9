"""The channels a tenant follows: asking for more, leaving them, reading them now, and what their history costs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import date, datetime

from tgstudio_dagster.catalog.follows.reading import TenantRead, tenant_read, wake
from tgstudio_dagster.catalog.follows.subscriptions import (
    SubscriptionRequest,
    SubscriptionView,
    end_subscription,
    list_subscriptions,
    request_subscription,
    requests,
)
from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.core.settings import telegram_settings
from tgstudio_dagster.services.scope import Service, does
from tgstudio_dagster.telegram.reading.estimate import Estimate, together
from tgstudio_dagster.telegram.reading.references import parse_list, parse_reference

__all__ = ["Estimate", "Follows", "SubscriptionRequest", "SubscriptionView", "parse_list", "together"]


class Follows(Service):
    """The tenant's subscriptions, and what is asked for and not settled."""

    @does("follows.request")
    def request(
        self, references: Iterable[str], *, since: date | None, comments: bool = False, account_id: str | None = None
    ) -> list[SubscriptionRequest]:
        """Ask to follow channels, from `since` on (None: all of their history); the next reading settles what is asked.

        Each reference is `@name`, `t.me/name`, `t.me/+invite` or an id. Raises SourceError for one that is none of these
        before any is asked for, LimitError where the plan allows no more channels.
        """
        named = [str(parse_reference(reference)) for reference in references]
        return [
            request_subscription(
                self.scope.catalog,
                self.scope.principal,
                reference=reference,
                account_id=account_id,
                since=since,
                comments=comments,
            )
            for reference in dict.fromkeys(named)
        ]

    @does("follows.get")
    def get(self, reference: str) -> SubscriptionView:
        """The subscription that a reference, a username or an id names; raises NotFoundError where there is none."""
        return self._get(reference)

    @does("follows.all")
    def all(self) -> list[SubscriptionView]:
        """The channels the tenant follows or followed, by title: status, how far they are read, errors."""
        return list_subscriptions(self.scope.catalog, self.scope.principal)

    @does("follows.requests")
    def requests(self) -> list[SubscriptionRequest]:
        """What was asked for and is not settled, or could not be, oldest first."""
        return [row for row in requests(self.scope.catalog, self.scope.principal) if row.status != "done"]

    @does("follows.end")
    def end(self, reference: str) -> SubscriptionView:
        """Follow a channel no longer, and say how it stands then; what was read stays. Raises NotFoundError."""
        followed = self._get(reference)
        end_subscription(self.scope.catalog, self.scope.principal, followed.channel_id)
        return self._get(str(followed.channel_id))

    @does("follows.reading")
    def reading(self) -> TenantRead:
        """When the tenant was read last, what it waits for, and what kept the last reading from doing all it should."""
        return tenant_read(self.scope.catalog, self.scope.principal)

    @does("follows.refresh")
    def refresh(self, now: datetime | None = None) -> None:
        """Have the tenant's channels read at once; a flood wait is still waited for."""
        wake(self.scope.catalog, self.scope.tenant.slug, now=now or self.scope.clock())

    @does("follows.estimate")
    def estimate(self) -> dict[int, Estimate]:
        """What reading the missing history of each followed channel takes, by channel id. For threads, not the event loop.

        Telegram is asked, by accounts in turn with whoever reads with them. Raises FloodError, UnreachableError,
        LeaseHeldError: an estimate can wait.
        """
        from tgstudio_dagster.core.days import DayRange
        from tgstudio_dagster.telegram.reading.surveying import survey_tenant

        first = date.fromisoformat(self.scope.machine().first_day)
        return asyncio.run(
            survey_tenant(
                self.scope.principal.tenant,
                catalog=self.scope.catalog,
                vault=self.scope.open_vault(),
                settings=telegram_settings(),
                days=DayRange(first, self.scope.clock().date()),
                now=self.scope.clock,
            )
        )

    def _get(self, reference: str) -> SubscriptionView:
        name = reference.strip().removeprefix("@").lower()
        for row in list_subscriptions(self.scope.catalog, self.scope.principal):
            if name in (str(row.channel_id), (row.username or "").lower(), row.reference.removeprefix("@").lower()):
                return row
        raise NotFoundError(f"{reference}: is not followed. `tgstudio subscriptions` names what is.")
