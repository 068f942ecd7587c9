"""Packages: previews as platforms show them, editing with history, what is stale, and what is taken away."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
import streamlit as st

from tests.streamlit_app.reader import Reader, Readers, shown
from tgstudio_dagster.catalog.work.models import Order
from tgstudio_dagster.catalog.work.rules import TopicRule
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.services.packages import Package

NOW = datetime.now(UTC)


@pytest.fixture
def editor(sample_readers: Readers) -> Reader:
    return sample_readers.of("demo", "editor")


@pytest.fixture
def order(editor: Reader) -> str:
    return editor.studio.orders.all()[0].id


def package(reader: Reader, order: str, platform: str = "tg") -> Package:
    found: Package = reader.studio.packages.get(f"{order}-{platform}")
    return found


def area(reader: Reader, order: str, platform: str = "tg") -> str:
    """The key of the text that is edited."""
    one = package(reader, order, platform)
    return f"text_{one.package_id}_{len(one.edits)}"


def on(reader: Reader, order: str, platform: str = "tg") -> Any:
    """The page of the order, at this platform."""
    page = reader.open("packages", order=order, platform=platform)
    assert not page.exception
    return page


def test_without_packages_a_page_leads_to_making_some(readers: Readers) -> None:
    page = readers.of("acme").open("packages")
    assert not page.exception
    assert "Пакетов пока нет" in shown(page) and "Сделать эксклюзив" in shown(page)


def test_the_orders_that_have_packages_are_listed_with_their_platforms(editor: Reader, order: str) -> None:
    said = shown(editor.open("packages"))
    assert "Telegram" in said and "VK" in said and "Instagram" in said
    assert package(editor, order).dek[:40] in said


@pytest.mark.parametrize("platform", ["tg", "vk", "x", "ig"])
def test_each_platform_has_its_own_preview_count_and_limit(editor: Reader, order: str, platform: str) -> None:
    said = shown(on(editor, order, platform))
    one = package(editor, order, platform)
    assert f"ts-on-{platform}" in said
    assert f"{one.preview.count} из {one.preview.limit}" in said
    assert one.image is None or f"/files/{one.image.uri}" in said


def test_every_sentence_names_its_sources(editor: Reader, order: str) -> None:
    one = package(editor, order)
    said = shown(on(editor, order))
    assert "Источники: " in said
    for url in {source.url for sentence in one.explanation.sentences for source in sentence.sources if source.url}:
        assert url in said


def test_an_edit_is_kept_shown_and_put_among_the_versions(editor: Reader, order: str) -> None:
    page = on(editor, order)
    made = package(editor, order).text
    page.text_area(key=area(editor, order)).set_value("Моя версия & <b>текст</b>.\n\n#метро").run()
    page.button(key=area(editor, order).replace("text", "save", 1)).click().run()
    assert not page.exception
    one = package(editor, order)
    assert one.text == "Моя версия & <b>текст</b>.\n\n#метро" and one.made_text == made
    said = shown(page)
    assert "История: 1 версия" in said and "&lt;b&gt;текст" in said and "Правок: 1" in shown(editor.open("packages"))


def test_the_preview_and_the_counter_show_the_draft(editor: Reader, order: str) -> None:
    page = on(editor, order, "vk")
    page.text_area(key=area(editor, order, "vk")).set_value("Черновик <b>").run()
    said = shown(page)
    preview = next(line for line in said.splitlines() if "ts-on-vk" in line)
    assert "Черновик &lt;b&gt;" in preview and "12 из" in preview
    assert package(editor, order, "vk").edits == ()


def test_a_draft_outlives_a_change_of_platform_and_of_page_and_is_marked(editor: Reader, order: str) -> None:
    page = on(editor, order, "vk")
    page.text_area(key=area(editor, order, "vk")).set_value("Черновик.").run()
    page.button_group(key="at_platform").set_value("x").run()
    assert "Не сохранено: VK" in shown(page)
    page.switch_page("app_pages/feed.py").run()
    page.switch_page("app_pages/packages.py").run()
    assert "Не сохранено: VK" in shown(page)
    page.query_params["order"], page.query_params["platform"] = order, "vk"
    page.run()
    assert page.text_area(key=area(editor, order, "vk")).value == "Черновик."
    page.button(key=f"save_{order}-vk_0").click().run()
    assert package(editor, order, "vk").text == "Черновик." and "Не сохранено" not in shown(page)


def test_a_chosen_image_outlives_a_change_of_platform_and_shows_in_the_preview(editor: Reader, order: str) -> None:
    one = package(editor, order)
    other = next(image for image in one.images if image.refused is None and image != one.image)
    page = on(editor, order)
    page.radio(key=f"image_{order}-tg_0").set_value(other.n).run()
    page.button_group(key="at_platform").set_value("x").run()
    page.button_group(key="at_platform").set_value("tg").run()
    assert page.radio(key=f"image_{order}-tg_0").value == other.n
    assert other.uri in next(line for line in shown(page).splitlines() if "ts-on-tg" in line)


def test_a_draft_can_be_discarded(editor: Reader, order: str) -> None:
    page = on(editor, order)
    page.text_area(key=area(editor, order)).set_value("Черновик.").run()
    page.button(key=f"discard_{order}-tg_0").click().run()
    assert page.text_area(key=area(editor, order)).value == package(editor, order).text
    assert "Не сохранено" not in shown(page)


def test_a_version_that_was_saved_meanwhile_is_told_and_the_draft_stays(editor: Reader, order: str) -> None:
    page = on(editor, order)
    page.text_area(key=area(editor, order)).set_value("Черновик.").run()
    editor.studio.packages.edit(f"{order}-tg", "Чужая версия.", now=NOW)
    page.run()
    assert page.text_area(key=area(editor, order)).value == "Черновик."
    assert "сохранили другую версию" in page.info[0].value


def test_what_is_not_changed_is_not_saved(editor: Reader, order: str) -> None:
    assert on(editor, order).button(key=area(editor, order).replace("text", "save", 1)).disabled


def test_a_version_can_be_brought_back(editor: Reader, order: str) -> None:
    made = package(editor, order).text
    for text in ("Первая.", "Вторая."):
        editor.studio.packages.edit(f"{order}-tg", text, now=NOW)
    page = on(editor, order)
    page.button(key=f"restore_{order}-tg_1").click().run()
    assert package(editor, order).text == "Первая."
    page.button(key=f"restore_{order}-tg_made").click().run()
    assert package(editor, order).text == made
    assert len(package(editor, order).edits) == 4


def test_a_text_that_is_too_long_is_refused_with_the_figure(editor: Reader, order: str) -> None:
    page = on(editor, order, "x")
    page.text_area(key=area(editor, order, "x")).set_value("слово " * 100).run()
    assert "из 280" in shown(page) and "ts-too-long" in shown(page)
    page.button(key=area(editor, order, "x").replace("text", "save", 1)).click().run()
    assert not page.exception
    said = shown(page)
    assert "Проверьте то, что ввели" in said and "для X нужно от 1 до 280" in said and "takes 1 to" not in said
    assert package(editor, order, "x").edits == ()


def test_another_image_can_be_chosen(editor: Reader, order: str) -> None:
    one = package(editor, order)
    other = next(image for image in one.images if image.refused is None and image != one.image)
    page = on(editor, order)
    page.radio(key=f"image_{order}-tg_0").set_value(other.n).run()
    page.button(key=area(editor, order).replace("text", "save", 1)).click().run()
    assert package(editor, order).image == other


def test_sources_that_changed_make_a_package_stale(editor: Reader, order: str) -> None:
    source = package(editor, order).explanation.sentences[0].sources[0]
    lake = editor.platform.lake.tenant("demo")
    for day in lake.days(MESSAGES):
        held = lake.read(MESSAGES, days=[day])
        hit = (pl.col("channel_id") == source.channel_id) & (pl.col("msg_id") == source.msg_id)
        if held.filter(hit).height:
            gone = pl.when(hit).then(pl.lit(NOW)).otherwise(pl.col("deleted_at")).alias("deleted_at")
            lake.write(MESSAGES, held.with_columns(gone.cast(MESSAGES.schema["deleted_at"])), day=day)
    said = shown(on(editor, order))
    assert "изменился после подготовки" in said or "изменились после подготовки" in said
    assert "пост удалён" in said


def test_a_viewer_reads_copies_and_takes_away_but_edits_nothing(sample_readers: Readers, order: str) -> None:
    viewer = sample_readers.of("demo", "viewer")
    page = on(viewer, order)
    text = page.text_area(key=area(viewer, order))
    assert text.disabled and "только на чтение" in text.help
    assert page.button(key=area(viewer, order).replace("text", "save", 1)).disabled
    assert "Скачать" in shown(page)


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], bytes]]:
    """The downloads that a page offers, by their file's name."""
    found: dict[str, Callable[[], bytes]] = {}

    def button(label: str, data: Callable[[], bytes], file_name: str, *_: object, **__: object) -> bool:
        found[file_name] = data
        return False

    monkeypatch.setattr(st, "download_button", button)
    return found


def test_what_is_taken_away_is_the_edited_text(
    editor: Reader, order: str, offered: dict[str, Callable[[], bytes]]
) -> None:
    editor.studio.packages.edit(f"{order}-tg", "Моя версия.", now=NOW)
    editor.open("packages", order=order)
    assert set(offered) == {f"{order}.{kind}" for kind in ("json", "csv", "parquet", "zip")}
    assert "Моя версия." in json.dumps(json.loads(offered[f"{order}.json"]()), ensure_ascii=False)
    csv = offered[f"{order}.csv"]()
    assert csv.startswith(b"\xef\xbb\xbf") and "Моя версия.".encode() in csv
    with zipfile.ZipFile(io.BytesIO(offered[f"{order}.zip"]())) as archive:
        assert any(
            "Моя версия." in archive.read(name).decode() for name in archive.namelist() if name.endswith("tg.txt")
        )
    assert pl.read_parquet(offered[f"{order}.parquet"]()).filter(pl.col("platform") == "tg").height == 1


def test_another_tenants_order_shows_and_offers_nothing(
    sample_readers: Readers, order: str, offered: dict[str, Callable[[], bytes]]
) -> None:
    page = sample_readers.of("acme").open("packages", order=order)
    assert not page.exception
    assert "Не нашлось" in shown(page) and not offered


def test_a_package_says_which_rule_or_person_ordered_it(editor: Reader) -> None:
    studio, day = editor.studio, editor.studio.topics.newest_day()
    made = studio.orders.all()[0]
    assert "Заказ сделан командой" in shown(editor.open("packages", order=made.id))
    rule = studio.rules.put("Главное <b>", TopicRule(max_rank=1), now=NOW)
    with editor.platform.catalog.tenant_session("demo", writing=True) as session:
        session.get_one(Order, made.id).rule_id = rule.id
    assert "По правилу «Главное &lt;b&gt;»" in shown(editor.open("packages", order=made.id))
    topic = studio.topics.all(day=day, limit=1)["topic_id"][0]
    assert studio.orders.origin(studio.orders.request(topic, platforms=["tg"], day=day).id).person == "editor of demo"
