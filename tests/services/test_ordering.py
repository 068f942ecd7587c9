"""Orders through the studio: what is checked before a row is written, how far one has come, and stopping it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from tests.builders import put_order
from tests.services.desk import DAY, NOW, TOPIC, Desk
from tgstudio_dagster.catalog.money.models import Quota
from tgstudio_dagster.catalog.money.plans import spent
from tgstudio_dagster.catalog.work.orders import begin_order
from tgstudio_dagster.core.errors import (
    ConflictError,
    ForbiddenError,
    NewsroomError,
    NotFoundError,
    QuotaError,
    RunsError,
)
from tgstudio_dagster.services.runs import Run, RunsClient, RunState, Step


class ScriptedRuns(RunsClient):
    """Says what it is told to, and notes which runs are to be stopped."""

    def __init__(self, run: Run | None = None, *, silent: bool = False) -> None:
        super().__init__("http://127.0.0.1:9")
        self.run, self.silent = run, silent
        self.stopped: list[str] = []

    def runs(self, *, tags: Mapping[str, str] | None = None, jobs: tuple[str, ...] = (), limit: int = 20) -> list[Run]:
        if self.silent:
            raise RunsError("Dagster's web server does not answer.")
        return [self.run] if self.run is not None else []

    def terminate(self, run_id: str) -> None:
        self.stopped.append(run_id)


def run(status: RunState, *steps: Step) -> Run:
    return Run("r1", "fulfil_order", status, NOW, NOW, None, {}, steps, "http://127.0.0.1:9/runs/r1")


def test_what_is_not_given_comes_from_the_tenant_s_settings(desk: Desk) -> None:
    order = desk.studio().orders.request(TOPIC, now=NOW)
    assert (order.day, order.platforms, order.language, order.goal) == (DAY, ["tg", "x", "ig"], "ru", "packages")
    assert (order.status, order.created_at) == ("queued", NOW)


def test_what_is_not_in_the_window_is_not_ordered(desk: Desk) -> None:
    studio = desk.studio()
    with pytest.raises(NotFoundError, match="tgstudio topics"):
        studio.orders.request("t-nosuch", now=NOW)
    with pytest.raises(NotFoundError, match="9/9 is not among"):
        studio.orders.request(messages=[(1, 10), (9, 9)], now=NOW)
    with pytest.raises(NotFoundError, match="1/10 is not among"):
        studio.orders.request(messages=[(1, 10)], now=NOW, day=DAY - timedelta(days=1))
    for wrong in ({}, {"topic_id": TOPIC, "messages": [(1, 10)]}, {"messages": []}):
        with pytest.raises(NewsroomError, match="messages"):
            studio.orders.request(now=NOW, **wrong)  # type: ignore[arg-type]
    assert studio.orders.all() == []


def test_images_are_counted_where_they_will_be_drawn(desk: Desk) -> None:
    studio = desk.studio()
    order = studio.orders.request(TOPIC, now=NOW, goal="briefs")
    assert spent(desk.catalog, "acme", "images_per_day", NOW.date()) == 0
    put_order(desk.catalog, order.id, "done")
    studio.orders.raise_goal(order.id, "images", NOW)
    # tg and x share a size.
    assert spent(desk.catalog, "acme", "images_per_day", NOW.date()) == 2
    put_order(desk.catalog, order.id, "done")
    studio.orders.raise_goal(order.id, "packages", NOW)
    assert spent(desk.catalog, "acme", "images_per_day", NOW.date()) == 2


def test_a_used_up_quota_leaves_no_order(desk: Desk) -> None:
    with desk.catalog.tenant_session("acme", writing=True) as session:
        session.add(Quota(tenant="acme", name="images_per_day", limit=1))
    with pytest.raises(QuotaError) as refused:
        desk.studio().orders.request(TOPIC, now=NOW)
    assert refused.value.name == "images_per_day"
    assert desk.studio().orders.all() == []
    assert desk.studio().orders.request(TOPIC, now=NOW, goal="text").goal == "text"
    assert spent(desk.catalog, "acme", "orders_per_day", NOW.date()) == 1


def test_steps_are_told_by_the_run_and_what_was_made_before_it(desk: Desk) -> None:
    studio = desk.studio()
    order = studio.orders.request(TOPIC, now=NOW, goal="text")
    desk.fulfil(order.id)
    studio.orders.raise_goal(order.id, "packages", NOW + timedelta(hours=1))
    begin_order(desk.catalog, order.id, "r1")
    runs = ScriptedRuns(run("running", Step("image_briefs", "done", NOW, NOW), Step("images", "running", NOW)))
    status = desk.studio(runs=runs).orders.status(order.id)
    assert [(step.name, step.status) for step in status.steps] == [
        ("editor_results", "done"),
        ("image_briefs", "done"),
        ("images", "running"),
        ("content_packages", "waiting"),
        ("exports", "waiting"),
    ]
    assert (status.run_url, status.note) == (None, None)
    operator = desk.studio(role="operator", runs=runs).orders.status(order.id)
    assert operator.run_url == "http://127.0.0.1:9/runs/r1"


def test_the_steps_of_an_earlier_run_are_not_told_of_an_order_that_waits_again(desk: Desk) -> None:
    order = desk.studio().orders.request(TOPIC, now=NOW)
    put_order(desk.catalog, order.id, "failed", run_id="r1", error="disk full")
    runs = ScriptedRuns(run("failed", Step("editor_results", "failed", NOW, NOW)))
    studio = desk.studio(runs=runs)
    assert studio.orders.status(order.id).steps[0].status == "failed"
    studio.orders.raise_goal(order.id, "packages", NOW)
    assert studio.orders.status(order.id).steps[0].status == "waiting"


def test_without_an_answer_of_dagster_s_the_lake_tells_how_far_it_is(desk: Desk) -> None:
    order = desk.studio().orders.request(TOPIC, now=NOW, goal="images")
    desk.run(order.id, ("editor_results", "image_briefs"))
    status = desk.studio(runs=ScriptedRuns(silent=True)).orders.status(order.id)
    assert [step.status for step in status.steps] == ["done", "done", "waiting"]
    assert status.note is not None
    assert "does not answer" in status.note
    assert status.order.status == "running"


def test_stopping_ends_the_run_where_there_is_one(desk: Desk) -> None:
    order, other = (desk.studio().orders.request(TOPIC, now=NOW) for _ in range(2))
    begin_order(desk.catalog, order.id, "r1")
    runs = ScriptedRuns(run("running"))
    assert desk.studio(runs=runs).orders.cancel(order.id, NOW).cancel_at == NOW
    assert runs.stopped == ["r1"]
    assert desk.studio(runs=ScriptedRuns(silent=True)).orders.cancel(other.id, NOW).status == "cancelled"
    put_order(desk.catalog, order.id, "done")
    with pytest.raises(ConflictError, match="is done"):
        desk.studio().orders.cancel(order.id, NOW)


def test_a_viewer_changes_nothing_and_another_tenant_finds_nothing(desk: Desk) -> None:
    order = desk.studio().orders.request(TOPIC, now=NOW)
    viewer, bravo = desk.studio(role="viewer"), desk.studio("bravo")
    for forbidden in (
        lambda: viewer.orders.request(TOPIC, now=NOW),
        lambda: viewer.orders.raise_goal(order.id, "packages", NOW),
        lambda: viewer.orders.cancel(order.id, NOW),
        lambda: viewer.follows.refresh(NOW),
        lambda: viewer.follows.request(["@news"], since=None),
        lambda: viewer.settings.put(viewer.settings.get()),
    ):
        with pytest.raises(ForbiddenError):
            forbidden()
    for unknown in (
        lambda: bravo.orders.request(TOPIC, now=NOW, day=DAY),
        lambda: bravo.orders.request(messages=[(1, 10)], now=NOW, day=DAY),
        lambda: bravo.orders.raise_goal(order.id, "packages", NOW),
        lambda: bravo.orders.cancel(order.id, NOW),
        lambda: bravo.orders.status(order.id),
        lambda: bravo.packages.all(order.id),
    ):
        with pytest.raises(NotFoundError):
            unknown()
    assert viewer.orders.status(order.id).order.status == "queued"
    assert bravo.orders.all() == []
