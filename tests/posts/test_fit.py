"""Which posts fit a question: the same posts whether texts are searched as they are or in lower case."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import messages
from tgstudio_dagster.posts.fit import PostFilter, fits, of_channels, words_in

NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)
LETTERS = "abAB ёЁжЖ.%_\\$(éÉ"


def posts(*rows: dict[str, Any]) -> pl.DataFrame:
    return messages(*({"msg_id": n, "date": NOON, **row} for n, row in enumerate(rows)))


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.text(LETTERS, max_size=12), min_size=1, max_size=6),
    words=st.lists(st.text(LETTERS, min_size=1, max_size=3), max_size=2),
    any_words=st.lists(st.text(LETTERS, min_size=1, max_size=3), max_size=2),
)
def test_words_mean_the_same_in_any_case(texts: list[str], words: list[str], any_words: list[str]) -> None:
    frame = posts(*({"text": text} for text in texts))
    expected = [
        n
        for n, text in enumerate(text.lower() for text in texts)
        if all(word.lower() in text for word in words)
        and (not any_words or any(word.lower() in text for word in any_words))
    ]
    assert frame.filter(fits(PostFilter(words=words, any_words=any_words)))["msg_id"].to_list() == expected
    if words or any_words:
        lowered = pl.col("text").str.to_lowercase()
        assert frame.filter(words_in(lowered, words, any_words))["msg_id"].to_list() == expected


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        (["@MIR"], [0]),
        (["2002"], [1]),
        (["mir", "2002"], [0, 1]),
        (["200"], []),
        (["٢٠٠٢"], []),
        (["9" * 40], []),
    ],
)
def test_a_channel_is_named_by_its_username_or_its_id(channels: list[str], expected: list[int]) -> None:
    frame = posts({"channel": "Mir", "channel_id": 2001}, {"channel": None, "channel_id": 2002})
    assert frame.filter(of_channels(channels))["msg_id"].to_list() == expected
    assert frame.filter(~fits(PostFilter(channels=channels)))["msg_id"].to_list() == sorted({0, 1} - set(expected))


def test_service_messages_fit_only_where_they_are_asked_for() -> None:
    frame = posts({"type": "service", "text": ""}, {"type": "photo"})
    assert frame.filter(fits(PostFilter()))["msg_id"].to_list() == [1]
    assert frame.filter(fits(PostFilter(types=["service"])))["msg_id"].to_list() == [0]
