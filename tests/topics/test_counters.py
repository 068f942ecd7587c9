"""Engagement: a post's counters beside its own channel's at the same age."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import builders
from tgstudio_dagster.catalog.people.ranking_weights import COUNTERS, RankingWeights
from tgstudio_dagster.lake.tables.posts import MESSAGE_STATS
from tgstudio_dagster.topics.counters import engagement

NOW = builders.FIRST + timedelta(days=5)


def told(posts: list[dict[str, Any]], as_of: Any = NOW, **weights: float) -> list[dict[str, Any]]:
    """The engagement of posts, each with channel, age (hours before NOW), forward, and seen: {hours after: counters}."""
    messages = builders.messages(
        *(
            {
                "channel_id": row.get("channel", 1),
                "date": NOW - timedelta(hours=row.get("age", 48)),
                "forwarded_from": "Elsewhere" if row.get("forward") else None,
            }
            for row in posts
        )
    )
    rows = [
        {
            "channel_id": row.get("channel", 1),
            "msg_id": n + 1,
            "observed_at": NOW - timedelta(hours=row.get("age", 48) - hours),
            **counters,
        }
        for n, row in enumerate(posts)
        for hours, counters in row.get("seen", {}).items()
    ]
    return engagement(messages, builders.frame(MESSAGE_STATS, rows), as_of, RankingWeights(**weights)).to_dicts()


def views(*readings: tuple[float, int], **more: Any) -> dict[str, Any]:
    return {"seen": {hours: {"views": count} for hours, count in readings}, **more}


def test_a_post_is_compared_with_its_channel_at_the_same_age() -> None:
    usual = [views((4, 95), (40, 2000)) for _ in range(6)]
    young = told([*usual, views((4, 395), age=4)])[-1]
    assert young["views_usual"] == pytest.approx(95)
    assert young["views_term"] == pytest.approx(2)
    assert (young["views_read"], young["read_age"]) == (395, pytest.approx(4))


def test_between_two_readings_the_line_is_read_off() -> None:
    # 5 + views doubles with every doubling of the age: at 4 h, between readings at 1 h and 16 h, it is 5 + 75.
    usual = [views((1, 15), (16, 315)) for _ in range(6)]
    assert told([*usual, views((4, 75), age=4)])[-1]["views_term"] == pytest.approx(0)
    assert told([*usual, views((6, 115), age=6)])[-1]["views_term"] == pytest.approx(0, abs=0.02)


def test_a_channel_with_few_posts_is_judged_by_how_counters_grow_elsewhere() -> None:
    elsewhere = [views((2, 95), (32, 395), channel=2) for _ in range(9)]
    small = [views((32, 3995)), views((2, 995), age=2)]
    young = told([*elsewhere, *small])[-1]
    assert abs(young["views_term"]) < 0.05
    # Beside what its older post has by now it would seem to fail.
    assert math.log2(1000 / 4000) == -2


def test_forwards_do_not_count_in_a_channel_s_own_medians_and_their_views_are_not_known() -> None:
    own = [views((4, 95)) for _ in range(5)]
    forwards = [{"forward": True, "seen": {4: {"views": 10**6, "reactions": 7}}} for _ in range(20)]
    rows = told([*own, *forwards])
    assert rows[0]["views_usual"] == pytest.approx(95)
    assert rows[0]["channel_views"] == pytest.approx(95)
    assert (rows[-1]["views_term"], rows[-1]["views_read"]) == (None, None)


def test_a_channel_of_forwards_alone_has_no_usual_and_no_terms() -> None:
    rows = told([{"forward": True, "seen": {4: {"views": 10, "reactions": 7}}} for _ in range(6)])
    assert all(row[f"{counter}_term"] is None for row in rows for counter in COUNTERS)
    assert {(row["engagement"], row["channel_views"]) for row in rows} == {(0.0, None)}


def test_missing_counters_renormalise_the_others() -> None:
    usual = [{"seen": {4: {"views": 95, "comments": 5}}} for _ in range(6)]
    row = told([*usual, {"seen": {4: {"views": 395, "comments": None}}}])[-1]
    assert row["comments_term"] is None
    assert row["engagement"] == pytest.approx(2)
    both = told([*usual, {"seen": {4: {"views": 395, "comments": 0}}}])[-1]
    assert both["engagement"] == pytest.approx((2 * 0.5 - 1 * 0.1) / 0.6)


def test_counters_that_fall_count_as_last_read_and_views_were_never_higher() -> None:
    fallen = [views((2, 5000), (32, 395)) for _ in range(6)]
    row = told([*fallen, views((2, 395), age=2)])[-1]
    assert row["views_usual"] == pytest.approx(395)
    taken_back = [{"seen": {2: {"reactions": 95}, 32: {"reactions": 5}}} for _ in range(6)]
    row = told([*taken_back, {"age": 2, "seen": {2: {"reactions": 95}}}])[-1]
    assert row["reactions_usual"] == pytest.approx(95)


def test_readings_before_the_post_was_made_are_of_its_first_moment() -> None:
    rows = told([views((-30, 10)), *(views((0.2, 10)) for _ in range(5))])
    assert rows[0]["read_age"] == 0
    assert rows[0]["views_term"] == pytest.approx(0)


def test_a_lone_post_is_its_own_usual() -> None:
    (row,) = told([views((4, 1234))])
    assert (row["views_term"], row["engagement"]) == (pytest.approx(0), pytest.approx(0))


def test_no_counters_at_all_are_no_engagement() -> None:
    for row in told([{}, {"seen": {3: {}}}]):
        assert row["engagement"] == 0.0
        assert all(
            row[name] is None for name in row if name.endswith(("_term", "_read", "_usual")) or name == "read_age"
        )


def test_history_read_at_once_counts_by_its_first_reading_of_each_counter() -> None:
    posts = [{"seen": {90: {"reactions": 5}, 100: {"views": 95}, 120: {"views": 7000}}} for _ in range(6)]
    row = told(posts, as_of=NOW - timedelta(hours=40))[0]
    assert (row["views_read"], row["reactions_read"]) == (95, 5)


counts = st.none() | st.integers(-5, 10**9)
post = st.fixed_dictionaries(
    {
        "channel": st.integers(1, 3),
        "age": st.floats(0, 800),
        "forward": st.booleans(),
        "seen": st.dictionaries(st.floats(-2, 900), st.fixed_dictionaries(dict.fromkeys(COUNTERS, counts)), max_size=4),
    }
)


@given(st.lists(post, min_size=1, max_size=25))
@settings(max_examples=80, deadline=None)
def test_every_term_is_within_its_bounds_and_finite(posts: list[dict[str, Any]]) -> None:
    for row in told(posts):
        for counter in COUNTERS:
            assert (row[f"{counter}_term"] is None) == (row[f"{counter}_usual"] is None)
            if row[f"{counter}_term"] is not None:
                assert -2 <= row[f"{counter}_term"] <= 4
        assert -2 <= row["engagement"] <= 4
        assert row["channel_views"] is None or math.isfinite(row["channel_views"])
