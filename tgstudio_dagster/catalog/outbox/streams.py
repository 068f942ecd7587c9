"""The dispatcher's side of the outbox: events get their places, subscribers move along them, old rows go.

A lane is one subscriber on one stream. Events of a lane are told one after the other; lanes know nothing of each other.
Whoever calls these functions holds the lease `DISPATCHER`; should two do so after all, nothing is skipped: a position
moves on only from where its reader found it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, exists, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.outbox.models import MACHINE, OutboxDelivery, OutboxEvent, OutboxStream, OutboxSubscriber
from tgstudio_dagster.catalog.people.models import Tenant

__all__ = [
    "DISPATCHER",
    "Lane",
    "StoredEvent",
    "Try",
    "join_streams",
    "lanes_to_serve",
    "next_try",
    "number_events",
    "prune",
    "settle",
]

DISPATCHER = "outbox"
"""Name of the lease of the one process that dispatches."""
MAX_GIVEN_UP = 5
"""Events given up one after the other, before a tenant's subscriber is switched off."""
_BATCH = 500


@dataclass(frozen=True)
class Lane:
    """A subscriber on a stream that has something to be told, or may have. `tenant` is None for a machine's subscriber."""

    subscriber: str
    stream: str
    tenant: str | None


@dataclass(frozen=True)
class StoredEvent:
    """An event as it was written down. `seq` is its place in its stream, None where it has none (a test)."""

    id: str
    kind: str
    version: int
    tenant: str | None
    seq: int | None
    at: datetime
    data: dict[str, Any]


@dataclass(frozen=True)
class Try:
    """What is to be told next on a lane: the how manyth try it is, and the position that the lane stands at."""

    event: StoredEvent
    attempt: int
    position: int
    manual: bool


def number_events(catalog: Catalog) -> int:
    """Give places to committed events that have none, in the order they were written; returns to how many."""
    waiting = select(OutboxEvent.n).where(OutboxEvent.seq.is_(None), OutboxEvent.recipient.is_(None)).limit(1)
    with catalog.reading() as session:
        if session.scalar(waiting) is None:
            return 0
    query = select(OutboxEvent).where(OutboxEvent.seq.is_(None), OutboxEvent.recipient.is_(None))
    with catalog.session() as session:
        events = session.scalars(query.order_by(OutboxEvent.n).limit(_BATCH).with_for_update()).all()
        names = sorted({event.stream for event in events})
        streams = {name: session.get(OutboxStream, name, with_for_update=True) for name in names}
        for event in events:
            stream = streams[event.stream]
            if stream is None:
                stream = streams[event.stream] = OutboxStream(name=event.stream, seq=0)
                session.add(stream)
            stream.seq += 1
            event.seq = stream.seq
        return len(events)


def join_streams(catalog: Catalog, wanted: Mapping[str, Collection[str]]) -> None:
    """Have the machine's subscribers, these and no others, on every stream; each wants these kinds of events.

    One that is new hears of what happens from now on; one that was known hears of a new stream from its beginning.
    """
    of_machine = OutboxSubscriber.tenant.is_(None)
    try:
        with catalog.session() as session:
            session.execute(delete(OutboxSubscriber).where(of_machine, OutboxSubscriber.name.not_in(list(wanted))))
            if wanted and session.get(OutboxStream, MACHINE) is None:
                session.add(OutboxStream(name=MACHINE, seq=0))
                session.flush()
            heads = {row.name: row.seq for row in session.scalars(select(OutboxStream))}
            for name, kinds in sorted(wanted.items()):
                on = set(session.scalars(select(OutboxSubscriber.stream).where(OutboxSubscriber.name == name)))
                for stream in heads.keys() - on:
                    position = 0 if on else heads[stream]
                    session.add(OutboxSubscriber(name=name, stream=stream, position=position, kinds=sorted(kinds)))
    except IntegrityError:
        # Another process that has just taken the lease over did the same at once.
        return


def lanes_to_serve(catalog: Catalog, now: datetime) -> list[Lane]:
    """The lanes that have something to be told now, and do not wait for their next try."""
    alive = or_(
        OutboxSubscriber.tenant.is_(None),
        exists().where(Tenant.slug == OutboxSubscriber.tenant, Tenant.deleted_at.is_(None)),
    )
    manual = exists().where(
        OutboxDelivery.subscriber == OutboxSubscriber.name,
        OutboxDelivery.tenant.is_not_distinct_from(OutboxSubscriber.tenant),
        OutboxDelivery.status == "waiting",
        OutboxDelivery.manual.is_(True),
    )
    behind = (
        OutboxSubscriber.enabled.is_(True)
        & (OutboxSubscriber.position < OutboxStream.seq)
        & or_(OutboxSubscriber.blocked_until.is_(None), OutboxSubscriber.blocked_until <= now)
    )
    query = (
        select(OutboxSubscriber.name, OutboxSubscriber.stream, OutboxSubscriber.tenant)
        .join(OutboxStream, OutboxStream.name == OutboxSubscriber.stream, isouter=True)
        .where(alive, or_(behind, manual))
        .order_by(OutboxSubscriber.stream, OutboxSubscriber.name)
    )
    with catalog.reading() as session:
        return [Lane(*row) for row in session.execute(query)]


def next_try(catalog: Catalog, lane: Lane, now: datetime) -> Try | None:
    """What the lane is to be told now: first what a person asked for, else the next event it wants. None: nothing.

    Past what it does not want the lane moves on at once.
    """
    with catalog.reading() as session:
        row = session.get(OutboxSubscriber, (lane.subscriber, lane.stream))
        if row is None:
            return None
        asked = _manual(session, lane)
        if asked is not None:
            return Try(_stored(asked[1]), asked[0].attempts + 1, row.position, True)
        if not row.enabled or (row.blocked_until is not None and row.blocked_until > now):
            return None
        head = session.scalar(select(OutboxStream.seq).where(OutboxStream.name == lane.stream)) or 0
        query = select(OutboxEvent).where(
            OutboxEvent.stream == lane.stream,
            OutboxEvent.seq > row.position,
            OutboxEvent.seq <= head,
            OutboxEvent.recipient.is_(None),
        )
        if row.kinds:
            query = query.where(OutboxEvent.kind.in_(row.kinds))
        event = session.scalar(query.order_by(OutboxEvent.seq).limit(1))
        if event is not None:
            delivery = session.scalar(_delivery(lane, event.id))
            return Try(_stored(event), (delivery.attempts if delivery else 0) + 1, row.position, False)
        position = row.position
    if position < head:
        with catalog.session() as session:
            row = _locked(session, lane)
            if row is not None and row.position == position:
                row.position = head
    return None


def settle(
    catalog: Catalog,
    lane: Lane,
    attempt: Try,
    *,
    now: datetime,
    delays: Collection[timedelta],
    error: str | None = None,
    response_status: int | None = None,
    gone: bool = False,
) -> bool:
    """How a try went, and what follows of it; returns whether the lane may go on to its next event at once.

    Without an `error` the event counts as told. `delays` are the waits between the tries; after the last the event is
    given up, and the lane goes on. `gone`: the subscriber wants no more, so it is switched off. A lane that another
    process has moved meanwhile, or that is there no more, is left as it stands.
    """
    with catalog.session() as session:
        row = _locked(session, lane)
        if row is None or (row.position != attempt.position and not attempt.manual):
            return False
        delivery = session.scalar(_delivery(lane, attempt.event.id).with_for_update())
        if delivery is None:
            delivery = OutboxDelivery(
                event_id=attempt.event.id, subscriber=lane.subscriber, tenant=lane.tenant, created_at=now
            )
            session.add(delivery)
        delivery.attempts, delivery.error, delivery.response_status = attempt.attempt, error, response_status
        delivery.next_try_at, delivery.updated_at = None, now
        waits = list(delays)
        if error is None:
            delivery.status = "delivered"
        elif attempt.manual or gone or attempt.attempt > len(waits):
            delivery.status = "failed"
        else:
            delivery.status, delivery.next_try_at = "waiting", now + waits[attempt.attempt - 1]
        if gone:
            _switch_off(row, error or "")
        if attempt.manual:
            delivery.manual = False
            return True
        row.blocked_until = delivery.next_try_at
        if delivery.status == "waiting":
            return False
        row.position = attempt.event.seq or row.position
        row.failures = 0 if error is None else row.failures + 1
        if row.failures >= MAX_GIVEN_UP and row.tenant is not None:
            _switch_off(row, f"{row.failures} events in a row were given up; the last: {error}")
        return row.enabled


def prune(catalog: Catalog, before: datetime) -> int:
    """Remove events that happened before, told or not, and how they were told; returns how many events."""
    old = select(OutboxEvent.id).where(OutboxEvent.at < before)
    with catalog.reading() as session:
        if session.scalar(old.limit(1)) is None:
            return 0
    with catalog.session() as session:
        session.execute(delete(OutboxDelivery).where(OutboxDelivery.event_id.in_(old)))
        gone = session.connection().execute(delete(OutboxEvent).where(OutboxEvent.at < before))
        return gone.rowcount


def _switch_off(row: OutboxSubscriber, why: str) -> None:
    row.enabled, row.error, row.blocked_until = False, why[:2000], None


def _manual(session: Session, lane: Lane) -> tuple[OutboxDelivery, OutboxEvent] | None:
    query = (
        select(OutboxDelivery, OutboxEvent)
        .join(OutboxEvent, OutboxEvent.id == OutboxDelivery.event_id)
        .where(
            OutboxDelivery.subscriber == lane.subscriber,
            OutboxDelivery.status == "waiting",
            OutboxDelivery.manual.is_(True),
            OutboxEvent.stream == lane.stream,
        )
        .order_by(OutboxDelivery.updated_at, OutboxDelivery.id)
        .limit(1)
    )
    row = session.execute(query).one_or_none()
    return None if row is None else (row[0], row[1])


def _delivery(lane: Lane, event: str) -> Any:
    return select(OutboxDelivery).where(OutboxDelivery.event_id == event, OutboxDelivery.subscriber == lane.subscriber)


def _locked(session: Session, lane: Lane) -> OutboxSubscriber | None:
    return session.get(OutboxSubscriber, (lane.subscriber, lane.stream), with_for_update=True)


def _stored(row: OutboxEvent) -> StoredEvent:
    return StoredEvent(row.id, row.kind, row.version, row.tenant, row.seq, row.at, row.data)
