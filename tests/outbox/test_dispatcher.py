"""What happened is handed on at least once, in order, and nobody waits for somebody else's broken server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import func, select

from tests.builders import make_tenant
from tests.outbox.office import happen, happened, hook, running, until, webhooks
from tests.servers.receiver import Receiver
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.leases import lease
from tgstudio_dagster.catalog.outbox import streams
from tgstudio_dagster.catalog.outbox.events import RunFailed, event_id, record
from tgstudio_dagster.catalog.outbox.models import OutboxDelivery, OutboxEvent, OutboxSubscriber
from tgstudio_dagster.catalog.outbox.streams import (
    DISPATCHER,
    MAX_GIVEN_UP,
    join_streams,
    lanes_to_serve,
    next_try,
    number_events,
    prune,
)
from tgstudio_dagster.catalog.outbox.webhooks import change_webhook, deliveries, get_webhook, redeliver, send_test
from tgstudio_dagster.catalog.people.tenants import delete_tenant
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.outbox.dispatcher import Dispatcher
from tgstudio_dagster.outbox.subscriber import Subscriber

KEEP = timedelta(days=30)
OPERATOR = Principal("demo", None, "operator")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


def dispatcher(catalog: Catalog, subscriber: Subscriber | None = None) -> Dispatcher:
    return Dispatcher(catalog, {"webhook": subscriber or webhooks(catalog)}, keep=KEEP, poll=0.05)


def test_deliveries_are_counted_by_kind_and_result(catalog: Catalog, receiver: Receiver) -> None:
    def counted(result: str) -> float:
        return REGISTRY.get_sample_value("tgstudio_deliveries_total", {"kind": "webhook", "result": result}) or 0.0

    make_tenant(catalog)
    hook(catalog, receiver.url)
    before = counted("ok")
    happen(catalog, happened(1), happened(2))
    with running(dispatcher(catalog)):
        receiver.wait_for(2)
        until(lambda: not lanes_to_serve(catalog, utc_now()))
    assert counted("ok") == before + 2


def test_what_happened_is_posted_in_order_and_only_once(catalog: Catalog, receiver: Receiver) -> None:
    make_tenant(catalog)
    before = happen(catalog, happened(0))
    number_events(catalog)
    hook(catalog, receiver.url)
    ids = happen(catalog, *[happened(n) for n in range(1, 60)])
    with running(dispatcher(catalog)):
        receiver.wait_for(59)
        until(lambda: not lanes_to_serve(catalog, utc_now()))
    with running(dispatcher(catalog)):
        time.sleep(0.3)
    assert [post.json["id"] for post in receiver.posts] == ids
    assert [post.json["sequence"] for post in receiver.posts] == list(range(2, 61))
    assert before[0] not in ids


def test_an_event_of_a_transaction_that_fails_did_not_happen(catalog: Catalog) -> None:
    make_tenant(catalog)
    with pytest.raises(RuntimeError), catalog.tenant_session("demo", writing=True) as session:
        record(session, happened())
        session.flush()
        raise RuntimeError
    assert number_events(catalog) == 0


def test_an_event_that_is_seen_twice_is_recorded_once(catalog: Catalog) -> None:
    make_tenant(catalog)
    for _ in range(2):
        with catalog.tenant_session("demo", writing=True) as session:
            record(session, happened(), id=event_id("run", "r1"))
    assert number_events(catalog) == 1
    assert event_id("run", "r1") != event_id("runr", "1")


def test_a_transaction_that_commits_late_is_not_skipped(catalog: Catalog, receiver: Receiver) -> None:
    """Its row is older than one that was handed on before it was there to be seen."""
    if catalog.url.get_backend_name() == "sqlite":
        pytest.skip("SQLite lets one transaction write at a time")
    make_tenant(catalog)
    hook(catalog, receiver.url)
    with running(dispatcher(catalog)):
        with catalog.session() as slow:
            record(slow, happened(1))
            slow.flush()
            happen(catalog, happened(2))
            receiver.wait_for(1)
        receiver.wait_for(2)
    assert [post.json["data"]["read"] for post in receiver.posts] == [2, 1]


def test_a_failing_webhook_holds_up_neither_others_nor_other_tenants(catalog: Catalog, receiver: Receiver) -> None:
    make_tenant(catalog)
    make_tenant(catalog, "other")
    with Receiver() as broken:
        broken.answers = [500]
        broken.before = lambda _path: time.sleep(0.3)
        bad, _ = hook(catalog, broken.url)
        hook(catalog, receiver.url)
        hook(catalog, f"{receiver.url}/other", tenant="other")
        happen(catalog, *[happened(n) for n in range(5)], *[happened(n, "other") for n in range(5)])
        with running(dispatcher(catalog, webhooks(catalog, delays=[timedelta(hours=1)]))):
            posts = list(receiver.wait_for(10))
            broken.wait_for(1)
            until(lambda: get_webhook(catalog, "demo", bad.id).next_try_at is not None)
            time.sleep(0.2)
        assert len(broken.posts) == 1
    assert {post.json["tenant"] for post in posts} == {"demo", "other"}
    state = get_webhook(catalog, "demo", bad.id)
    assert (state.waiting, state.enabled) == (5, True)


def test_one_tenants_many_slow_webhooks_leave_room_for_others(catalog: Catalog, receiver: Receiver) -> None:
    make_tenant(catalog)
    make_tenant(catalog, "other")
    hold = threading.Event()
    with Receiver() as slow:
        slow.before = lambda _path: hold.wait(20) and None
        for _ in range(6):
            hook(catalog, slow.url)
        hook(catalog, receiver.url, tenant="other")
        happen(catalog, happened(), happened(0, "other"))
        few = Dispatcher(catalog, {"webhook": webhooks(catalog)}, keep=KEEP, poll=0.05, threads=4)
        with running(few):
            receiver.wait_for(1)
            assert len(slow.posts) == 0
            hold.set()
            slow.wait_for(6)


def test_an_event_is_tried_again_and_what_follows_waits_for_it(catalog: Catalog, receiver: Receiver) -> None:
    make_tenant(catalog)
    made, _ = hook(catalog, receiver.url)
    receiver.answers = [500, 503, 204]
    ids = happen(catalog, happened(1), happened(2))
    delays = [timedelta(seconds=0.1)] * 7
    with running(dispatcher(catalog, webhooks(catalog, delays=delays))):
        receiver.wait_for(4)
        until(lambda: get_webhook(catalog, "demo", made.id).waiting == 0)
    assert [post.json["id"] for post in receiver.posts] == [ids[0]] * 3 + [ids[1]]
    newest, oldest = deliveries(catalog, "demo", made.id)
    assert (oldest.status, oldest.attempts, oldest.response_status, oldest.error) == ("delivered", 3, 204, None)
    assert (newest.status, newest.attempts) == ("delivered", 1)


def test_an_event_is_given_up_visibly_and_the_next_one_told(catalog: Catalog, receiver: Receiver) -> None:
    make_tenant(catalog)
    made, _ = hook(catalog, receiver.url)
    receiver.answers = [500, 500, 500, 204]
    happen(catalog, happened(1), happened(2))
    with running(dispatcher(catalog, webhooks(catalog, delays=[timedelta(seconds=0.05)] * 2))):
        receiver.wait_for(4)
        until(lambda: get_webhook(catalog, "demo", made.id).waiting == 0)
    told, given_up = deliveries(catalog, "demo", made.id)
    assert (given_up.status, given_up.attempts, given_up.response_status) == ("failed", 3, 500)
    assert given_up.error is not None and "500" in given_up.error
    assert told.status == "delivered"
    assert deliveries(catalog, "demo", made.id, status="failed") == [given_up]


def test_a_webhook_that_takes_nothing_for_long_is_switched_off_and_goes_on_where_it_was(
    catalog: Catalog, receiver: Receiver
) -> None:
    make_tenant(catalog)
    made, _ = hook(catalog, receiver.url)
    receiver.answers = [500]
    ids = happen(catalog, *[happened(n) for n in range(MAX_GIVEN_UP + 2)])
    with running(dispatcher(catalog)):
        until(lambda: not get_webhook(catalog, "demo", made.id).enabled)
        state = get_webhook(catalog, "demo", made.id)
        assert state.waiting == 2 and "given up" in (state.error or "")
        receiver.answers = [204]
        change_webhook(
            catalog, OPERATOR, made.id, name="Ours", url=receiver.url, events=(), enabled=True, now=utc_now()
        )
        receiver.wait_for(MAX_GIVEN_UP + 2)
    assert [post.json["id"] for post in receiver.posts] == ids


def test_one_that_answers_410_is_switched_off_at_once(catalog: Catalog, receiver: Receiver) -> None:
    make_tenant(catalog)
    made, _ = hook(catalog, receiver.url)
    receiver.answers = [410]
    happen(catalog, happened(1), happened(2))
    with running(dispatcher(catalog, webhooks(catalog, delays=[timedelta(hours=1)]))):
        until(lambda: not get_webhook(catalog, "demo", made.id).enabled)
    assert len(receiver.posts) == 1


def test_only_the_events_that_are_wanted_are_told(catalog: Catalog, receiver: Receiver) -> None:
    make_tenant(catalog)
    made, _ = hook(catalog, receiver.url, events=["run.failed"])
    failed = RunFailed(tenant="demo", job="refresh", run_id="r", error="disk full", failed_at=utc_now(), number=1)
    happen(catalog, happened(1), failed, happened(2))
    with running(dispatcher(catalog)):
        receiver.wait_for(1)
        until(lambda: not lanes_to_serve(catalog, utc_now()))
    assert [post.json["type"] for post in receiver.posts] == ["run.failed"]
    assert get_webhook(catalog, "demo", made.id).waiting == 0


def test_a_redelivery_and_a_test_pass_by_what_waits(catalog: Catalog, receiver: Receiver) -> None:
    make_tenant(catalog)
    made, _ = hook(catalog, receiver.url)
    (first,) = happen(catalog, happened(1))
    with running(dispatcher(catalog, webhooks(catalog, delays=[timedelta(hours=1)]))):
        receiver.wait_for(1)
        receiver.answers = [500]
        (stuck,) = happen(catalog, happened(2))
        receiver.wait_for(2)
        until(lambda: get_webhook(catalog, "demo", made.id).next_try_at is not None)
        receiver.answers = [204]
        (again,) = [row for row in deliveries(catalog, "demo", made.id) if row.event_id == first]
        redeliver(catalog, OPERATOR, made.id, again.id, now=utc_now())
        receiver.wait_for(3)
        test = send_test(catalog, OPERATOR, made.id, now=utc_now())
        receiver.wait_for(4)
        until(lambda: deliveries(catalog, "demo", made.id, status="delivered")[0].id == test.id)
        (waits,) = deliveries(catalog, "demo", made.id, status="waiting")
        assert waits.event_id == stuck and waits.next_try_at is not None
        redeliver(catalog, OPERATOR, made.id, waits.id, now=utc_now())
        receiver.wait_for(5)
    assert [post.json["id"] for post in receiver.posts] == [first, stuck, first, test.event_id, stuck]
    assert receiver.posts[3].json["type"] == "webhook.test"


def test_a_deleted_tenants_webhooks_are_told_nothing(catalog: Catalog, receiver: Receiver) -> None:
    make_tenant(catalog)
    hook(catalog, receiver.url)
    happen(catalog, happened())
    number_events(catalog)
    delete_tenant(catalog, "demo")
    assert lanes_to_serve(catalog, utc_now()) == []


def test_one_process_dispatches_and_another_takes_over(catalog: Catalog, receiver: Receiver) -> None:
    make_tenant(catalog)
    hook(catalog, receiver.url)
    with ExitStack() as other:
        other.enter_context(lease(catalog, DISPATCHER))
        with running(dispatcher(catalog)):
            happen(catalog, happened())
            time.sleep(0.4)
            assert receiver.posts == []
            other.close()
            receiver.wait_for(1)


def test_a_lane_that_another_process_has_moved_is_left_as_it_stands(catalog: Catalog) -> None:
    make_tenant(catalog)
    hook(catalog, "https://example.org/")
    happen(catalog, happened(1), happened(2))
    number_events(catalog)
    (lane,) = lanes_to_serve(catalog, utc_now())
    ours, theirs = next_try(catalog, lane, utc_now()), next_try(catalog, lane, utc_now())
    assert ours is not None and theirs is not None
    assert streams.settle(catalog, lane, theirs, now=utc_now(), delays=())
    assert not streams.settle(catalog, lane, ours, now=utc_now(), delays=(), error="late")
    with catalog.reading() as session:
        assert session.scalars(select(OutboxSubscriber.position)).all() == [1]
        assert session.scalars(select(OutboxDelivery.status)).all() == ["delivered"]


def test_a_subscriber_of_the_machine_hears_every_stream_from_when_it_is_there(catalog: Catalog) -> None:
    make_tenant(catalog)
    happen(catalog, happened(1))
    number_events(catalog)
    join_streams(catalog, {"alerts": ["run.failed"]})
    assert lanes_to_serve(catalog, utc_now()) == []
    make_tenant(catalog, "later")
    failed = RunFailed(tenant=None, job="j", run_id="r", error="e", failed_at=utc_now(), number=1)
    happen(catalog, happened(1, "later"), failed)
    number_events(catalog)
    join_streams(catalog, {"alerts": ["run.failed"]})
    lanes = lanes_to_serve(catalog, utc_now())
    assert [(lane.stream, next_try(catalog, lane, utc_now()) is not None) for lane in lanes] == [
        ("", True),
        ("later", False),
    ]
    join_streams(catalog, {})
    assert lanes_to_serve(catalog, utc_now()) == []


def test_old_events_go_with_their_deliveries(catalog: Catalog, receiver: Receiver) -> None:
    make_tenant(catalog)
    made, _ = hook(catalog, receiver.url)
    happen(catalog, happened(1))
    with running(dispatcher(catalog)):
        receiver.wait_for(1)
        until(lambda: bool(deliveries(catalog, "demo", made.id)))
    cut = utc_now()
    (kept,) = happen(catalog, happened(2))
    number_events(catalog)
    assert prune(catalog, cut) == 1
    with catalog.reading() as session:
        assert session.execute(select(OutboxEvent.id, OutboxEvent.seq)).all() == [(kept, 2)]
        assert session.scalar(select(func.count()).select_from(OutboxDelivery)) == 0
    assert prune(catalog, cut) == 0


def test_a_look_at_which_nothing_happened_writes_nothing(catalog: Catalog, receiver: Receiver) -> None:
    make_tenant(catalog)
    hook(catalog, receiver.url)
    happen(catalog, happened())
    with running(dispatcher(catalog)):
        receiver.wait_for(1)
        until(lambda: not lanes_to_serve(catalog, utc_now()))
        time.sleep(0.2)
        writes = catalog.writes
        time.sleep(0.5)
        assert catalog.writes == writes
