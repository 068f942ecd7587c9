"""A tenant with webhooks, and a dispatcher that the test winds by hand or lets run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from tests.catalog.rows import VAULT
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.outbox.events import Event, ImportDone, record
from tgstudio_dagster.catalog.outbox.webhooks import Webhook, create_webhook
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.outbox.dispatcher import Dispatcher
from tgstudio_dagster.outbox.webhook import WebhookSubscriber

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)


def happened(n: int = 0, tenant: str = "demo") -> ImportDone:
    """An event; `n` tells it from others."""
    return ImportDone(
        tenant=tenant, import_id=f"{tenant}-{n}", kind="telethon", read=n, landed=n, filtered=0, rejected=0
    )


def happen(catalog: Catalog, *events: Event) -> list[str]:
    """Record these events, each in a transaction of its own; returns their ids."""
    ids = []
    for event in events:
        with catalog.session() as session:
            ids.append(record(session, event))
    return ids


def hook(catalog: Catalog, url: str, *, tenant: str = "demo", events: Sequence[str] = ()) -> tuple[Webhook, SecretStr]:
    """A webhook of the tenant's, and its secret."""
    return create_webhook(
        catalog, Principal(tenant, None, "operator"), VAULT, name="Ours", url=url, events=events, now=NOW
    )


def webhooks(catalog: Catalog, *, delays: Sequence[timedelta] = (), **given: Any) -> WebhookSubscriber:
    """The subscriber of webhooks, which may post to loopback; it waits `delays` between tries."""
    allowed = {"allow_http": True, "allow_private": True, "vault": lambda: VAULT}
    subscriber = WebhookSubscriber(catalog, **{**allowed, **given})
    subscriber.delays = tuple(delays)  # type: ignore[assignment]
    return subscriber


@contextmanager
def running(dispatcher: Dispatcher) -> Iterator[None]:
    """The dispatcher runs in a thread while the block does."""
    thread = threading.Thread(target=dispatcher.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        dispatcher.stop()
        thread.join(30)
        assert not thread.is_alive()


def until(what: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until this is so; fails where it does not come to be."""
    give_up = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < give_up, "it did not come to be"
        time.sleep(0.02)
