"""What was known at a given hour."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import builders
from tgstudio_dagster.lake.tables.posts import MESSAGE_STATS, MESSAGE_VERSIONS, MESSAGES
from tgstudio_dagster.lake.tables.topics import TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.posts.merge import merge
from tgstudio_dagster.topics.as_of import ObservedWindow, as_known_at
from tgstudio_dagster.topics.rank import rank
from tgstudio_dagster.topics.window import as_of

START = builders.FIRST


def hour(n: float) -> datetime:
    return START + timedelta(hours=n)


def observed(*rows: dict[str, Any]) -> ObservedWindow:
    """What the lake holds after these observations, made by the project's own rule of merging; `seen` is in hours."""
    landed = builders.landing(
        *({"date": START, "msg_id": 1, "observed_at": hour(row["seen"])} | without(row) for row in rows)
    )
    frame = merge(landed, MESSAGES.empty(), MESSAGE_VERSIONS.empty(), MESSAGE_STATS.empty())
    return ObservedWindow(frame.messages, frame.versions, frame.stats)


def without(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "seen"}


def back(now: ObservedWindow, n: float) -> ObservedWindow:
    return as_known_at(now.messages, now.versions, now.stats, hour(n))


def one(known: ObservedWindow) -> dict[str, Any]:
    return known.messages.row(0, named=True)


def test_a_post_that_was_not_seen_by_then_is_not_known() -> None:
    now = observed({"msg_id": 1, "seen": 1}, {"msg_id": 2, "seen": 5})
    assert back(now, 3).messages["msg_id"].to_list() == [1]
    assert back(now, 0.5).messages.equals(MESSAGES.empty())


def test_an_edited_post_has_the_text_of_then() -> None:
    now = observed({"text": "Before #one", "hashtags": ["one"], "seen": 1}, {"text": "After", "seen": 4})
    then = one(back(now, 2))
    assert (then["text"], then["version"], then["text_hash"]) == ("Before #one", 1, builders.text_hash("Before #one"))
    assert then["hashtags"] == []  # the lake keeps the newest text's only
    assert one(back(now, 4))["text"] == "After"


def test_the_language_of_an_earlier_text_is_told_anew() -> None:
    now = observed({"text": "Прежний текст", "seen": 1}, {"text": "Another text by now", "seen": 4})
    languages = as_known_at(
        now.messages, now.versions, now.stats, hour(2), lambda texts: pl.Series(["ru"] * len(texts), dtype=pl.String)
    )
    assert one(languages)["lang"] == "ru"


def test_counters_are_those_read_by_then_each_from_its_newest_reading() -> None:
    now = observed({"views": 10, "reactions": 1, "seen": 1}, {"reactions": 3, "seen": 2}, {"views": 90, "seen": 5})
    then = one(back(now, 3))
    assert (then["views"], then["reactions"], then["observed_at"]) == (10, 3, hour(2))
    assert back(now, 3).stats.height == 2


def test_a_delete_that_was_not_seen_by_then_did_not_happen() -> None:
    messages = builders.messages({"deleted_at": hour(6), "observed_at": hour(1)})
    observed = as_known_at(messages, MESSAGE_VERSIONS.empty(), MESSAGE_STATS.empty(), hour(5))
    assert one(observed)["deleted_at"] is None
    later = as_known_at(messages, MESSAGE_VERSIONS.empty(), MESSAGE_STATS.empty(), hour(6))
    assert one(later)["deleted_at"] == hour(6)


observations = st.lists(
    st.fixed_dictionaries(
        {
            "msg_id": st.integers(1, 3),
            "seen": st.integers(0, 12),
            "text": st.sampled_from(["one", "two", "three", ""]),
            "views": st.none() | st.integers(0, 100),
            "reactions": st.none() | st.integers(0, 9),
            "edit_date": st.none() | st.integers(0, 12).map(hour),
        }
    ),
    min_size=1,
    max_size=10,
)


@given(observations)
@settings(max_examples=25, deadline=None)
def test_after_the_newest_observation_everything_is_as_it_is_now(rows: list[dict[str, Any]]) -> None:
    now = observed(*rows)
    same = back(now, 13)
    assert same.messages.equals(now.messages)
    assert same.versions.equals(now.versions)
    assert same.stats.equals(now.stats)


@given(observations, st.integers(0, 13), st.integers(0, 13))
@settings(max_examples=40, deadline=None)
def test_going_back_twice_is_going_back_once(rows: list[dict[str, Any]], one_hour: int, other: int) -> None:
    now = observed(*rows)
    early, late = sorted((one_hour, other))
    once, twice = back(now, early), back(back(now, late), early)
    assert twice.messages.equals(once.messages)
    assert twice.versions.equals(once.versions)
    assert twice.stats.equals(once.stats)


@given(observations, st.integers(0, 12))
@settings(max_examples=25, deadline=None)
def test_what_is_observed_later_changes_nothing_of_then(rows: list[dict[str, Any]], n: int) -> None:
    by_then = [row for row in rows if row["seen"] <= n]
    result = back(observed(*rows), n)
    alone = observed(*by_then) if by_then else None
    compared = ["channel_id", "msg_id", "text", "version", "views", "reactions"]
    expected = MESSAGES.empty() if alone is None else alone.messages
    assert result.messages.select(compared).equals(expected.select(compared))
    assert result.stats.equals(MESSAGE_STATS.empty() if alone is None else alone.stats)


def test_rankings_of_an_hour_are_those_made_at_that_hour() -> None:
    early = [{"msg_id": n, "channel_id": n % 3, "views": 10 * n, "seen": 1 + n % 2} for n in range(1, 12)]
    late = [{"msg_id": n, "channel_id": n % 3, "views": 900 * n, "text": "Edited", "seen": 6} for n in range(3, 20)]
    frame = []
    for result in (observed(*early), back(observed(*early, *late), 5)):
        now = as_of(START.date(), result.messages, result.stats)
        frame.append(rank(result.messages, result.stats, TOPICS.empty(), TOPIC_MESSAGES.empty(), now))
    assert frame[0].height > 0
    assert frame[1].equals(frame[0])


def test_nothing_known_is_an_empty_frame() -> None:
    observed = as_known_at(MESSAGES.empty(), MESSAGE_VERSIONS.empty(), MESSAGE_STATS.empty(), hour(1))
    assert observed.messages.equals(MESSAGES.empty())
