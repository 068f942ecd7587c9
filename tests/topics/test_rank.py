"""The ranking formula, its windows and its edge cases."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import builders
from tests.topics import posts
from tgstudio_dagster.catalog.people.ranking_weights import RankingWeights
from tgstudio_dagster.lake.tables.posts import MESSAGE_STATS, MESSAGES
from tgstudio_dagster.lake.tables.topics import RANKINGS, TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.topics.rank import WINDOWS, expected_share, rank
from tgstudio_dagster.topics.reasons import reasons
from tgstudio_dagster.topics.window import as_of, window_days

NO_TOPICS = (TOPICS.empty(), TOPIC_MESSAGES.empty())
NOW = posts.AS_OF


def stats(messages: pl.DataFrame, *readings: dict[str, Any]) -> pl.DataFrame:
    """MESSAGE_STATS: each reading names its row of `messages` by `n`."""
    keys = messages.select("channel_id", "msg_id", "date").to_dicts()
    rows = []
    for reading in readings:
        post = keys[reading["n"]]
        observed_at = reading.get("observed_at", post["date"] + timedelta(hours=2))
        counters = {name: value for name, value in reading.items() if name not in ("n", "observed_at")}
        rows.append(
            {"channel_id": post["channel_id"], "msg_id": post["msg_id"], "observed_at": observed_at, **counters}
        )
    return builders.frame(MESSAGE_STATS, rows)


def grouped(messages: pl.DataFrame, members: dict[str, list[int]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """TOPICS and TOPIC_MESSAGES that hold these rows of `messages`: what ranking reads of them."""
    rows = [
        {"topic_id": topic, **messages.select("channel_id", "msg_id", "date").row(n, named=True)}
        for topic, numbers in members.items()
        for n in numbers
    ]
    return builders.frame(TOPICS, [{"topic_id": topic} for topic in members]), builders.frame(TOPIC_MESSAGES, rows)


def of_topics(ranked: pl.DataFrame, window: str = "24h") -> list[dict[str, Any]]:
    return ranked.filter((pl.col("entity_kind") == "topic") & (pl.col("window") == window)).sort("rank").to_dicts()


def of_messages(ranked: pl.DataFrame, window: str = "24h") -> list[dict[str, Any]]:
    return ranked.filter((pl.col("entity_kind") == "message") & (pl.col("window") == window)).sort("rank").to_dicts()


def test_the_terms_follow_the_formula() -> None:
    messages = builders.messages(*({"channel_id": 1} for _ in range(5)))
    readings = [{"n": n, "views": 95, "forwards": 5} for n in range(4)] + [{"n": 4, "views": 395, "forwards": 5}]
    first = of_messages(rank(messages, stats(messages, *readings), *NO_TOPICS, NOW))[0]
    age = (NOW - messages["date"][4]) / timedelta(hours=1)
    assert first["entity_id"] == "1/5"
    assert first["views_term"] == pytest.approx(2)
    assert first["forwards_term"] == pytest.approx(0)
    assert first["reactions_term"] is None
    assert first["engagement"] == pytest.approx(2 * 0.5 / 0.75)
    assert first["audience"] == pytest.approx(math.log10(105) / 4)
    assert first["decay"] == pytest.approx(2 ** (-age / 12))
    assert first["popularity"] == pytest.approx(first["audience"] * (1 + first["engagement"]) * first["decay"])


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 200), st.none() | st.integers(0, 10**6)), max_size=15))
@settings(max_examples=40, deadline=None)
def test_trend_and_score_follow_from_their_columns_and_ranks_are_whole(rows: list[tuple[int, int, int | None]]) -> None:
    now = builders.FIRST + timedelta(days=6)
    messages = builders.messages(
        *({"channel_id": channel, "date": now - timedelta(hours=hours)} for channel, hours, _ in rows)
    )
    seen = stats(messages, *({"n": n, "views": views} for n, (_, _, views) in enumerate(rows)))
    ranked = rank(messages, seen, *NO_TOPICS, now)
    for row in ranked.to_dicts():
        trend = (row["recent"] - row["expected"]) / math.sqrt(row["expected"] + 1)
        assert row["trend"] == pytest.approx(trend, abs=1e-6)
        assert row["score"] == pytest.approx(row["popularity"] * (1 + 0.5 * math.log1p(max(0, trend))), abs=1e-6)
    for window in ("24h", "7d"):
        listed = of_messages(ranked, window)
        assert [row["rank"] for row in listed] == list(range(1, len(listed) + 1))
        assert [row["score"] for row in listed] == sorted((row["score"] for row in listed), reverse=True)


def test_a_topic_of_two_channels_ranks_before_a_stronger_one_of_one() -> None:
    wide = [{"channel_id": n, "date": NOW - timedelta(hours=20)} for n in (1, 2)]
    narrow = [{"channel_id": 9, "date": NOW} for _ in range(3)]
    messages = builders.messages(*wide, *narrow)
    readings = stats(messages, *({"n": n, "views": 10 ** (3 * (n > 1)), "observed_at": NOW} for n in range(5)))
    topics = grouped(messages, {"t-wide": [0, 1], "t-narrow": [2, 3, 4]})
    rows = of_topics(rank(messages, readings, *topics, NOW))
    assert [row["entity_id"] for row in rows] == ["t-wide", "t-narrow"]
    assert rows[0]["score"] < rows[1]["score"]
    strongest = of_topics(rank(messages, readings, *topics, NOW, RankingWeights(wide_first=False)))
    assert [row["entity_id"] for row in strongest] == ["t-narrow", "t-wide"]


def test_a_channel_counts_once_in_a_topic() -> None:
    messages = builders.messages(*({"channel_id": 1} for _ in range(3)))
    ranked = rank(messages, MESSAGE_STATS.empty(), *grouped(messages, {"t-1": [0, 1, 2]}), NOW)
    topic = of_topics(ranked)[0]
    assert topic["messages"] == 3 and topic["channels"] == 1
    assert topic["popularity"] == pytest.approx(max(row["popularity"] for row in of_messages(ranked)))


def test_a_flood_from_one_channel_is_no_trend() -> None:
    flood = [{"channel_id": 1, "date": NOW - timedelta(minutes=n / 10)} for n in range(500)]
    quiet = [{"channel_id": n, "date": NOW - timedelta(minutes=n)} for n in range(2, 6)]
    messages = builders.messages(*flood, *quiet)
    topics = grouped(messages, {"t-flood": list(range(500)), "t-quiet": list(range(500, 504))})
    by_id = {row["entity_id"]: row for row in of_topics(rank(messages, MESSAGE_STATS.empty(), *topics, NOW))}
    assert (by_id["t-flood"]["messages"], by_id["t-flood"]["recent"]) == (500, 1)
    assert by_id["t-quiet"]["recent"] == 4
    assert by_id["t-quiet"]["rank"] == 1


def test_readings_after_now_count_only_where_there_is_none_before() -> None:
    messages = builders.messages(*({"channel_id": 1, "date": NOW - timedelta(hours=3)} for _ in range(2)))
    early, late = NOW - timedelta(hours=1), NOW + timedelta(days=30)
    readings = [{"n": 0, "views": 100, "observed_at": early}, {"n": 1, "views": 100, "observed_at": late}]
    plain = rank(messages, stats(messages, *readings), *NO_TOPICS, NOW)
    more = {"n": 0, "views": 9999, "observed_at": late}
    assert rank(messages, stats(messages, *readings, more), *NO_TOPICS, NOW).equals(plain)
    assert all(row["views_term"] is not None for row in of_messages(plain))


def test_counters_that_fall_count_as_last_read() -> None:
    messages = builders.messages({"channel_id": 1}, {"channel_id": 1})
    first, second = NOW - timedelta(hours=5), NOW - timedelta(hours=4)
    readings = [
        {"n": 0, "reactions": 500, "observed_at": first},
        {"n": 0, "reactions": 10, "observed_at": second},
        {"n": 1, "reactions": 20, "observed_at": second},
    ]
    rows = of_messages(rank(messages, stats(messages, *readings), *NO_TOPICS, NOW))
    assert [row["entity_id"] for row in rows] == ["1/2", "1/1"]


def test_without_counters_the_newest_comes_first_and_equal_scores_rank_by_id() -> None:
    messages = builders.messages(
        {"channel_id": 2, "date": NOW},
        {"channel_id": 1, "date": NOW},
        {"channel_id": 3, "date": NOW - timedelta(hours=9)},
    )
    rows = of_messages(rank(messages, MESSAGE_STATS.empty(), *NO_TOPICS, NOW))
    assert [row["entity_id"] for row in rows] == ["1/2", "2/1", "3/3"]
    assert {row["engagement"] for row in rows} == {0.0}


def test_posts_after_now_service_messages_comments_and_deleted_posts_are_not_ranked() -> None:
    messages = builders.messages(
        {"date": NOW + timedelta(minutes=1)},
        {"type": "service"},
        {"comment_on": 1, "comment_channel": 1002},
        {"deleted_at": NOW},
        {"date": NOW - timedelta(days=9)},
    )
    assert rank(messages, MESSAGE_STATS.empty(), *NO_TOPICS, NOW).equals(RANKINGS.empty())


def test_the_order_of_rows_changes_nothing() -> None:
    messages = builders.messages(
        *({"channel_id": n % 4, "forwarded_from": "X" if n % 5 == 0 else None} for n in range(40))
    )
    topics = grouped(messages, {"t-1": list(range(0, 40, 3)), "t-2": list(range(1, 40, 3))})
    readings = stats(messages, *({"n": n, "views": 100 * n + 7} for n in range(messages.height)))
    first = rank(messages, readings, *topics, NOW)
    for seed in range(5):
        mixed = [frame.sample(fraction=1, shuffle=True, seed=seed) for frame in (messages, readings, *topics)]
        assert rank(*mixed, NOW).equals(first)  # type: ignore[call-arg, arg-type]


def test_a_clock_in_the_future_makes_no_post_newer_than_now() -> None:
    messages = builders.messages(
        {"date": NOW + timedelta(days=400)}, {"date": NOW, "observed_at": NOW + timedelta(days=400)}
    )
    rows = of_messages(rank(messages, stats(messages, {"n": 1, "views": 3}), *NO_TOPICS, NOW))
    assert [(row["entity_id"], row["decay"]) for row in rows] == [("1001/2", 1.0)]


def test_weights_of_zero_leave_a_part_out() -> None:
    messages = builders.messages(*({"channel_id": n} for n in (1, 1, 2)))
    readings = stats(messages, {"n": 0, "views": 10}, {"n": 1, "views": 10**6}, {"n": 2, "views": 10})
    plain = RankingWeights(views=0, forwards=0, reactions=0, comments=0, audience=0, trend=0)
    for row in of_messages(rank(messages, readings, *NO_TOPICS, NOW, plain)):
        assert row["score"] == row["popularity"] == row["decay"]


def test_an_even_day_expects_a_sixth_of_the_week_and_a_third_of_the_day() -> None:
    assert [expected_share([5.0] * 24, window) for window in WINDOWS] == [pytest.approx(6 / 18), pytest.approx(1 / 6)]


def test_a_window_is_the_seven_days_that_end_with_the_day() -> None:
    days = window_days(date(2026, 3, 2))
    assert days[0] == date(2026, 2, 24) and days[-1] == date(2026, 3, 2) and len(days) == 7


@pytest.mark.parametrize(
    ("observed", "wanted"),
    [
        (datetime(2026, 3, 9, 20, tzinfo=UTC), datetime(2026, 3, 9, 20, tzinfo=UTC)),
        (datetime(2027, 1, 1, tzinfo=UTC), datetime(2026, 3, 9, 23, 59, 59, 999999, tzinfo=UTC)),
        (datetime(2026, 3, 1, tzinfo=UTC), builders.FIRST),
    ],
)
def test_now_is_the_newest_observation_within_the_day(observed: datetime, wanted: datetime) -> None:
    messages = builders.messages({"observed_at": observed})
    assert as_of(date(2026, 3, 9), messages, MESSAGE_STATS.empty()) == wanted


def test_now_of_nothing_is_the_end_of_the_day() -> None:
    assert as_of(date(2026, 3, 9), MESSAGES.empty(), MESSAGE_STATS.empty()).hour == 23


def test_without_counters_replies_and_people_count_and_the_reasons_say_so() -> None:
    rows = [
        {"channel_id": 5, "msg_id": n, "sender_id": 100 + n % 3, "date": NOW - timedelta(hours=1)} for n in range(1, 7)
    ]
    for row in rows[3:]:
        row["reply_to"] = 2
    messages = builders.messages(*rows, {"channel_id": 6, "msg_id": 1, "date": NOW - timedelta(hours=1)})
    ranked = rank(messages, MESSAGE_STATS.empty(), *grouped(messages, {"t-1": [0, 1, 2, 3, 4, 5]}), NOW)
    posts_of_day = ranked.filter(pl.col("window") == "24h", pl.col("entity_kind") == "message").sort("rank")
    first = posts_of_day.row(0, named=True)
    assert (first["entity_id"], first["replies"], first["engagement"]) == ("5/2", 3, 2.0)
    topic = ranked.filter(pl.col("window") == "24h", pl.col("entity_kind") == "topic").row(0, named=True)
    assert (topic["channels"], topic["authors"], topic["replies"], topic["messages"]) == (1, 3, 3, 6)
    assert topic["popularity"] == pytest.approx(first["popularity"] + 2 * posts_of_day["popularity"][1], rel=1e-6)
    assert "no counters known: 3 replies, 3 authors count instead" in reasons(topic)


def test_where_counters_are_known_replies_change_nothing() -> None:
    rows = [{"channel_id": 5, "msg_id": n, "sender_id": 100 + n, "date": NOW - timedelta(hours=3)} for n in range(1, 4)]
    alone, answered = builders.messages(*rows), builders.messages(*rows[:2], rows[2] | {"reply_to": 1})
    read = [{"n": n, "views": 100 + n} for n in range(3)]
    compared = [rank(frame, stats(frame, *read), *NO_TOPICS, NOW).drop("replies") for frame in (alone, answered)]
    assert compared[0].equals(compared[1])
