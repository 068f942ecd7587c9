"""Webhooks: where a tenant has events posted, what was posted there and how that went. An owner's to set.

How an event is signed and posted stands in the room outbox.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pydantic import SecretStr

from tgstudio_dagster.catalog.outbox import webhooks
from tgstudio_dagster.catalog.outbox.events import EVENT_TYPES, WebhookTest
from tgstudio_dagster.catalog.outbox.webhooks import MAX_WEBHOOKS, Delivery, DeliveryStatus, Webhook
from tgstudio_dagster.outbox.addresses import check_url
from tgstudio_dagster.services.scope import Service, does

__all__ = ["MAX_WEBHOOKS", "Delivery", "DeliveryStatus", "Webhook", "Webhooks", "event_types"]


def event_types() -> list[str]:
    """The types of events that a webhook may ask for."""
    return sorted(EVENT_TYPES.keys() - {WebhookTest.type})


class Webhooks(Service):
    """The tenant's webhooks."""

    @does("webhooks.all")
    def all(self) -> list[Webhook]:
        """Oldest first; never their secrets."""
        return webhooks.list_webhooks(self.scope.catalog, self.scope.principal)

    @does("webhooks.get")
    def get(self, webhook_id: str) -> Webhook:
        """One of them. Raises NotFoundError."""
        return webhooks.get_webhook(self.scope.catalog, self.scope.principal, webhook_id)

    @does("webhooks.create")
    def create(
        self,
        name: str,
        url: str,
        *,
        events: Collection[str] = (),
        secret: SecretStr | None = None,
        now: datetime | None = None,
    ) -> tuple[Webhook, SecretStr]:
        """A new webhook and its secret, which is shown this once; it is told of what happens from now on.

        `events` are types of events, all where empty. Raises FieldError, ConflictError where there are MAX_WEBHOOKS.
        """
        return webhooks.create_webhook(
            self.scope.catalog,
            self.scope.principal,
            self.scope.open_vault(),
            name=name,
            url=self._checked(url),
            events=events,
            secret=secret,
            now=now or self.scope.clock(),
        )

    @does("webhooks.put")
    def put(
        self,
        webhook_id: str,
        name: str,
        url: str,
        *,
        events: Collection[str] = (),
        enabled: bool = True,
        now: datetime | None = None,
    ) -> Webhook:
        """Replace all but the secret; one that is switched on again goes on from where it was told last.

        Raises FieldError, NotFoundError.
        """
        return webhooks.change_webhook(
            self.scope.catalog,
            self.scope.principal,
            webhook_id,
            name=name,
            url=self._checked(url),
            events=events,
            enabled=enabled,
            now=now or self.scope.clock(),
        )

    @does("webhooks.renew_secret")
    def renew_secret(
        self, webhook_id: str, secret: SecretStr | None = None, *, now: datetime | None = None
    ) -> SecretStr:
        """Another secret, shown this once; the one before no longer signs anything. Raises FieldError, NotFoundError."""
        return webhooks.renew_secret(
            self.scope.catalog,
            self.scope.principal,
            self.scope.open_vault(),
            webhook_id,
            secret=secret,
            now=now or self.scope.clock(),
        )

    @does("webhooks.delete")
    def delete(self, webhook_id: str) -> None:
        """End a webhook at once. Raises NotFoundError."""
        webhooks.delete_webhook(self.scope.catalog, self.scope.principal, webhook_id)

    @does("webhooks.deliveries")
    def deliveries(
        self, webhook_id: str, *, status: DeliveryStatus | None = None, before: str | None = None, limit: int = 50
    ) -> list[Delivery]:
        """How its deliveries went, newest first; those older than the delivery `before`. Raises NotFoundError."""
        return webhooks.deliveries(
            self.scope.catalog, self.scope.principal, webhook_id, status=status, before=before, limit=limit
        )

    @does("webhooks.test")
    def test(self, webhook_id: str, *, now: datetime | None = None) -> Delivery:
        """Post a test event, past all that waits; its delivery tells how that goes. Raises NotFoundError."""
        return webhooks.send_test(self.scope.catalog, self.scope.principal, webhook_id, now=now or self.scope.clock())

    @does("webhooks.redeliver")
    def redeliver(self, webhook_id: str, delivery_id: str, *, now: datetime | None = None) -> Delivery:
        """Post an event again, or one that waits for its next try at once. Raises NotFoundError."""
        return webhooks.redeliver(
            self.scope.catalog, self.scope.principal, webhook_id, delivery_id, now=now or self.scope.clock()
        )

    def _checked(self, url: str) -> str:
        machine = self.scope.machine()
        return check_url(url, allow_http=machine.webhook_http, allow_private=machine.webhook_private)
