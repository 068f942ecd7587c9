"""Webhooks: addresses that a tenant has events posted to, their sealed secrets, and how their deliveries went.

How an address is asked, and which may be, is the room outbox's matter; who may set one up is services'.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.plans import lock_tenant
from tgstudio_dagster.catalog.outbox.events import EVENT_TYPES, WebhookTest, record
from tgstudio_dagster.catalog.outbox.models import (
    OutboxDelivery,
    OutboxEvent,
    OutboxStream,
    OutboxSubscriber,
    WebhookRow,
)
from tgstudio_dagster.catalog.people.audit import audit
from tgstudio_dagster.core.errors import ConflictError, FieldError, NotFoundError, VaultError
from tgstudio_dagster.core.ids import new_id
from tgstudio_dagster.core.principal import Principal

__all__ = [
    "MAX_WEBHOOKS",
    "Delivery",
    "DeliveryStatus",
    "Webhook",
    "change_webhook",
    "create_webhook",
    "delete_webhook",
    "deliveries",
    "get_webhook",
    "list_webhooks",
    "redeliver",
    "renew_secret",
    "reseal_secrets",
    "send_test",
    "webhook_target",
]

MAX_WEBHOOKS = 10
PREFIX = "webhook/"
"""How the name of a webhook's subscriber begins; its id follows."""
_SECRET_PREFIX = "whsec_"  # noqa: S105 - no secret
_SECRET_BYTES = (24, 64)
"""As Standard Webhooks asks for."""
DeliveryStatus = Literal["waiting", "delivered", "failed"]


@dataclass(frozen=True)
class Webhook:
    """A webhook as its tenant sees it: never its secret.

    `error` says why it was switched off by itself; `waiting` is the number of events that it has still to be told of,
    `next_try_at` when the first of them is tried again (None: at once).
    """

    id: str
    name: str
    url: str
    events: tuple[str, ...]
    enabled: bool
    error: str | None
    waiting: int
    next_try_at: datetime | None
    created_by: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Delivery:
    """How posting one event to one webhook goes; `failed` means given up."""

    id: str
    event_id: str
    event: str
    happened_at: datetime
    status: DeliveryStatus
    attempts: int
    response_status: int | None
    error: str | None
    next_try_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True)
class Target:
    """Where a webhook's events are posted, and the key that signs them."""

    url: str
    secret: SecretStr


def create_webhook(
    catalog: Catalog,
    principal: Principal,
    vault: Vault,
    *,
    name: str,
    url: str,
    events: Collection[str] = (),
    secret: SecretStr | None = None,
    now: datetime,
) -> tuple[Webhook, SecretStr]:
    """A new webhook, told of what happens from now on, and its secret, which can't be seen again.

    `events` are names of types, all where empty; a secret of one's own is `whsec_` and the base64 of 24 to 64 bytes.
    Raises SettingsError that names the field, ConflictError where the tenant has MAX_WEBHOOKS.
    """
    kinds, secret = _checked_kinds(events), _checked_secret(secret)
    webhook_id = new_id()
    cipher = vault.seal_secret(secret, tenant=principal.tenant, name=PREFIX + webhook_id)
    with catalog.tenant_session(principal, writing=True) as session:
        lock_tenant(session, principal)
        if (session.scalar(select(func.count()).select_from(WebhookRow)) or 0) >= MAX_WEBHOOKS:
            raise ConflictError(f"there are {MAX_WEBHOOKS} already; delete one first.", field="webhooks")
        row = WebhookRow(
            id=webhook_id,
            tenant=principal.tenant,
            name=_checked_name(name),
            url=url,
            secret_cipher=cipher,
            created_by=principal.user_id,
            created_at=now,
            updated_at=now,
        )
        position = session.scalar(select(OutboxStream.seq).where(OutboxStream.name == principal.tenant)) or 0
        subscriber = OutboxSubscriber(
            name=PREFIX + webhook_id, stream=principal.tenant, tenant=principal.tenant, position=position, kinds=kinds
        )
        subscriber.enabled = True
        session.add_all([row, subscriber])
        session.flush()
        audit(session, principal, "webhook.create", webhook_id, {"name": row.name, "host": _host(url)})
        return _webhook(session, row, subscriber), secret


def list_webhooks(catalog: Catalog, tenant: Principal | str) -> list[Webhook]:
    """The tenant's webhooks, oldest first."""
    with catalog.tenant_session(tenant) as session:
        rows = session.scalars(select(WebhookRow).order_by(WebhookRow.created_at, WebhookRow.id)).all()
        return [_webhook(session, row, _subscriber(session, row)) for row in rows]


def get_webhook(catalog: Catalog, tenant: Principal | str, webhook_id: str) -> Webhook:
    """The tenant's webhook. Raises NotFoundError."""
    with catalog.tenant_session(tenant) as session:
        row = _row(session, webhook_id)
        return _webhook(session, row, _subscriber(session, row))


def change_webhook(
    catalog: Catalog,
    principal: Principal,
    webhook_id: str,
    *,
    name: str,
    url: str,
    events: Collection[str],
    enabled: bool,
    now: datetime,
) -> Webhook:
    """Replace what the webhook's tenant decides. One that is switched on again goes on from where it was told last.

    Raises SettingsError that names the field, NotFoundError.
    """
    kinds = _checked_kinds(events)
    with catalog.tenant_session(principal, writing=True) as session:
        row = _row(session, webhook_id)
        subscriber = _subscriber(session, row, lock=True)
        changed = subscriber.enabled != enabled or row.url != url
        row.name, row.url, row.updated_at = _checked_name(name), url, now
        subscriber.kinds, subscriber.enabled = kinds, enabled
        if changed:
            # The reason for waiting may be gone.
            subscriber.blocked_until, subscriber.failures, subscriber.error = None, 0, None
        session.flush()
        detail = {"name": row.name, "host": _host(url), "enabled": enabled}
        audit(session, principal, "webhook.put", webhook_id, detail)
        return _webhook(session, row, subscriber)


def renew_secret(
    catalog: Catalog, principal: Principal, vault: Vault, webhook_id: str, *, secret: SecretStr | None, now: datetime
) -> SecretStr:
    """Give the webhook another secret, which is returned this once and counts at once. Raises NotFoundError."""
    secret = _checked_secret(secret)
    cipher = vault.seal_secret(secret, tenant=principal.tenant, name=PREFIX + webhook_id)
    with catalog.tenant_session(principal, writing=True) as session:
        row = _row(session, webhook_id)
        row.secret_cipher, row.updated_at = cipher, now
        audit(session, principal, "webhook.secret", webhook_id, {"name": row.name})
    return secret


def delete_webhook(catalog: Catalog, principal: Principal, webhook_id: str) -> None:
    """End a webhook at once, with the list of its deliveries. Raises NotFoundError."""
    with catalog.tenant_session(principal, writing=True) as session:
        row = _row(session, webhook_id)
        session.delete(_subscriber(session, row, lock=True))
        session.execute(delete(OutboxDelivery).where(OutboxDelivery.subscriber == PREFIX + webhook_id))
        session.delete(row)
        audit(session, principal, "webhook.delete", webhook_id, {"name": row.name})


def deliveries(
    catalog: Catalog,
    tenant: Principal | str,
    webhook_id: str,
    *,
    status: DeliveryStatus | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[Delivery]:
    """How the webhook's deliveries went, newest first; only those older than the delivery `before`, where given.

    Raises NotFoundError.
    """
    query = (
        select(OutboxDelivery, OutboxEvent)
        .join(OutboxEvent, OutboxEvent.id == OutboxDelivery.event_id)
        .where(OutboxDelivery.subscriber == PREFIX + webhook_id)
        .order_by(OutboxDelivery.id.desc())
        .limit(limit)
    )
    if status is not None:
        query = query.where(OutboxDelivery.status == status)
    if before is not None:
        query = query.where(OutboxDelivery.id < before)
    with catalog.tenant_session(tenant) as session:
        _row(session, webhook_id)
        return [_delivery(delivery, event) for delivery, event in session.execute(query)]


def redeliver(catalog: Catalog, principal: Principal, webhook_id: str, delivery_id: str, *, now: datetime) -> Delivery:
    """Post an event once more, now: a delivery that waits for its next try is tried at once. Raises NotFoundError."""
    with catalog.tenant_session(principal, writing=True) as session:
        subscriber = _subscriber(session, _row(session, webhook_id), lock=True)
        delivery = session.get(OutboxDelivery, delivery_id, with_for_update=True)
        if delivery is None or delivery.subscriber != subscriber.name:
            raise NotFoundError(f"There is no delivery {delivery_id!r} of this webhook.")
        if delivery.status == "waiting":
            subscriber.blocked_until, delivery.next_try_at = None, None
        else:
            delivery.status, delivery.manual, delivery.updated_at = "waiting", True, now
        audit(session, principal, "webhook.redeliver", webhook_id, {"delivery": delivery_id})
        event = session.scalars(select(OutboxEvent).where(OutboxEvent.id == delivery.event_id)).one()
        return _delivery(delivery, event)


def send_test(catalog: Catalog, principal: Principal, webhook_id: str, *, now: datetime) -> Delivery:
    """Post a test event to the webhook, whether it is enabled or not; its delivery says how that went.

    Raises NotFoundError.
    """
    with catalog.tenant_session(principal, writing=True) as session:
        subscriber = _subscriber(session, _row(session, webhook_id))
        made = record(session, WebhookTest(tenant=principal.tenant), recipient=subscriber.name)
        session.flush()
        delivery = OutboxDelivery(
            event_id=made,
            subscriber=subscriber.name,
            tenant=principal.tenant,
            manual=True,
            created_at=now,
            updated_at=now,
        )
        session.add(delivery)
        session.flush()
        event = session.scalars(select(OutboxEvent).where(OutboxEvent.id == made)).one()
        return _delivery(delivery, event)


def webhook_target(catalog: Catalog, tenant: str, vault: Vault, subscriber: str) -> Target:
    """Where the events of the webhook's subscriber go. Raises NotFoundError, VaultError."""
    with catalog.tenant_session(tenant) as session:
        row = _row(session, subscriber.removeprefix(PREFIX))
    return Target(row.url, vault.open_secret(row.secret_cipher, tenant=tenant, name=subscriber))


def reseal_secrets(catalog: Catalog, vault: Vault) -> int:
    """Seal every tenant's webhook secrets with the newest key; returns how many were sealed anew.

    Raises VaultError, after all others are done, where some do not open.
    """
    query = select(WebhookRow.tenant, WebhookRow.id, WebhookRow.secret_cipher).order_by(WebhookRow.id)
    with catalog.reading() as session:
        rows = session.execute(query).all()
    resealed, failed = 0, []
    for tenant, webhook_id, cipher in rows:
        try:
            if not vault.needs_rotation(cipher):
                continue
            secret = vault.open_secret(cipher, tenant=tenant, name=PREFIX + webhook_id)
        except VaultError as error:
            failed.append(f"tenant {tenant}: {error}")
            continue
        with catalog.session() as session:
            # Where the secret was renewed meanwhile, that stands.
            row = session.get(WebhookRow, webhook_id, with_for_update=True)
            if row is not None and row.secret_cipher == cipher:
                row.secret_cipher = vault.seal_secret(secret, tenant=tenant, name=PREFIX + webhook_id)
                resealed += 1
    if failed:
        raise VaultError(f"{len(failed)} of {len(rows)} secrets could not be sealed anew. {' '.join(failed)}")
    return resealed


def _webhook(session: Session, row: WebhookRow, subscriber: OutboxSubscriber) -> Webhook:
    waiting = select(func.count()).select_from(OutboxEvent)
    waiting = waiting.where(OutboxEvent.seq > subscriber.position, OutboxEvent.recipient.is_(None))
    if subscriber.kinds:
        waiting = waiting.where(OutboxEvent.kind.in_(subscriber.kinds))
    return Webhook(
        id=row.id,
        name=row.name,
        url=row.url,
        events=tuple(subscriber.kinds),
        enabled=subscriber.enabled,
        error=subscriber.error,
        waiting=session.scalar(waiting) or 0,
        next_try_at=subscriber.blocked_until,
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _delivery(row: OutboxDelivery, event: OutboxEvent) -> Delivery:
    status: Any = row.status
    return Delivery(
        id=row.id,
        event_id=event.id,
        event=event.kind,
        happened_at=event.at,
        status=status,
        attempts=row.attempts,
        response_status=row.response_status,
        error=row.error,
        next_try_at=row.next_try_at,
        updated_at=row.updated_at,
    )


def _row(session: Session, webhook_id: str) -> WebhookRow:
    row = session.get(WebhookRow, webhook_id)
    if row is None:
        raise NotFoundError(f"There is no webhook {webhook_id!r}; Settings lists the tenant's.")
    return row


def _subscriber(session: Session, row: WebhookRow, *, lock: bool = False) -> OutboxSubscriber:
    return session.get_one(OutboxSubscriber, (PREFIX + row.id, row.tenant), with_for_update=lock or None)


def _checked_name(name: str) -> str:
    if not 0 < len(name.strip()) <= 200:
        raise FieldError("name", "give the webhook a name of at most 200 characters.")
    return name.strip()


def _checked_kinds(events: Collection[str]) -> list[str]:
    if unknown := sorted(set(events) - EVENT_TYPES.keys()):
        raise FieldError("events", f"{', '.join(unknown)} is unknown; choose from {', '.join(sorted(EVENT_TYPES))}.")
    return sorted(set(events))


def _checked_secret(secret: SecretStr | None) -> SecretStr:
    if secret is None:
        return SecretStr(_SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode())
    try:
        key = base64.b64decode(secret.get_secret_value().removeprefix(_SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.get_secret_value().startswith(_SECRET_PREFIX) or not _SECRET_BYTES[0] <= len(key) <= _SECRET_BYTES[1]:
        raise FieldError("secret", "write whsec_ and the base64 of 24 to 64 random bytes, or leave it out.")
    return secret


def _host(url: str) -> str:
    """What of an address may stand in a log: its path and query may hold a token."""
    return urlsplit(url).hostname or ""
