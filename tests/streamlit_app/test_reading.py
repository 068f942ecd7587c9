"""Top, topics, one topic and the map: what they show of the sample, and what follows from a choice."""

from __future__ import annotations

import itertools
import re
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
import streamlit as st

from streamlit_app.components.chosen import posts_of
from streamlit_app.components.map_labels import LABELS, LETTERS, ON_A_PHONE, frame_of, labels
from tests.builders import FIRST, frame
from tests.streamlit_app.conftest import fill
from tests.streamlit_app.reader import Reader, Readers, shown
from tgstudio_dagster.lake.tables.topics import RANKINGS, TOPIC_MAP
from tgstudio_dagster.services.orders import MAX_MESSAGES

TITLE = re.compile(r"[^\w]+")


@pytest.fixture
def owner(sample_readers: Readers) -> Reader:
    return sample_readers.of("demo")


def said(text: str) -> str:
    """Only letters and digits: a label's Markdown is escaped."""
    return TITLE.sub("", text)


@pytest.mark.parametrize("page", ["top", "topics", "map"])
def test_without_posts_a_page_says_what_to_do_first(readers: Readers, page: str) -> None:
    found = readers.of("acme").open(page)
    assert not found.exception
    assert "Подключить источник" in shown(found)


def test_the_top_says_of_every_topic_why_it_stands_there(owner: Reader) -> None:
    page = owner.open("top")
    text = shown(page)
    assert not page.exception
    leader = owner.studio.topics.top(by="topic", window="24h", day=owner.studio.topics.newest_day(), limit=1).row(
        0, named=True
    )
    assert said(leader["title"][:60]) in said(text)
    assert text.count("Почему здесь") >= 10 and "Популярность" in text and "Свежесть" in text
    assert "data:image/svg+xml" in text


def test_a_choice_stands_in_the_address_by_its_name_and_comes_back_from_it(owner: Reader) -> None:
    page = owner.open("top", by="message", window="7d")
    assert "Место 1" in shown(page)
    page.button_group(key="at_window").set_value("24h").run()
    assert page.query_params["by"] == "message" and "window" not in page.query_params
    page.button_group(key="at_by").set_value("topic").run()
    assert "by" not in page.query_params and "Место 1" not in shown(page)


def test_what_an_address_says_wrong_is_the_usual_choice(owner: Reader) -> None:
    page = owner.open("top", by="nonsense")
    assert not page.exception
    assert page.button_group(key="at_by").value == "topic"


def test_more_of_the_top_comes_on_demand(owner: Reader) -> None:
    page = owner.open("top", window="7d")
    before = shown(page).count("Почему здесь")
    page.button(key="more").click().run()
    assert shown(page).count("Почему здесь") > before


def test_topics_are_found_by_their_words(owner: Reader) -> None:
    every = owner.studio.topics.all(day=owner.studio.topics.newest_day(), limit=1000)
    word = every["keywords"][0][0]
    page = owner.open("topics")
    assert f"{every.height} тем" in shown(page)
    page.text_input(key="at_q").set_value(word).run()
    assert said(every["title"][0][:50]) in said(shown(page))
    page.text_input(key="at_q").set_value("zxqv").run()
    assert "Ни одна тема не подходит" in shown(page)


def test_order_day_and_page_of_the_topics_stand_in_the_address(owner: Reader) -> None:
    newest = owner.studio.topics.newest_day()
    page = owner.open("topics")
    page.selectbox(key="at_sort").set_value("new").run()
    page.date_input(key="at_day").set_value(newest - timedelta(days=1)).run()
    page.button(key="page_on").click().run()
    said = {name: page.query_params[name] for name in ("sort", "day", "at")}
    again = owner.open("topics", locale="en-GB", **said)
    assert not again.exception and "Page 2" in shown(again)
    assert again.selectbox(key="at_sort").value == "new"
    assert again.date_input(key="at_day").value == newest - timedelta(days=1)
    page.selectbox(key="at_sort").set_value("size").run()
    assert "Страница 1" in shown(page) and "at" not in page.query_params


def test_how_much_of_the_top_is_shown_comes_back(owner: Reader) -> None:
    page = owner.open("top", window="7d")
    page.button(key="more").click().run()
    again = owner.open("top", window="7d", shown=page.query_params["shown"])
    assert shown(again).count("Почему здесь") == shown(page).count("Почему здесь") > 20


def test_topics_are_leafed_through(owner: Reader) -> None:
    page = owner.open("topics")
    page.button(key="page_on").click().run()
    assert "Страница 2" in shown(page)
    page.button(key="page_back").click().run()
    assert "Страница 1" in shown(page)


def topic_of(owner: Reader) -> dict[str, Any]:
    return owner.studio.topics.all(day=owner.studio.topics.newest_day(), limit=1).row(0, named=True)


def test_a_topic_shows_its_posts_with_repeats_folded_and_who_told_it_when(owner: Reader) -> None:
    topic, day = topic_of(owner), owner.studio.topics.newest_day()
    page = owner.open("topic", topic=topic["topic_id"], day=day.isoformat())
    text = shown(page)
    assert not page.exception
    posts = owner.studio.topics.get(topic["topic_id"], day=day).posts
    assert "Показательный пост темы" in text and "Когда и кто писал" in text
    assert ("Повторил" in text) is any(map(len, posts["repeats"]))
    for url in posts["url"].head(3):
        assert url in text


def test_a_topic_leads_to_an_order_of_it(owner: Reader) -> None:
    topic, day = topic_of(owner), owner.studio.topics.newest_day()
    page = owner.open("topic", topic=topic["topic_id"], day=day.isoformat())
    page.button(key="make").click().run()
    assert not page.exception
    assert page.query_params["topic"] == topic["topic_id"] and page.query_params["day"] == day.isoformat()
    assert page.selectbox(key="at_topic").value == topic["topic_id"]


@pytest.mark.parametrize("query", [{}, {"topic": "t-000000000000"}, {"topic": "x", "day": "no day"}])
def test_an_unknown_topic_is_no_fault(owner: Reader, query: dict[str, str]) -> None:
    page = owner.open("topic", **query)
    assert not page.exception
    assert "Тема не выбрана" in shown(page) or "Не нашлось" in shown(page)


@pytest.mark.parametrize("page", ["topic", "map"])
def test_a_viewer_sees_why_they_can_make_nothing(
    sample_readers: Readers, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = sample_readers.of("demo", "viewer")
    monkeypatch.setattr(st, "plotly_chart", chosen(viewer, 3))
    found = viewer.open(page, topic=topic_of(viewer)["topic_id"], day=viewer.studio.topics.newest_day().isoformat())
    assert found.button(key="make").disabled
    assert "только на чтение" in found.button(key="make").help


def chosen(reader: Reader, posts: int, *, everything: bool = False) -> Any:
    """In place of the chart: somebody has chosen the first posts of the map's largest topic, or of `everything`."""
    points = reader.studio.topics.map(day=reader.studio.topics.newest_day()).points
    points = points if everything else points.drop_nulls("topic_id").sort("topic_id")
    keys = points.head(posts).select("channel_id", "msg_id").rows()
    picked = [{"customdata": [str(channel), str(message)]} for channel, message in keys]

    def chart(*_: object, **__: object) -> object:
        return SimpleNamespace(selection=SimpleNamespace(points=picked))

    return chart


def test_the_map_draws_every_post_and_names_its_largest_topics(owner: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    empty = SimpleNamespace(selection=SimpleNamespace(points=[]))
    monkeypatch.setattr(st, "plotly_chart", lambda figure, **_: drawn.append(figure) or empty)
    page = owner.open("map")
    assert not page.exception
    points = owner.studio.topics.map(day=owner.studio.topics.newest_day()).points
    assert len(drawn[0].data[0].x) == points.height
    assert 1 <= len(drawn[0].layout.annotations) <= 10
    assert all(isinstance(one, str) for pair in drawn[0].data[0].customdata for one in pair)
    assert "Щёлкните по точке" in shown(page)


def test_what_is_written_on_the_map_is_no_markup(readers: Readers, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(readers, "acme", {"msg_id": 1, "text": "<a href='x'>y</a>", "channel_title": "<i>c</i>"})
    place = {"channel_id": 1001, "msg_id": 1, "x": 0.0, "y": 0.0, "method": "umap"}
    readers.platform.lake.tenant("acme").write(TOPIC_MAP, frame(TOPIC_MAP, [place]), day=FIRST.date())
    readers.platform.lake.tenant("acme").write(RANKINGS, frame(RANKINGS, []), day=FIRST.date())
    drawn: list[Any] = []
    empty = SimpleNamespace(selection=SimpleNamespace(points=[]))
    monkeypatch.setattr(st, "plotly_chart", lambda figure, **_: drawn.append(figure) or empty)
    page = readers.of("acme").open("map")
    assert not page.exception
    text = drawn[0].data[0].text[0]
    assert "&lt;a href" in text and "<a href" not in text and "<i>" not in text


def test_posts_chosen_on_the_map_are_shown_and_lead_to_an_order(owner: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "plotly_chart", chosen(owner, 4))
    page = owner.open("map")
    assert page.metric[0].value == "4"
    assert "Выбранные посты" in shown(page)
    page.button(key="make").click().run()
    assert not page.exception
    assert len(posts_of(page.query_params["posts"])) == 4
    assert "Из **4** выбранных постов" in shown(page)


def test_a_lasso_past_the_limit_says_so_on_the_map(owner: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "plotly_chart", chosen(owner, MAX_MESSAGES + 1, everything=True))
    page = owner.open("map")
    assert "Обведено постов: 201" in page.warning[0].value and "не больше 200" in page.warning[0].value
    assert page.button(key="make").disabled and "Не больше 200" in page.button(key="make").help


def test_labels_stand_inside_the_frame_and_apart_on_a_desk_and_on_a_phone(owner: Reader) -> None:
    points = owner.studio.topics.map(day=owner.studio.topics.newest_day()).points
    frame = frame_of(points)
    topics = points.drop_nulls("topic_id").group_by("topic_id").agg(pl.col("title").first(), pl.col("x", "y").median())
    placed = list(labels(topics.sort("topic_id"), frame))
    assert 4 <= len(placed) <= LABELS
    for width, rows in ((340.0, placed[:ON_A_PHONE]), (560.0, placed)):
        boxes = []
        for row, place in rows:
            long = 7.2 * min(len(row["title"]), LETTERS + 1) + 12
            at = (row["x"] - frame.x[0]) / (frame.x[1] - frame.x[0]) * width
            up = (row["y"] - frame.y[0]) / (frame.y[1] - frame.y[0]) * 560 + place.shift
            left = at - {"left": 0, "center": long / 2, "right": long}[place.anchor]
            boxes.append((left, left + long, up - 11, up + 11))
        for left, right, low, high in boxes:
            assert left >= 0 and right <= width and low >= 0 and high <= 560
        for (left, right, low, high), other in itertools.combinations(boxes, 2):
            assert right <= other[0] or other[1] <= left or high <= other[2] or other[3] <= low


def test_one_point_offers_its_whole_topic(owner: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "plotly_chart", chosen(owner, 1))
    page = owner.open("map")
    page.button(key="make_topic").click().run()
    assert page.query_params["topic"].startswith("t-")
