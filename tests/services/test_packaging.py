"""Packages through the studio: edits laid over whatever is shown and exported, with history, limits and sources."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import timedelta

import polars as pl
import pytest

from tests.services.desk import DAY, NOW, TOPIC, Desk
from tgstudio_dagster.core.errors import ForbiddenError, NewsroomError, NotFoundError
from tgstudio_dagster.lake.tables.newsroom import CONTENT_PACKAGES
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.services import Studio

LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def studio(desk: Desk) -> Studio:
    """The studio of a tenant with one fulfilled order."""
    order = desk.studio().orders.request(TOPIC, now=NOW)
    desk.fulfil(order.id)
    return desk.studio()


@pytest.fixture
def order(studio: Studio) -> str:
    return studio.orders.all()[0].id


def edited(studio: Studio, order: str, text: str = "Моя версия.\n\n#метро") -> str:
    package = f"{order}-tg"
    studio.packages.edit(package, text, now=LATER)
    return package


def test_a_package_comes_with_all_that_a_person_needs_to_judge_it(studio: Studio, order: str) -> None:
    package = studio.packages.get(f"{order}-x")
    assert (package.platform, package.topic_id, package.edits, package.stale) == ("x", TOPIC, (), ())
    assert (package.preview.limit, package.preview.fits, package.text) == (280, True, package.made_text)
    assert all(sentence.sources for sentence in package.explanation.sentences)
    assert set(package.variants) == {"text_short", "text_medium", "text_long"}
    assert package.image is not None
    assert package.image in package.images
    assert {check.name for check in package.checks} >= {"text", "hashtags", "claims", "overlap"}


def test_an_edit_is_shown_listed_and_explained_in_place_of_what_was_made(studio: Studio, order: str) -> None:
    package = edited(studio, order)
    found = studio.packages.get(package)
    assert (found.text, found.hashtags, found.edits[0].n) == ("Моя версия.\n\n#метро", ("метро",), 1)
    assert found.made_text != found.text
    assert found.explanation.sentences == ()
    listed = studio.packages.all(order).select("platform", "text", "edit").rows()
    assert ("tg", found.text, 1) in listed
    assert [edit for platform, _, edit in listed if platform != "tg"] == [None, None]
    assert studio.scope.lake.read(CONTENT_PACKAGES, order=order).filter(platform="tg")["text"][0] == found.made_text


def test_hashtags_and_image_of_an_edit_are_the_person_s(studio: Studio, order: str) -> None:
    package = studio.packages.get(f"{order}-tg")
    other = next(image for image in package.images if image != package.image and image.refused is None)
    found = studio.packages.edit(package.package_id, "Текст\n\n#старое", ["новое", "#метро"], other.n, now=LATER)
    assert (found.text, found.hashtags, found.image) == ("Текст\n\n#новое #метро", ("новое", "метро"), other)


def test_every_version_is_kept_the_newest_first(studio: Studio, order: str) -> None:
    for n in range(3):
        edited(studio, order, f"Версия {n}")
    history = studio.packages.get(f"{order}-tg").edits
    assert [(edit.n, edit.text) for edit in history] == [(3, "Версия 2"), (2, "Версия 1"), (1, "Версия 0")]
    assert history[0].created_at == LATER


def test_what_the_platform_would_not_take_is_not_kept(studio: Studio, order: str) -> None:
    package = f"{order}-x"
    with pytest.raises(NewsroomError, match=r"text: has 301 of 280"):
        studio.packages.edit(package, "a" * 301, now=LATER)
    with pytest.raises(NewsroomError, match="image: the order has no image 9"):
        studio.packages.edit(package, "ok", image=9, now=LATER)
    assert studio.packages.get(package).edits == ()
    assert studio.packages.preview(package, "a" * 301).over == "a" * 21


def test_the_tenant_s_own_limit_counts(studio: Studio, desk: Desk) -> None:
    studio.settings.put(studio.settings.get().model_copy(update={"vk_text_limit": 100, "platforms": ("vk",)}))
    order = studio.orders.request(TOPIC, now=NOW)
    desk.fulfil(order.id)
    with pytest.raises(NewsroomError, match="101 of 100"):
        studio.packages.edit(f"{order.id}-vk", "a" * 101, now=LATER)


def test_a_source_that_was_edited_since_makes_the_package_stale(studio: Studio, order: str) -> None:
    posts = studio.scope.lake.read(MESSAGES, days=[DAY])
    cited = studio.packages.get(f"{order}-tg").explanation.sentences[0].sources[0]
    changed = pl.when(channel_id=cited.channel_id, msg_id=cited.msg_id).then(9).otherwise(pl.col("version"))
    studio.scope.lake.write(MESSAGES, posts.with_columns(version=changed.cast(MESSAGES.schema["version"])), day=DAY)
    stale = studio.packages.get(f"{order}-tg").stale
    assert [(source.channel_id, source.msg_id, source.stale) for source in stale] == [
        (cited.channel_id, cited.msg_id, "edited")
    ]


@pytest.mark.parametrize("format", ["json", "csv", "parquet"])
def test_an_export_has_every_package_with_edits_laid_over(studio: Studio, order: str, desk: Desk, format: str) -> None:
    edited(studio, order)
    second = studio.orders.request(TOPIC, now=LATER, platforms=["x"])
    desk.fulfil(second.id)
    file = studio.packages.export([order, second.id], format)  # type: ignore[arg-type]
    assert file.name == f"acme-packages.{format}"
    if format == "json":
        texts = {
            (one["order"], row["platform"]): row["text"]
            for one in json.loads(file.content)["orders"]
            for row in one["packages"]
        }
    else:
        rows = (
            csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"), newline=""))
            if format == "csv"
            else pl.read_parquet(io.BytesIO(file.content)).iter_rows(named=True)
        )
        texts = {(row["order"], row["platform"]): row["text"] for row in rows}
    assert set(texts) == {(order, "tg"), (order, "x"), (order, "ig"), (second.id, "x")}
    assert texts[order, "tg"] == "Моя версия.\n\n#метро"


def test_a_zip_holds_texts_images_and_tables_and_the_same_order_gives_the_same_bytes(
    studio: Studio, order: str
) -> None:
    edited(studio, order)
    file = studio.packages.export([order], "zip")
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        names = {name.removeprefix(f"{order}/") for name in archive.namelist()}
        assert archive.read(f"{order}/tg.txt").decode() == "Моя версия.\n\n#метро"
    images = {f"{row['platform']}.{row['image_uri'].split('.')[1]}" for row in studio.packages.all(order).to_dicts()}
    assert names == {"tg.txt", "x.txt", "ig.txt", "packages.json", "packages.csv"} | images
    assert studio.packages.export([order], "zip").content == file.content


def test_what_cannot_be_exported_is_named(studio: Studio, order: str) -> None:
    with pytest.raises(NewsroomError, match="format"):
        studio.packages.export([order], "docx")  # type: ignore[arg-type]
    with pytest.raises(NewsroomError, match="orders: 0"):
        studio.packages.export([], "json")
    waiting = studio.orders.request(TOPIC, now=LATER, goal="text")
    with pytest.raises(NotFoundError, match="no packages yet; it is queued, its goal text"):
        studio.packages.export([waiting.id], "json")


def test_packages_are_listed_by_orders_newest_first(studio: Studio, order: str, desk: Desk) -> None:
    second = studio.orders.request(TOPIC, now=LATER, platforms=["tg"])
    desk.fulfil(second.id)
    assert studio.packages.all(limit=1)["order_id"].unique().to_list() == [second.id]
    assert studio.packages.all(limit=1, before=second.id)["order_id"].unique().to_list() == [order]
    assert studio.packages.all(before=order).is_empty()


def test_a_stored_file_is_the_tenant_s_own(studio: Studio, order: str, desk: Desk) -> None:
    image = studio.packages.get(f"{order}-tg").image
    assert image is not None
    file = studio.files.open(image.uri)
    with file.stream as stream:
        assert len(stream.read()) == file.size
    assert file.mime.startswith("image/")
    with pytest.raises(NotFoundError):
        desk.studio("bravo").files.open(image.uri)


def test_a_viewer_reads_and_another_tenant_does_not(desk: Desk, studio: Studio, order: str) -> None:
    package = edited(studio, order)
    viewer, bravo = desk.studio(role="viewer"), desk.studio("bravo")
    assert viewer.packages.get(package).text == "Моя версия.\n\n#метро"
    with pytest.raises(ForbiddenError):
        viewer.packages.edit(package, "x", now=LATER)
    for unknown in (
        lambda: bravo.packages.get(package),
        lambda: bravo.packages.explain(package),
        lambda: bravo.packages.preview(package, "x"),
        lambda: bravo.packages.edit(package, "x", now=LATER),
        lambda: bravo.packages.export([order], "json"),
    ):
        with pytest.raises(NotFoundError):
            unknown()
    assert bravo.packages.all().is_empty()
    for nonsense in ("nosuch", f"{order}-vk", f"{order}-nosuch", ""):
        with pytest.raises(NotFoundError):
            studio.packages.get(nonsense)
