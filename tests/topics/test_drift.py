"""Whether a day's topics look like those before."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from tgstudio_dagster.topics.drift import SHAPE, drifted, shape

DAY = date(2026, 3, 9)
NO_DAYS = pl.DataFrame(schema=SHAPE)


def day(n: int, *sizes: int, posts: int = 200) -> pl.DataFrame:
    """The shape of a day, n days after DAY, whose topics have these sizes."""
    members = [f"t-{k}" for k, size in enumerate(sizes) for _ in range(size)]
    return shape(DAY + timedelta(days=n), posts, pl.DataFrame({"topic_id": members}, schema={"topic_id": pl.String}))


def week(*sizes: int) -> pl.DataFrame:
    return pl.concat(day(n, *sizes) for n in range(-7, 0))


USUAL = (12, 8, 5, 5, 3, 3, 2, 2)


def test_the_shape_counts_topics_posts_alone_and_the_largest() -> None:
    row = day(0, 3, 30, 7).row(0, named=True)
    assert (row["topics"], row["mean_size"], row["largest_topic"]) == (3, pytest.approx(40 / 3), "t-1")
    assert (row["alone_share"], row["largest_share"]) == (pytest.approx(0.8), pytest.approx(0.15))
    assert row["topics_per_100_posts"] == pytest.approx(1.5)


def test_a_day_like_the_others_breaks_nothing() -> None:
    assert drifted(day(0, *USUAL), week(*USUAL)).is_empty()
    assert drifted(day(0, *USUAL, 2, 4), week(*USUAL)).is_empty()


def test_everything_in_one_topic_breaks_the_largest_s_share_and_names_it() -> None:
    broken = drifted(day(0, 150), week(*USUAL))
    assert set(broken["metric"]) >= {"largest_share", "alone_share", "mean_size"}
    assert broken.filter(metric="largest_share")["topic_id"].to_list() == ["t-0"]


def test_the_largest_share_has_a_bound_without_days_before() -> None:
    assert drifted(day(0, 150), NO_DAYS)["metric"].to_list() == ["largest_share"]
    assert drifted(day(0, 50), NO_DAYS).is_empty()


def test_posts_that_find_no_partner_any_more_break_the_share_alone() -> None:
    assert "alone_share" in drifted(day(0, 2), week(*USUAL, 20, 20))["metric"].to_list()


def test_few_posts_and_few_days_are_not_judged() -> None:
    assert drifted(day(0, 20, posts=20), week(*USUAL)).is_empty()
    assert drifted(day(0), pl.concat([day(-1, *USUAL), day(-2, *USUAL)])).is_empty()
    assert drifted(day(0, posts=0), week(*USUAL)).is_empty()
