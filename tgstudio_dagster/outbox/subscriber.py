"""What a subscriber is to the dispatcher. No subscriber belongs here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from tgstudio_dagster.catalog.outbox.streams import Lane, StoredEvent
from tgstudio_dagster.core.errors import TGStudioError


class DeliveryError(TGStudioError):
    """An event was not taken. `status` is an HTTP answer's; `gone`: the subscriber wants no more events at all."""

    def __init__(self, message: str, *, status: int | None = None, gone: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.gone = gone


class Subscriber(Protocol):
    """Somebody who is told of events, at least once each and in the order of their stream."""

    @property
    def capability(self) -> str | None:
        """The capability that a tenant must have to be served; None: none."""

    @property
    def delays(self) -> Sequence[timedelta]:
        """The waits between tries of one event; after the last try it is given up."""

    def tell(self, lane: Lane, event: StoredEvent) -> int | None:
        """Hand the event on; returns the HTTP status of an answer, if there was one. Raises DeliveryError."""
