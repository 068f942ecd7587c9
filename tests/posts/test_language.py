"""Languages of texts, and the media table."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import messages
from tgstudio_dagster.lake.tables.posts import MEDIA
from tgstudio_dagster.posts.attachments import media_table
from tgstudio_dagster.posts.language import detect, words_of


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Центральный банк сохранил ключевую ставку на уровне 16%", "ru"),
        ("The central bank has kept its key rate unchanged", "en"),
        ("THE CENTRAL BANK HAS KEPT ITS KEY RATE", "en"),
        ("Центральний банк зберіг облікову ставку без змін", "uk"),
        ("Die Zentralbank lässt den Leitzins unverändert", "de"),
        ("👍👍👍 #новости @mir_news https://t.me/mir 12:30", "und"),
        ("", "und"),
        ("ok", "und"),
    ],
)
def test_the_language_of_a_text_is_told_or_left_open(text: str, code: str) -> None:
    assert detect(pl.Series([text])).to_list() == [code]


def test_null_is_of_no_language_and_the_order_is_kept() -> None:
    texts = pl.Series([None, "The central bank has kept its key rate", None], dtype=pl.String)
    assert detect(texts).to_list() == ["und", "en", "und"]
    assert detect(pl.Series([], dtype=pl.String)).dtype == pl.String


@given(st.text(max_size=80))
def test_any_text_has_a_code_and_its_words_hold_no_digit(text: str) -> None:
    (code,) = detect(pl.Series([text])).to_list()
    assert code == "und" or len(code) == 2
    assert not any(character.isdecimal() for character in words_of(text))


def test_every_attachment_is_a_row_of_media() -> None:
    items = [
        {"msg_id": 1, "kind": "photo", "mime": "image/jpeg", "sha256": "ab", "status": "stored"},
        {"msg_id": 2, "kind": "document", "file_name": "a.PDF", "sha256": "cd", "status": "stored"},
        {"msg_id": 3, "kind": "video", "status": "failed: file is missing"},
    ]
    table = media_table(messages({"attachments": items}, {}))
    assert MEDIA.conform(table).select("index", "uri").rows() == [(0, "ab.jpg"), (1, "cd.pdf"), (2, None)]
    assert MEDIA.conform(media_table(messages({}))).is_empty()
