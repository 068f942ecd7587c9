"""The loop that hands events on: at least once, in the order of each stream, one process at a time.

It runs as a thread of every web process; the lease says in which it works. A lane (a subscriber on a stream) is served by
one thread at a time, and a tenant's lanes by few, so that nobody waits for somebody else's slow server. An event is marked
as told after it was taken: a process that is killed in between tells it again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

from prometheus_client import Counter as Metric

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.leases import Lease, is_held, lease
from tgstudio_dagster.catalog.money.switches import tenants_with
from tgstudio_dagster.catalog.outbox.streams import (
    DISPATCHER,
    Lane,
    join_streams,
    lanes_to_serve,
    next_try,
    number_events,
    prune,
    settle,
)
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import LeaseHeldError
from tgstudio_dagster.outbox.subscriber import DeliveryError, Subscriber

_LOG = logging.getLogger(__name__)
_LONGEST_ERROR = 500
_TURN = 20
"""Events of a lane in a row, before others that wait for a thread have their turn."""
_PER_TENANT = 3
"""Threads that one tenant's lanes may take at once."""
_PRUNE_SECONDS = 3_600
DELIVERIES = Metric(
    "tgstudio_deliveries_total", "Events handed to subscribers, tries that failed too.", ["kind", "result"]
)
"""`kind` is the first part of the subscriber's name (`webhook`), never the whole: ids would be endless."""


class Dispatcher:
    """Serves subscribers by the first part of their names: `webhook/…` goes to `webhook`.

    `of_machine` names those that are told of every stream, and the kinds of events that each wants. `poll` and `ttl` (of
    the lease) are seconds.
    """

    def __init__(
        self,
        catalog: Catalog,
        subscribers: Mapping[str, Subscriber],
        *,
        of_machine: Mapping[str, Collection[str]] | None = None,
        keep: timedelta,
        poll: float = 1.0,
        ttl: float = 15.0,
        threads: int = 16,
    ) -> None:
        self._catalog = catalog
        self._subscribers = subscribers
        self._of_machine = of_machine or {}
        self._keep = keep
        self._poll = poll
        self._ttl = ttl
        self._threads = threads
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._busy: dict[Lane, Future[None]] = {}
        self._pruned = -float(_PRUNE_SECONDS)

    def run(self) -> None:
        """Serve until `stop` is called; wait while another process does."""
        while not self._stop.is_set():
            try:
                if is_held(self._catalog, DISPATCHER):
                    self._stop.wait(self._poll)
                    continue
                with (
                    lease(self._catalog, DISPATCHER, ttl=self._ttl) as held,
                    ThreadPoolExecutor(self._threads, "outbox") as pool,
                ):
                    self._serve(held, pool)
            except LeaseHeldError:
                self._stop.wait(self._poll)
            except Exception:  # noqa: BLE001 - whatever ails the catalog, the next look may succeed; nothing is lost meanwhile
                _LOG.exception("outbox: what happened can't be handed on for now")
                self._stop.wait(self._poll)

    def stop(self) -> None:
        """Have `run` end once what is being told was told."""
        self._stop.set()
        self._wake.set()

    def _serve(self, held: Lease, pool: ThreadPoolExecutor) -> None:
        join_streams(self._catalog, self._of_machine)
        while not self._stop.is_set():
            held.check()
            self._wake.clear()
            if number_events(self._catalog) and self._of_machine:
                join_streams(self._catalog, self._of_machine)
            self._start_lanes(held, pool)
            if time.monotonic() - self._pruned >= _PRUNE_SECONDS:
                prune(self._catalog, utc_now() - self._keep)
                self._pruned = time.monotonic()
            if not self._stop.is_set():
                self._wake.wait(self._poll)

    def _start_lanes(self, held: Lease, pool: ThreadPoolExecutor) -> None:
        self._busy = {lane: future for lane, future in self._busy.items() if not future.done()}
        taken = Counter(lane.tenant for lane in self._busy)
        for lane in self._served(lanes_to_serve(self._catalog, utc_now())):
            if lane in self._busy or taken[lane.tenant] >= _PER_TENANT:
                continue
            taken[lane.tenant] += 1
            self._busy[lane] = pool.submit(self._serve_lane, held, lane)

    def _served(self, lanes: Sequence[Lane]) -> list[Lane]:
        """Those whose subscriber is known, and whose tenant has what it belongs to; the others wait."""
        kinds = {lane: self._subscribers.get(lane.subscriber.partition("/")[0]) for lane in lanes}
        needed = {kind.capability for kind in kinds.values() if kind is not None and kind.capability is not None}
        having = {name: tenants_with(self._catalog, name) for name in needed}
        return [
            lane
            for lane, kind in kinds.items()
            if kind is not None and (kind.capability is None or lane.tenant in having[kind.capability])
        ]

    def _serve_lane(self, held: Lease, lane: Lane) -> None:
        try:
            for _ in range(_TURN):
                held.check()
                if self._stop.is_set() or not self._tell_next(lane):
                    return
            self._wake.set()
        except LeaseHeldError:
            return
        except Exception:  # noqa: BLE001 - whatever ails one lane, the others go on; this one is tried at the next look
            _LOG.exception("outbox: %s of stream %r", lane.subscriber, lane.stream)

    def _tell_next(self, lane: Lane) -> bool:
        """Tell the lane's next event; whether there may be another to tell at once."""
        attempt = next_try(self._catalog, lane, utc_now())
        subscriber = self._subscribers.get(lane.subscriber.partition("/")[0])
        if attempt is None or subscriber is None:
            return False
        error, status, gone = None, None, False
        try:
            status = subscriber.tell(lane, attempt.event)
        except DeliveryError as failure:
            error, status, gone = str(failure)[:_LONGEST_ERROR], failure.status, failure.gone
            _LOG.warning(
                "outbox: %s was not told of event %s (%s), try %d: %s",
                lane.subscriber,
                attempt.event.id,
                attempt.event.kind,
                attempt.attempt,
                error,
            )
        DELIVERIES.labels(lane.subscriber.partition("/")[0], "failed" if error else "ok").inc()
        return settle(
            self._catalog,
            lane,
            attempt,
            now=utc_now(),
            delays=subscriber.delays,
            error=error,
            response_status=status,
            gone=gone,
        )
