"""Routes of webhooks: addresses that events are posted to, and how that went. docs/webhooks.md describes what is posted."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field, SecretStr, StringConstraints

from tgstudio_dagster.core.cursor import read_place, refused, write_place
from tgstudio_dagster.services import webhooks as service
from tgstudio_dagster.services.webhooks import DeliveryStatus
from tgstudio_dagster.web.api.common import (
    Asked,
    Cursor,
    Id,
    Limit,
    Name,
    OwnStudio,
    Page,
    Told,
)
from tgstudio_dagster.web.api.route import ApiRoute

router = APIRouter(route_class=ApiRoute, prefix="/v1")
EventType = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,30}\.[a-z_]{1,29}$")]
Url = Annotated[str, StringConstraints(min_length=8, max_length=2_000)]
Secret = Annotated[
    SecretStr | None,
    Field(default=None, description="`whsec_` and the base64 of 24 to 64 random bytes; null: one is made."),
]
EVENTS = f"Types that are posted, all where empty: {', '.join(service.event_types())}."


class WebhookAsked(Asked):
    """What a tenant decides about a webhook."""

    name: Name = Field(examples=["Our site"])
    url: Url = Field(description="https:// and no user.", examples=["https://example.org/hooks/tgstudio"])
    events: list[EventType] = Field(default=[], max_length=50, description=EVENTS, examples=[["order.done"]])
    enabled: bool = True


class NewWebhook(Asked):
    """A webhook to set up."""

    name: Name = Field(examples=["Our site"])
    url: Url = Field(description="https:// and no user.", examples=["https://example.org/hooks/tgstudio"])
    events: list[EventType] = Field(default=[], max_length=50, description=EVENTS, examples=[["order.done"]])
    secret: Secret = None


class NewSecret(Asked):
    """The secret that is to sign from now on."""

    secret: Secret = None


class Webhook(Told):
    """A webhook; its secret is not told here."""

    id: str
    name: str
    url: str
    events: list[str]
    enabled: bool
    error: str | None = Field(description="Why it was switched off by itself.")
    waiting: int = Field(description="Events that are still to be posted.")
    next_try_at: datetime | None = Field(description="When the first of them is tried again.")
    created_by: str | None
    created_at: datetime
    updated_at: datetime


class MadeWebhook(Webhook):
    """A webhook that was just set up. `secret` is shown this once; a repeat with the same Idempotency-Key shows null."""

    secret: str | None = Field(examples=["whsec_…"])


class MadeSecret(Told):
    """A secret, shown this once; a repeat with the same Idempotency-Key shows null."""

    secret: str | None = Field(examples=["whsec_…"])


class Delivery(Told):
    """How posting one event goes: `failed` means that it was given up."""

    id: str
    event_id: str = Field(description="The header `webhook-id`, the same at every try.")
    event: str = Field(examples=["order.done"])
    happened_at: datetime
    status: DeliveryStatus
    attempts: int
    response_status: int | None = Field(description="Of the last answer; no text of an answer is kept.")
    error: str | None
    next_try_at: datetime | None
    updated_at: datetime


@router.get("/webhooks", summary="The tenant's webhooks")
def webhooks(studio: OwnStudio) -> Page[Webhook]:
    """Oldest first; there are few."""
    return Page[Webhook](items=[Webhook.model_validate(row) for row in studio.webhooks.all()], cursor=None)


@router.get("/webhooks/{webhook_id}", summary="A webhook")
def webhook(studio: OwnStudio, webhook_id: Id) -> Webhook:
    """How it is set, and what waits for it."""
    return Webhook.model_validate(studio.webhooks.get(webhook_id))


@router.post("/webhooks", status_code=201, summary="Set up a webhook")
def create_webhook(studio: OwnStudio, response: Response, body: NewWebhook) -> MadeWebhook:
    """It is told of what happens from now on. The answer shows the secret that signs, this once."""
    created, secret = studio.webhooks.create(body.name, body.url, events=body.events, secret=body.secret)
    response.headers["location"] = f"/v1/webhooks/{created.id}"
    return MadeWebhook(**Webhook.model_validate(created).model_dump(), secret=secret.get_secret_value())


@router.put("/webhooks/{webhook_id}", summary="Replace a webhook's settings")
def put_webhook(studio: OwnStudio, webhook_id: Id, body: WebhookAsked) -> Webhook:
    """All but its secret. One that is switched on again is told of what happened meanwhile."""
    changed = studio.webhooks.put(webhook_id, body.name, body.url, events=body.events, enabled=body.enabled)
    return Webhook.model_validate(changed)


@router.post("/webhooks/{webhook_id}/secret", summary="Give a webhook another secret")
def renew_secret(studio: OwnStudio, webhook_id: Id, body: NewSecret) -> MadeSecret:
    """It signs from now on, and the one before no longer does."""
    return MadeSecret(secret=studio.webhooks.renew_secret(webhook_id, body.secret).get_secret_value())


@router.delete("/webhooks/{webhook_id}", status_code=204, response_class=Response, summary="End a webhook")
def delete_webhook(studio: OwnStudio, webhook_id: Id) -> Response:
    """At once, with the list of its deliveries."""
    studio.webhooks.delete(webhook_id)
    return Response(status_code=204)


@router.get("/webhooks/{webhook_id}/deliveries", summary="A webhook's deliveries")
def deliveries(
    studio: OwnStudio,
    webhook_id: Id,
    status: Annotated[DeliveryStatus | None, Query(description="Only those of this state.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Delivery]:
    """Newest first, for as long as events are kept."""
    before = None
    if cursor is not None:
        before = str(read_place(cursor, (str,))[0])
        if not before.isalnum():
            raise refused("none of this list's")
    rows = studio.webhooks.deliveries(webhook_id, status=status, before=before, limit=limit + 1)
    further = write_place([rows[limit - 1].id]) if len(rows) > limit else None
    return Page[Delivery](items=[Delivery.model_validate(row) for row in rows[:limit]], cursor=further)


@router.post("/webhooks/{webhook_id}/test", status_code=202, summary="Post a test event")
def test_webhook(studio: OwnStudio, webhook_id: Id) -> Delivery:
    """Once, within seconds, whether the webhook is enabled or not; its deliveries tell how that went."""
    return Delivery.model_validate(studio.webhooks.test(webhook_id))


@router.post(
    "/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver", status_code=202, summary="Post an event again"
)
def redeliver(studio: OwnStudio, webhook_id: Id, delivery_id: Id) -> Delivery:
    """Within seconds: once more, or, where it waits for its next try, now."""
    return Delivery.model_validate(studio.webhooks.redeliver(webhook_id, delivery_id))
