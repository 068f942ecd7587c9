"""Topics and rankings as they were known at a moment: of a lake that goes on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from tests.topics import posts
from tests.topics.lakes import START, events, hour, observe
from tgstudio_dagster.catalog.people.ranking_weights import SHIPPED
from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.lake.tables.topics import TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.topics.rank_history import PastRankings, known_at

DAY = START.date()


def same(one: PastRankings, other: PastRankings) -> bool:
    frames = [
        (then.found.topics, then.found.topic_messages, then.found.changes, then.rankings) for then in (one, other)
    ]
    return one.as_of == other.as_of and all(a.equals(b) for a, b in zip(*frames, strict=True))


@pytest.fixture
def lake(tmp_path: Path) -> TenantLake:
    """Two events by three channels each, read an hour after they were told."""
    opened = Lake(str(tmp_path / "lake")).tenant("acme")
    observe(opened, *events(1))
    return opened


def test_the_same_moment_gives_the_same_whatever_is_observed_later(lake: TenantLake) -> None:
    then = known_at(lake, hour(2))
    assert sorted(then.found.topics["messages"]) == [3, 3]
    assert same(known_at(lake, hour(2)), then)
    late = {"seen": 3, "date": hour(2.5)}
    observe(
        lake,
        {"channel_id": 4, "text": posts.METRO[0], **late},
        {"channel_id": 1, "text": "Совсем другое сообщение о погоде на выходных", "views": 9000, "seen": 4},
        {"channel_id": 12, "seen": 5, "deleted_at": hour(5), "type": "deleted", "text": ""},
    )
    assert same(known_at(lake, hour(2)), then)
    now = known_at(lake, hour(6))
    assert sorted(now.found.topics["messages"]) == [2, 3]
    assert then.rankings.height != now.rankings.height or not then.rankings.equals(now.rankings)


def test_a_moment_is_told_in_utc_whatever_its_zone(lake: TenantLake) -> None:
    moscow = hour(2).astimezone(datetime.fromisoformat("2026-03-09T00:00+03:00").tzinfo)
    assert same(known_at(lake, moscow), known_at(lake, hour(2)))


def test_a_post_counts_from_when_it_was_seen_not_from_when_it_was_made(lake: TenantLake) -> None:
    observe(lake, {"channel_id": 4, "msg_id": 7, "text": posts.METRO[1], "date": hour(0.5), "seen": 5})
    assert known_at(lake, hour(4)).found.topics["messages"].max() == 3
    assert known_at(lake, hour(5)).found.topics["messages"].max() == 4


def test_topics_have_the_ids_of_the_day_before(lake: TenantLake) -> None:
    named = known_at(lake, hour(2)).found
    renamed = named.topics.with_columns(topic_id=pl.format("t-{}", pl.col("topic_id").str.slice(2).str.reverse()))
    ids = dict(zip(named.topics["topic_id"], renamed["topic_id"], strict=True))
    members = named.topic_messages.with_columns(topic_id=pl.col("topic_id").replace_strict(ids))
    lake.write(TOPICS, renamed, day=DAY)
    lake.write(TOPIC_MESSAGES, members, day=DAY)
    next_day = known_at(lake, hour(24))
    assert set(next_day.found.topics["topic_id"]) == set(ids.values())


def test_rankings_have_the_weights_that_are_given(lake: TenantLake) -> None:
    plain = known_at(lake, hour(2)).rankings
    other = known_at(lake, hour(2), SHIPPED.changed(["audience=0"])).rankings
    assert set(plain["entity_kind"]) == {"message", "topic"}
    assert plain["entity_id"].sort().equals(other["entity_id"].sort())
    assert not plain["score"].equals(other["score"])


def test_before_the_first_observation_nothing_was_known(lake: TenantLake) -> None:
    with pytest.raises(NotFoundError, match="first read at 2026-03-09 13:00"):
        known_at(lake, hour(0.5))
    with pytest.raises(NotFoundError, match="no posts of these days"):
        known_at(lake, datetime(2020, 1, 1, tzinfo=UTC))


def test_nothing_is_written(lake: TenantLake, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    known_at(lake, hour(2))
    assert sorted(tmp_path.rglob("*")) == before
