"""The dispatcher as a process runs it: its subscribers from the settings, its thread, its end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.core.settings import Settings
from tgstudio_dagster.outbox.alerts import ALERTS, AlertSubscriber
from tgstudio_dagster.outbox.dispatcher import Dispatcher
from tgstudio_dagster.outbox.subscriber import Subscriber
from tgstudio_dagster.outbox.webhook import WebhookSubscriber


def build_dispatcher(catalog: Catalog, machine: Settings) -> Dispatcher:
    """The dispatcher of these settings: webhooks, and alerts where an address is set."""
    subscribers: dict[str, Subscriber] = {
        "webhook": WebhookSubscriber(catalog, allow_http=machine.webhook_http, allow_private=machine.webhook_private)
    }
    if machine.alert_url is not None:
        subscribers[ALERTS] = AlertSubscriber(machine.alert_url)
    return Dispatcher(
        catalog,
        subscribers,
        of_machine={ALERTS: AlertSubscriber.kinds} if ALERTS in subscribers else {},
        keep=timedelta(days=machine.outbox_days),
    )


@contextmanager
def dispatching(catalog: Catalog, machine: Settings) -> Iterator[None]:
    """Dispatch, where no other process does, while the block runs; at its end what is being told is told to the end."""
    dispatcher = build_dispatcher(catalog, machine)
    thread = threading.Thread(target=dispatcher.run, name="outbox", daemon=True)
    thread.start()
    try:
        yield
    finally:
        dispatcher.stop()
        thread.join()
