"""Explaining a package, and telling a stale one."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import polars as pl

from tests.builders import frame, text_hash
from tests.newsroom.posts import AS_OF, at, changed, edited, russian_topic
from tgstudio_dagster.ai.offline.moderator import OfflineModerator
from tgstudio_dagster.ai.protocols import MessageKey
from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.core.vocabulary import PlatformName
from tgstudio_dagster.lake.tables.posts import MESSAGE_VERSIONS
from tgstudio_dagster.newsroom.provenance import explain, staleness
from tgstudio_dagster.newsroom.publisher import publish
from tgstudio_dagster.newsroom.records.package import Package


def versions(messages: pl.DataFrame) -> pl.DataFrame:
    rows = [
        {
            "channel_id": row["channel_id"],
            "msg_id": row["msg_id"],
            "version": row["version"],
            "text": row["text"],
            "text_hash": text_hash(row["text"]),
            "seen_at": row["date"],
        }
        for row in messages.iter_rows(named=True)
    ]
    return frame(MESSAGE_VERSIONS, rows)


def package(platform: PlatformName) -> Package:
    (made,) = publish(
        edited(),
        [],
        [platform],
        order="acme-1",
        now=AS_OF,
        zone=ZoneInfo("UTC"),
        settings=TenantSettings(),
        moderator=OfflineModerator(),
    )
    return made


def test_a_package_is_explained_sentence_by_sentence_in_the_order_of_its_text() -> None:
    made = package("tg")
    explanation = explain(edited(), russian_topic(), versions(russian_topic()), made)
    places = [made.text.find(sentence.text) for sentence in explanation.sentences]
    assert places == sorted(places)
    assert min(places) == 0
    assert all(sentence.sources for sentence in explanation.sentences)
    assert not explanation.stale
    assert explanation.model == "offline-digest/1"
    assert explanation.run_id == "run-1"


def test_what_is_left_over_is_call_to_action_links_and_hashtags() -> None:
    made = package("tg")
    furniture = explain(edited(), russian_topic(), versions(russian_topic()), made).furniture
    assert made.cta in furniture
    assert "#метро #северогорск #авария" in furniture
    assert len([line for line in furniture if line.startswith("https://")]) == 3
    assert len(furniture) == 6


def test_a_sentence_that_was_cut_still_has_its_sources() -> None:
    text = edited().body_short[:60].rsplit(" ", 1)[0] + "…»"
    explanation = explain(
        edited(), russian_topic(), versions(russian_topic()), package("x").model_copy(update={"text": text})
    )
    (sentence,) = explanation.sentences
    assert sentence.text == text
    assert sentence.sources


def test_a_source_shows_the_version_that_was_cited_not_the_newest() -> None:
    now = russian_topic().with_columns(
        pl.when(pl.col("channel_id") == 2).then(pl.lit("Новый текст")).otherwise("text").alias("text"),
        pl.when(pl.col("channel_id") == 2).then(pl.lit(2, pl.Int32)).otherwise("version").alias("version"),
    )
    explanation = explain(edited(), now, versions(russian_topic()))
    source = next(s for sentence in explanation.sentences for s in sentence.sources if s.channel_id == 2)
    assert (source.version, source.stale) == (1, "edited")
    assert source.text is not None
    assert source.text.startswith("В Северогорске")
    assert explanation.stale
    assert "STALE" in explanation.as_text()


def test_the_sources_of_claims_that_no_longer_stand_are_told_without_their_texts() -> None:
    claims = edited().claims
    posts = russian_topic()
    assert staleness(claims, posts) == {}
    deleted = posts.with_columns(
        pl.when(pl.col("channel_id") == 1).then(pl.lit(at(12, 0))).otherwise("deleted_at").alias("deleted_at"),
        pl.when(pl.col("channel_id") == 3).then(pl.lit(4, pl.Int32)).otherwise("version").alias("version"),
    ).filter(pl.col("channel_id") != 4)
    assert staleness(claims, deleted) == {
        MessageKey(1, 10, 2): "deleted",
        MessageKey(3, 5, 1): "edited",
        MessageKey(4, 9, 1): "missing",
    }


def test_the_plain_text_names_links_and_what_needs_verification() -> None:
    first, *others = edited().to_row()["claims"]
    claims = [{**first, "needs_verification": True, "unsupported": ["50 млн"]}, *others]
    text = explain(changed(claims=claims), russian_topic(), versions(russian_topic())).as_text()
    assert "needs verification: 50 млн" in text
    assert "https://t.me/gorod_live/10 version 2" in text
