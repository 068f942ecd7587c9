"""Data: bundles that are asked for and taken away, and questions in SQL that see the tenant's own data only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import streamlit as st

from tests.builders import FIRST
from tests.streamlit_app.conftest import fill
from tests.streamlit_app.reader import Reader, Readers, shown
from tgstudio_dagster.catalog.work.bundles import Bundle, mark_bundle

NOW = datetime.now(UTC)


@pytest.fixture
def owner(readers: Readers) -> Reader:
    fill(readers, "acme", {"msg_id": 1, "text": "a ferry"}, {"msg_id": 2, "text": "a boat"})
    fill(readers, "other", {"msg_id": 1, "text": "somebody else's secret"})
    return readers.of("acme")


def sql(reader: Reader, text: str) -> Any:
    page = reader.open("data", part="sql")
    page.text_area(key="sql_None").set_value(text).run()
    page.button(key="ask").click().run()
    assert not page.exception
    return page


def test_a_bundle_is_asked_for_and_waits(owner: Reader) -> None:
    page = owner.open("data")
    assert "Выгрузок пока нет" in shown(page)
    page.date_input(key="bundle_days").set_value((date(2026, 3, 1), date(2026, 3, 7)))
    page.multiselect(key="bundle_tables").set_value(["messages"])
    page.button(key="bundle_ask").click().run()
    assert not page.exception
    (bundle,) = owner.studio.bundles.all()
    assert (bundle.first, bundle.last, bundle.tables) == (date(2026, 3, 1), date(2026, 3, 7), ["messages"])
    assert "в очереди" in shown(page) and "1 таблица" in shown(page)


def test_the_days_of_a_bundle_are_the_newest_that_have_posts(owner: Reader) -> None:
    page = owner.open("data")
    assert page.date_input(key="bundle_days").value == (FIRST.date() - timedelta(days=6), FIRST.date())


def test_half_a_range_of_days_asks_for_the_other_half(owner: Reader) -> None:
    page = owner.open("data")
    page.date_input(key="bundle_days").set_value((date(2026, 3, 1),))
    page.button(key="bundle_ask").click().run()
    assert "Выберите первый и последний день" in shown(page)
    assert owner.studio.bundles.all() == []


def test_a_viewer_sees_why_they_may_ask_for_none(readers: Readers, owner: Reader) -> None:
    page = readers.of("acme", "viewer").open("data")
    assert page.button(key="bundle_ask").disabled and "только на чтение" in page.button(key="bundle_ask").help


def waiting(reader: Reader) -> Bundle:
    found: Bundle = reader.studio.bundles.request(date(2026, 3, 1), date(2026, 3, 2), ["messages"], now=NOW)
    return found


def test_a_bundle_that_is_built_can_be_taken(owner: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Callable[[], bytes]] = []
    monkeypatch.setattr(st, "download_button", lambda label, data, *_, **__: taken.append(data))
    bundle, catalog, lake = waiting(owner), owner.platform.catalog, owner.platform.lake.tenant("acme")
    kept = lake.put_file(b"PK the archive", "zip")
    mark_bundle(catalog, bundle.id, "done", uri=kept.uri, size=kept.size)
    assert "готово" in shown(owner.open("data"))
    assert taken[0]() == b"PK the archive"


def test_a_bundle_that_failed_says_why(owner: Reader) -> None:
    bundle = waiting(owner)
    mark_bundle(owner.platform.catalog, bundle.id, "failed", error="the disk is full")
    assert "ошибка" in shown(owner.open("data")) and "the disk is full" in shown(owner.open("data"))


def test_another_tenants_bundles_are_not_shown(readers: Readers, owner: Reader) -> None:
    waiting(readers.of("other"))
    assert "Выгрузок пока нет" in shown(owner.open("data"))


def test_a_question_is_answered_from_the_tenants_own_data(owner: Reader) -> None:
    page = sql(owner, "select text from messages order by msg_id")
    assert list(page.dataframe[-1].value["text"]) == ["a ferry", "a boat"]
    assert "2 строки" in shown(page)
    assert "secret" not in shown(page)


@pytest.mark.parametrize("text", ["drop table messages", "select * from read_csv('/etc/passwd')"])
def test_a_question_that_may_not_be_asked_is_refused(owner: Reader, text: str) -> None:
    page = sql(owner, text)
    assert "Запрос не выполнен" in shown(page)
    assert "root:" not in shown(page)


def test_an_example_fills_the_question_in(owner: Reader) -> None:
    page = owner.open("data", part="sql")
    page.button_group(key="example").set_value("by_channel").run()
    page.button(key="ask").click().run()
    assert not page.exception
    assert page.dataframe[-1].value["posts"].to_list() == [2]


def test_more_rows_than_are_shown_are_cut_and_said_so(owner: Reader) -> None:
    page = sql(owner, "select * from range(1500)")
    assert len(page.dataframe[-1].value) == 1000
    assert "Показаны первые 1\N{NARROW NO-BREAK SPACE}000 строк" in page.info[0].value


def test_an_answer_goes_when_the_statement_changes(owner: Reader) -> None:
    page = sql(owner, "select 'the old answer' as said")
    assert page.dataframe[-1].value["said"].to_list() == ["the old answer"]
    page.text_area(key="sql_None").set_value("select 2").run()
    assert not page.dataframe[1:] and "строка" not in shown(page)
    page = sql(owner, "select 'good' as said")
    page.text_area(key="sql_None").set_value("select nonsense").run()
    page.button(key="ask").click().run()
    assert "Запрос не выполнен" in shown(page) and len(page.dataframe) == 1


def test_days_and_times_of_an_answer_are_shown_as_such(owner: Reader) -> None:
    said = shown(sql(owner, "select date '2026-03-01' as day, date as posted from messages limit 1"))
    assert "DD.MM.YYYY" in said and "DD.MM.YYYY HH:mm:ss" in said


def test_the_example_of_top_topics_asks_of_one_window_of_the_newest_day(sample_readers: Readers) -> None:
    reader = sample_readers.of("demo")
    page = reader.open("data", part="sql")
    page.button_group(key="example").set_value("topics").run()
    page.button(key="ask").click().run()
    answer = page.dataframe[-1].value
    assert {day.date() for day in answer["day"]} == {reader.studio.topics.newest_day()}
    assert list(answer["rank"]) == list(range(1, len(answer["rank"]) + 1))


def test_the_dictionary_tells_every_column(owner: Reader) -> None:
    page = owner.open("data", part="sql")
    page.selectbox(key="dictionary").set_value("topics").run()
    assert "topic_id" in set(page.dataframe[0].value["Колонка"])
