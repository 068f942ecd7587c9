"""Editor results of two small topics, as a reader gets them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta

import polars as pl
import pytest

from tests.builders import messages
from tests.newsroom.posts import at, edited, english_topic, russian_topic
from tgstudio_dagster.core.errors import NewsroomError
from tgstudio_dagster.core.vocabulary import Language
from tgstudio_dagster.newsroom.editor import MAX_POSTS, source_messages
from tgstudio_dagster.newsroom.records.editor_result import EditorResult


def test_a_russian_digest_reads_like_this() -> None:
    row = edited().to_row()
    assert row["headline"] == "«Зелёная ветка метро остановлена из-за прорыва трубы» — что пишут 4 канала"
    assert row["dek"] == (
        "Дайджест по 4 постам 4 каналов: первым об этом написал «Город LIVE», 9 марта 2026 года в 04:05 (UTC)."
    )
    assert row["body_long"].startswith(
        "Об этом 9 марта 2026 года с 04:05 до 07:30 (UTC) написали 4 канала: «Город LIVE», «Мир сегодня», "
        "«Деловой час» и «Спорт Пульс».\n\n"
    )
    assert "«Каналы" not in row["body_long"]
    assert (
        "Каналы называют разные цифры: «Мир сегодня» — «180 тысяч пассажиров»; «Деловой час» — «210 тысяч пассажиров»."
        in row["body_long"]
    )
    assert "Чужой пост об этом переслал «Спорт Пульс»." in row["body_long"]
    assert "Текст канала «Город LIVE» правили после публикации" in row["body_long"]
    assert row["hashtags"] == ["метро", "северогорск", "авария"]
    assert row["source_links"] == [
        "https://t.me/gorod_live/10",
        "https://t.me/mir_news/77",
        "https://t.me/biznes/5",
        "https://t.me/sport/9",
    ]


def test_an_english_digest_reads_like_this() -> None:
    row = edited(english_topic(), "en").to_row()
    assert row["headline"] == "“Port Lenmark on Monday opened a €412 million ferry terminal…”: what 2 channels report"
    assert (
        row["dek"] == "A digest of 2 posts by 2 channels; Harbour City Daily was first, at 07:32 on 9 March 2026 (UTC)."
    )
    assert row["body_short"].startswith("Harbour City Daily reports: “The first ship has sailed")
    assert "World Brief" in row["body_short"]


@pytest.mark.parametrize("frame", [russian_topic(), english_topic()])
@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_offline_writer_needs_no_verification_and_copies_nothing(frame: pl.DataFrame, language: str) -> None:
    row = edited(frame, "ru" if language == "ru" else "en").to_row()
    assert [claim for claim in row["claims"] if claim["needs_verification"]] == []
    assert all(claim["messages"] for claim in row["claims"])
    assert row["overlap"] == 0.0


def test_every_sentence_of_the_texts_is_a_claim() -> None:
    row = edited().to_row()
    for section in ("body_short", "body_medium", "body_long"):
        claimed = [claim["text"] for claim in row["claims"] if claim["section"] == section]
        assert " ".join(row[section].split()) == " ".join(claimed)
    assert [claim["text"] for claim in row["claims"] if claim["section"] == "key_points"] == row["key_points"]


def test_the_same_posts_make_the_same_row() -> None:
    assert edited() == edited()
    frame = EditorResult.frame([edited()])
    assert list(EditorResult.from_frame(frame)) == [edited()]


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_row_does_not_depend_on_the_order_of_hashes(seed: str) -> None:
    code = "from tests.newsroom.posts import edited; import json; print(json.dumps(edited().to_row(), default=str))"
    made = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
    )
    assert json.loads(made.stdout) == json.loads(json.dumps(edited().to_row(), default=str))


def test_deleted_service_and_empty_posts_are_not_written_from() -> None:
    frame = messages(
        {"text": "Мост закрыли на ремонт до конца недели.", "lang": "ru"},
        {"text": "Мост закрыли на ремонт, сообщает мэрия города.", "deleted_at": at(9, 0)},
        {"text": "Канал создан", "type": "service"},
        {"text": "  ", "type": "photo"},
    )
    assert [source.msg_id for source in source_messages(frame)] == [1]
    with pytest.raises(NewsroomError, match="t-0123456789ab"):
        edited(frame.slice(1), "ru")


def test_of_many_posts_each_channel_keeps_its_first() -> None:
    rows = [{"channel_id": n % 50, "date": at(0, 0) + timedelta(minutes=n), "text": f"Пост {n}"} for n in range(200)]
    kept = source_messages(messages(*rows))
    assert len(kept) == MAX_POSTS
    assert kept[0].msg_id == 1
    assert len({source.channel_id for source in kept}) == MAX_POSTS


@pytest.mark.parametrize(("language", "name"), [("ru", "Канал без названия"), ("en", "An unnamed channel")])
def test_a_channel_without_title_and_username_is_never_named_by_its_id(language: Language, name: str) -> None:
    rows = [
        {
            "channel_id": 1234567890,
            "channel": None,
            "channel_title": " ",
            "text": "Мост закрыли на ремонт до конца недели.",
        },
        {
            "channel_id": 1234567890,
            "channel": None,
            "channel_title": "",
            "text": "Ремонт моста займёт две недели, сказала мэрия.",
        },
    ]
    result = edited(messages(*rows), language)
    text = " ".join([result.headline, result.dek, result.body_long, result.body_medium, result.body_short])
    assert "1234567890" not in text and name.casefold() in text.casefold()
