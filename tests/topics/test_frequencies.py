"""What earlier posts teach about how common features are."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from tests import builders
from tgstudio_dagster.topics import frequencies
from tgstudio_dagster.topics.embed import embed
from tgstudio_dagster.topics.frequencies import FREQUENCIES, background, count_features


def _counted(count: int, days_ago: int, lang: str = "ru") -> pl.DataFrame:
    date = builders.FIRST - timedelta(days=days_ago)
    frame = builders.messages(
        *(
            {"channel_id": n + 1, "text": f"Новость номер {n} о погоде", "lang": lang, "date": date}
            for n in range(count)
        )
    )
    return count_features(frame, embed(frame, frame))


def test_features_are_counted_by_day_and_language_and_equal_texts_once() -> None:
    frame = builders.messages(
        {"channel_id": 1, "text": "снег идёт", "lang": "ru"},
        {"channel_id": 2, "text": "снег идёт", "lang": "ru"},
        {"channel_id": 3, "text": "snow is falling", "lang": "en"},
    )
    counted = count_features(frame, embed(frame, frame))
    assert counted.schema == FREQUENCIES
    assert counted.select("lang", "posts").rows() == [("en", 1), ("ru", 1)]
    assert counted["counts"].explode().max() == 1


def test_the_newest_days_are_taken_until_there_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frequencies, "POSTS", 30)
    monkeypatch.setattr(frequencies, "FEWEST", 25)
    days = pl.concat([_counted(20, 1), _counted(20, 2), _counted(20, 3), _counted(20, 1, "en")])
    words = background(days, builders.FIRST.date())
    assert {lang: day.posts for lang, day in words.items()} == {"ru": 40}
    assert int(words["ru"].frequency.max()) == 40


def test_a_young_tenant_has_no_background() -> None:
    assert background(_counted(20, 1), builders.FIRST.date()) == {}
    assert background(FREQUENCIES.to_frame(), builders.FIRST.date()) == {}
