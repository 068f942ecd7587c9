"""Usage and the operator's page: what is counted, what is limited, what failed, and who sees whose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.streamlit_app.reader import Reader, Readers, shown
from tgstudio_dagster.catalog.money.plans import spend
from tgstudio_dagster.catalog.work.orders import begin_order, settle_order
from tgstudio_dagster.core.errors import RunsError
from tgstudio_dagster.services.runs import Run, RunsClient

NOW = datetime.now(UTC)


@pytest.fixture
def no_dagster(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> list[Run]:
        raise RunsError("Dagster's web server at http://127.0.0.1:1 does not answer.")

    monkeypatch.setattr(RunsClient, "runs", refused)


@pytest.fixture
def owner(readers: Readers, no_dagster: None) -> Reader:
    return readers.of("acme")


def test_use_is_counted_by_day_and_against_the_plan(owner: Reader) -> None:
    spend(owner.platform.catalog, "acme", "api_calls_per_day", NOW.date(), 40)
    spend(owner.platform.catalog, "other", "orders_per_day", NOW.date(), 17)
    page = owner.open("usage")
    assert not page.exception
    said = shown(page)
    assert "40 из" in said and "По дням" in said and "17" not in {one.value for one in page.metric}
    assert "Бесплатный" in said


def test_the_window_is_chosen_and_stands_in_the_address(owner: Reader) -> None:
    spend(owner.platform.catalog, "acme", "orders_per_day", NOW.date() - timedelta(days=10), 3)
    page = owner.open("usage")
    orders = {one.label: one.value for one in page.metric}["Заказы"]
    page.button_group(key="at_window").set_value(7).run()
    assert (orders, {one.label: one.value for one in page.metric}["Заказы"]) == ("3", "0")
    assert page.query_params["window"] == "7"


def test_without_dagster_the_rest_of_the_page_stands(owner: Reader, readers: Readers) -> None:
    said = shown(owner.open("usage"))
    assert "Dagster сейчас не отвечает" in said and "does not answer" not in said
    assert "does not answer" in shown(readers.of("acme", "operator").open("usage"))


def run(tenant: str, job: str, status: str = "done") -> Run:
    return Run(
        id="r", job=job, status=status, tags={"tenant": tenant}, created=NOW, started=NOW,
        ended=NOW + timedelta(seconds=65), url="http://127.0.0.1:1/runs/r", steps=(),
    )  # type: ignore[arg-type]  # fmt: skip


def test_runs_are_told_in_words(readers: Readers, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, str]] = []

    def runs(_: RunsClient, *, tags: dict[str, str], limit: int) -> list[Run]:
        asked.append(tags)
        return [run("acme", "refresh")] if tags.get("tenant") else []

    monkeypatch.setattr(RunsClient, "runs", runs)
    page = readers.of("acme").open("usage")
    assert not page.exception
    table = page.dataframe[0].value
    assert list(table["Что"]) == ["Обновление"] and list(table["Состояние"]) == ["готово"]
    assert all("acme" in tags.values() for tags in asked)


@pytest.mark.parametrize("role", ["owner", "editor", "viewer"])
def test_who_is_no_operator_finds_no_such_page(readers: Readers, no_dagster: None, role: str) -> None:
    reader = readers.of("acme", role)  # type: ignore[arg-type]
    page = reader.open()
    assert "operator" not in {one["url_pathname"] for one in page._registered_pages.values()}
    assert "Все пространства этой машины" not in shown(page)


def test_the_operator_sees_every_tenant_and_what_failed_there(sample_readers: Readers, no_dagster: None) -> None:
    demo = sample_readers.of("demo")
    day = demo.studio.topics.newest_day()
    topic = demo.studio.topics.all(day=day, limit=1)["topic_id"][0]
    order = demo.studio.orders.request(topic, now=NOW, day=day)
    begin_order(demo.platform.catalog, order.id, "run")
    settle_order(demo.platform.catalog, order.id, "run", "failed", error="the painter is out of paint")
    page = sample_readers.of("acme", "operator").open("operator")
    assert not page.exception
    assert set(page.dataframe[0].value["Пространство"]) == {"acme", "other", "demo"}
    failures = page.dataframe[1].value
    assert list(failures["Почему"]) == ["the painter is out of paint"] and list(failures["Пространство"]) == ["demo"]
    assert {one.label: one.value for one in page.metric}["Сбои заказов"] == "1"
