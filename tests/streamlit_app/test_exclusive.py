"""Make exclusive: what is asked, what it will cost, how far it has come, and who may stop it."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from streamlit_app.components.chosen import posts_code, posts_of
from tests.streamlit_app.reader import Reader, Readers, shown
from tgstudio_dagster.catalog.money.models import Quota
from tgstudio_dagster.catalog.work.orders import begin_order, settle_order


@pytest.fixture
def editor(sample_readers: Readers) -> Reader:
    return sample_readers.of("demo", "editor")


def ordered(reader: Reader, page: AppTest) -> str:
    """Press the button; the order that was made."""
    before = {one.id for one in reader.studio.orders.all()}
    page.button(key="order").click().run()
    assert not page.exception
    (made,) = {one.id for one in reader.studio.orders.all()} - before
    return made


def language(page: Any) -> Any:
    return next(group for group in page.button_group if group.label == "Язык текста")


def test_without_topics_a_page_says_what_to_do_first(readers: Readers) -> None:
    page = readers.of("acme").open("exclusive")
    assert not page.exception
    assert "Пока не из чего делать" in shown(page) and "Добавить каналы" in shown(page)


def test_the_cost_is_told_before_anything_is_ordered(editor: Reader) -> None:
    page = editor.open("exclusive")
    said = {one.label: one.value for one in page.metric}
    assert said["Стоимость"] == "бесплатно"
    assert int(said["Постов в основе"]) > 1 and said["Осталось заказов"].isdigit()


def test_a_topic_is_ordered_with_what_was_chosen_and_followed_at_its_address(editor: Reader) -> None:
    page = editor.open("exclusive")
    page.button_group(key="platforms").set_value(["tg", "li"]).run()
    page.button_group(key="tone").set_value("lively").run()
    language(page).set_value("en").run()
    made = ordered(editor, page)
    order = next(one for one in editor.studio.orders.all() if one.id == made)
    assert (list(order.platforms), order.tone, order.language, order.goal) == (["tg", "li"], "lively", "en", "packages")
    assert page.query_params["order"] == made
    assert "Заказ принят" in shown(page) and "Готово шагов: 0 из 5" in shown(page)


def test_messages_that_were_chosen_elsewhere_are_ordered(editor: Reader) -> None:
    day = editor.studio.topics.newest_day()
    keys = editor.studio.topics.map(day=day).points.head(3).select("channel_id", "msg_id").rows()
    page = editor.open("exclusive", posts=posts_code(keys), day=day.isoformat())
    assert "Из **3** выбранных постов" in shown(page)
    made = ordered(editor, page)
    order = next(one for one in editor.studio.orders.all() if one.id == made)
    assert order.topic_id is None and sorted(map(tuple, order.messages or [])) == sorted(keys)
    assert "posts" not in page.query_params


def test_an_order_is_written_in_the_language_of_its_subject(editor: Reader) -> None:
    day = editor.studio.topics.newest_day()
    topics = editor.studio.topics.all(day=day, limit=1000)
    for lang in ("ru", "en"):
        topic = topics.filter(pl.col("lang") == lang)["topic_id"][0]
        assert language(editor.open("exclusive", topic=topic)).value == lang
        posts = editor.studio.topics.posts(topic, day=day).select("channel_id", "msg_id").rows()
        page = editor.open("exclusive", posts=posts_code(posts), day=day.isoformat())
        assert language(page).value == lang
        assert editor.studio.orders.request(topic, platforms=["tg"], day=day).language == lang


def test_a_reload_and_a_link_show_the_same_subject(editor: Reader) -> None:
    titles = editor.studio.topics.top(by="topic", window="7d", day=None, limit=3)["entity_id"]
    page = editor.open("exclusive")
    page.selectbox(key="at_topic").set_value(titles[2]).run()
    assert page.query_params["topic"] == titles[2]
    assert editor.open("exclusive", locale="en-GB", topic=titles[2]).selectbox(key="at_topic").value == titles[2]


def test_posts_stand_in_an_address_and_come_back_from_it() -> None:
    posts = [(1001, 5), (-7, 3), (1001, 6), (1001, 5)]
    assert posts_code(posts) == "-7.3_1001.5.6"
    assert posts_of("-7.3_1001.5.6") == [(-7, 3), (1001, 5), (1001, 6)]
    assert [posts_of(text) for text in ("", "x", "1001.5_", "1.99999999999999999999")] == [[], [], [], []]


def test_without_a_platform_nothing_can_be_ordered(editor: Reader) -> None:
    page = editor.open("exclusive")
    page.button_group(key="platforms").set_value([]).run()
    assert "Выберите хотя бы одну площадку" in shown(page)
    assert "order" not in {one.key for one in page.button}


def test_a_quota_that_is_used_up_is_told_with_its_end(editor: Reader) -> None:
    with editor.platform.catalog.tenant_session("demo", writing=True) as session:
        session.add(Quota(tenant="demo", name="orders_per_day", limit=0))
    page = editor.open("exclusive")
    before = len(editor.studio.orders.all())
    page.button(key="order").click().run()
    assert not page.exception
    said = shown(page)
    assert "Лимит исчерпан" in said and "Можно продолжить после" in said
    assert len(editor.studio.orders.all()) == before


def test_a_viewer_sees_the_cost_and_why_they_may_not_order(sample_readers: Readers) -> None:
    page = sample_readers.of("demo", "viewer").open("exclusive")
    button = page.button(key="order")
    assert button.disabled and "только на чтение" in button.help
    assert page.metric


def test_an_order_that_is_made_leads_to_its_packages(editor: Reader) -> None:
    order = editor.studio.orders.all()[0].id
    page = editor.open("exclusive", order=order)
    said = shown(page)
    assert "Готово шагов: 5 из 5" in said and "Открыть пакеты" in said
    assert "cancel" not in {one.key for one in page.button}


def test_an_order_that_waits_can_be_stopped_and_started_again(editor: Reader) -> None:
    page = editor.open("exclusive")
    made = ordered(editor, page)
    page.button(key="cancel").click().run()
    assert next(one for one in editor.studio.orders.all() if one.id == made).status == "cancelled"
    assert "отменено" in shown(page)
    page.button(key="again").click().run()
    assert next(one for one in editor.studio.orders.all() if one.id == made).status == "queued"


def test_an_order_that_runs_says_that_it_is_being_stopped(editor: Reader) -> None:
    page = editor.open("exclusive")
    made = ordered(editor, page)
    begin_order(editor.platform.catalog, made, "run")
    page.run()
    page.button(key="cancel").click().run()
    assert not page.exception
    assert page.button(key="cancel").disabled
    assert "Останавливаем" in shown(page)


def test_a_viewer_can_stop_nothing(editor: Reader, sample_readers: Readers) -> None:
    made = ordered(editor, editor.open("exclusive"))
    page = sample_readers.of("demo", "viewer").open("exclusive", order=made)
    assert not page.exception
    assert "cancel" not in {one.key for one in page.button}


def test_a_failure_is_told_and_its_words_are_no_markup(editor: Reader) -> None:
    made = ordered(editor, editor.open("exclusive"))
    catalog = editor.platform.catalog
    begin_order(catalog, made, "run")
    settle_order(catalog, made, "run", "failed", error="<b>broken</b>")
    said = shown(editor.open("exclusive", order=made))
    assert "Заказ не выполнен" in said and "&lt;b&gt;broken" in said and "Запустить снова" in said


def test_an_order_that_is_not_theirs_is_not_found(editor: Reader, sample_readers: Readers) -> None:
    order = editor.studio.orders.all()[0]
    page = sample_readers.of("acme").open("exclusive", order=order.id)
    assert not page.exception
    said = shown(page)
    assert "Не нашлось" in said and "Готово шагов" not in said
