"""An order's run on an ephemeral instance: only what its goal lacks is made, nothing is paid twice, a stop is obeyed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import get_args

import dagster as dg
import polars as pl
import pytest
from sqlalchemy import select

from tests.builders import put_order
from tests.services.conftest import desk as desk
from tests.services.desk import DAY, NOW, TOPIC, Desk
from tgstudio_dagster.ai.protocols import PaintRequest, PaintResult, Reply, Sentence, WriteRequest, WriteResult
from tgstudio_dagster.catalog.money.models import AiUsage
from tgstudio_dagster.catalog.people.tenant_settings import Goal
from tgstudio_dagster.catalog.work.orders import begin_order, get_order
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.lake.tables.newsroom import CONTENT_PACKAGES, EDITOR_RESULTS, IMAGES
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.newsroom.pipeline import steps
from tgstudio_dagster.newsroom.sources import chosen_id

LATER = NOW + timedelta(minutes=5)


@pytest.mark.parametrize("goal", get_args(Goal))
def test_an_order_is_worked_up_to_its_goal_and_no_further(desk: Desk, goal: str) -> None:
    order = desk.studio().orders.request(TOPIC, now=NOW, goal=goal)  # type: ignore[arg-type]
    result = desk.fulfil(order.id)
    assert result.success
    assert all(check.passed for check in result.get_asset_check_evaluations())
    assert desk.made(order.id) == set(steps(goal))  # type: ignore[arg-type]
    assert get_order(desk.catalog, "acme", order.id).status == "done"


def test_a_raised_goal_makes_only_what_is_missing_and_pays_nothing_twice(desk: Desk) -> None:
    studio = desk.studio()
    order = studio.orders.request(TOPIC, now=NOW, goal="text")
    desk.fulfil(order.id)
    text = desk.lake.tenant("acme").read(EDITOR_RESULTS, order=order.id)
    for goal in ("images", "packages"):
        assert studio.orders.raise_goal(order.id, goal, LATER).status == "queued"  # type: ignore[arg-type]
        assert desk.fulfil(order.id).success
    assert desk.made(order.id) == set(steps("packages"))
    assert desk.lake.tenant("acme").read(EDITOR_RESULTS, order=order.id).equals(text)
    assert (desk.writer.calls, desk.painter.calls) == (1, 2)


def test_a_run_that_failed_halfway_goes_on_where_it_stopped(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    order = desk.studio().orders.request(TOPIC, now=NOW)
    with monkeypatch.context() as broken:
        broken.setattr(desk.painter, "paint", None)
        assert not desk.fulfil(order.id).success
    assert get_order(desk.catalog, "acme", order.id).status == "failed"
    desk.studio().orders.raise_goal(order.id, "packages", LATER)
    assert desk.fulfil(order.id).success
    assert desk.writer.calls == 1


def test_chosen_messages_become_a_text_that_rests_on_them_alone(desk: Desk) -> None:
    chosen = [(1, 10), (3, 5)]
    order = desk.studio().orders.request(messages=chosen, now=NOW, day=DAY)
    assert desk.fulfil(order.id).success
    result = desk.lake.tenant("acme").read(EDITOR_RESULTS, order=order.id).row(0, named=True)
    cited = {(key["channel_id"], key["msg_id"]) for claim in result["claims"] for key in claim["messages"]}
    assert cited
    assert cited <= set(chosen)
    assert result["topic_id"] == chosen_id(chosen)
    assert desk.lake.tenant("acme").read(CONTENT_PACKAGES, order=order.id).height == 3


def test_a_cancelled_order_s_run_ends_at_its_next_step(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = desk.studio()
    order = studio.orders.request(TOPIC, now=NOW, platforms=["tg"])
    paint = desk.painter.paint

    def cancel_meanwhile(request: PaintRequest) -> Reply[PaintResult]:
        assert studio.orders.cancel(order.id, LATER).status == "running"
        return paint(request)

    with monkeypatch.context() as patched:
        patched.setattr(desk.painter, "paint", cancel_meanwhile)
        assert not desk.fulfil(order.id).success
    assert get_order(desk.catalog, "acme", order.id).status == "cancelled"
    assert desk.made(order.id) == set(steps("images"))
    studio.orders.raise_goal(order.id, "packages", LATER)
    assert desk.fulfil(order.id).success
    assert (desk.writer.calls, desk.painter.calls) == (1, 1)


def test_an_order_of_messages_that_were_deleted_since_says_so(desk: Desk) -> None:
    order = desk.studio().orders.request(messages=[(1, 10)], now=NOW, day=DAY)
    lake = desk.lake.tenant("acme")
    gone = lake.read(MESSAGES, days=[DAY]).with_columns(deleted_at=pl.lit(NOW, MESSAGES.schema["deleted_at"]))
    lake.write(MESSAGES, gone, day=DAY)
    result = desk.fulfil(order.id)
    assert not result.success
    (failure,) = result.get_step_failure_events()
    assert "deleted" in str(failure.event_specific_data)
    assert lake.read(IMAGES, order=order.id).is_empty()


def test_a_run_of_an_order_that_another_run_has_makes_nothing(desk: Desk) -> None:
    order = desk.studio().orders.request(TOPIC, now=NOW)
    begin_order(desk.catalog, order.id, "another")
    result = desk.run(order.id)
    assert not result.success
    (failure,) = result.get_step_failure_events()
    assert "is being done by run another" in str(failure.event_specific_data)
    assert (desk.made(order.id), desk.writer.calls) == (set(), 0)
    assert get_order(desk.catalog, "acme", order.id).run_id == "another"


def test_what_a_run_made_that_lost_its_order_is_not_stored(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    order = desk.studio().orders.request(TOPIC, now=NOW, goal="text")
    write = desk.writer.write

    def lose_meanwhile(request: WriteRequest) -> Reply[WriteResult]:
        put_order(desk.catalog, order.id, "running", run_id="another")
        return write(request)

    monkeypatch.setattr(desk.writer, "write", lose_meanwhile)
    assert not desk.run(order.id, ("editor_results",)).success
    assert desk.made(order.id) == set()


def test_orders_of_one_topic_share_what_was_written_and_drawn(desk: Desk) -> None:
    first, second = (desk.studio().orders.request(TOPIC, now=NOW, platforms=["tg"]) for _ in range(2))
    assert desk.fulfil(first.id).success
    assert desk.fulfil(second.id).success
    assert (desk.writer.calls, desk.painter.calls) == (1, 1)
    lake = desk.lake.tenant("acme")
    cached = [lake.read(IMAGES, order=order.id)["cached"].to_list() for order in (first, second)]
    assert cached == [[False], [True]]
    with desk.catalog.tenant_session("acme") as session:
        usage = session.scalars(select(AiUsage)).all()
    assert {(row.provider, row.cost_micro_usd) for row in usage} == {("offline", 0)}
    assert sorted(row.purpose for row in usage if not row.cached) == ["image", "moderation", "moderation", "text"]
    assert desk.studio().usage.report(1, utc_now()).by_model == {}


def test_files_are_made_only_of_packages_that_their_platforms_take(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    order = desk.studio().orders.request(TOPIC, now=NOW, platforms=["ig"])
    with monkeypatch.context() as patched:
        patched.setattr("tgstudio_dagster.newsroom.publisher.choose_image", lambda *_: None)
        result = desk.fulfil(order.id)
    assert not result.success
    (broken,) = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert (broken.check_name, broken.severity) == ("platform_limits", dg.AssetCheckSeverity.ERROR)
    assert desk.made(order.id) == {*steps("packages")} - {"exports"}
    desk.studio().orders.raise_goal(order.id, "packages", LATER)
    (failure,) = desk.fulfil(order.id).get_step_failure_events()
    assert "ig: image, no image" in str(failure.event_specific_data)


def test_nothing_is_made_of_a_text_whose_claims_cite_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    order = desk.studio().orders.request(TOPIC, now=NOW, goal="briefs")
    write = desk.writer.write

    def cite_nothing(request: WriteRequest) -> Reply[WriteResult]:
        reply = write(request)
        headline = Sentence(text=reply.value.headline.text, messages=())
        return replace(reply, value=reply.value.model_copy(update={"headline": headline}))

    monkeypatch.setattr(desk.writer, "write", cite_nothing)
    monkeypatch.setattr("tgstudio_dagster.newsroom.editor.check_claim", lambda *_: (False, []))
    assert not desk.fulfil(order.id).success
    assert desk.made(order.id) == {"editor_results"}
