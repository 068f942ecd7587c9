"""The topics of a day that goes on: clustered as of the hour, what came since attached."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests import builders
from tests.topics import posts
from tgstudio_dagster.lake.derived import DerivedFrames
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.posts import MESSAGE_STATS, MESSAGE_VERSIONS, MESSAGES
from tgstudio_dagster.posts.merge import merge
from tgstudio_dagster.topics import hourly
from tgstudio_dagster.topics.as_of import ObservedWindow
from tgstudio_dagster.topics.cluster import Clustering, cluster_posts, find_topics
from tgstudio_dagster.topics.embed import embed
from tgstudio_dagster.topics.footers import count_lines, repeated
from tgstudio_dagster.topics.hourly import StandingTopics, standing_topics
from tgstudio_dagster.topics.window import as_of

HOUR = builders.FIRST + timedelta(hours=2)
FIRE = "На складе краски в порту вспыхнул пожар, горит тысяча метров."


def lone(count: int) -> list[dict[str, Any]]:
    """Posts that share nothing."""
    chance = random.Random(2)
    syllables = [a + b for a in "бвгдклмнпрст" for b in "аеиоуыя"]
    texts = (" ".join("".join(chance.choices(syllables, k=4)) for _ in range(12)) for _ in range(count))
    return [{"channel_id": 500 + n, "text": text, "lang": "ru"} for n, text in enumerate(texts)]


def before_the_hour() -> list[dict[str, Any]]:
    """Two events and 60 lone posts, each observed once, a minute after it was made."""
    texts = [
        *({"channel_id": n + 1, "text": text, "lang": "ru"} for n, text in enumerate(posts.METRO)),
        *({"channel_id": n + 11, "text": text} for n, text in enumerate(posts.BANK)),
        *lone(60),
    ]
    dates = [builders.FIRST + timedelta(minutes=n) for n in range(len(texts))]
    return [{**row, "date": at, "observed_at": at + timedelta(minutes=1)} for row, at in zip(texts, dates, strict=True)]


def later(channel_id: int, text: str, minutes: int = 10, **given: Any) -> dict[str, Any]:
    at = HOUR + timedelta(minutes=minutes)
    return {"channel_id": channel_id, "text": text, "date": at, "observed_at": at + timedelta(minutes=1)} | given


def known(*rows: dict[str, Any]) -> ObservedWindow:
    """What the lake holds after these observations, by the project's own rule of merging."""
    landed = builders.landing(*({"msg_id": 1, **{k: v for k, v in row.items() if k != "lang"}} for row in rows))
    frame = merge(landed, MESSAGES.empty(), MESSAGE_VERSIONS.empty(), MESSAGE_STATS.empty())
    return ObservedWindow(frame.messages, frame.versions, frame.stats)


def standing(given: ObservedWindow, kept: DerivedFrames | None = None) -> StandingTopics:
    lines = repeated(count_lines(given.messages))
    day = HOUR.date()
    now = as_of(day, given.messages, given.stats)
    return standing_topics(day, given, embed(given.messages, repeated=lines), now, repeated=lines, kept=kept)


def channels_of(found: StandingTopics, channel_id: int) -> set[int]:
    """The channels that stand in one topic with a channel's post."""
    members = found.topics.topic_messages
    own = members.filter(pl.col("channel_id") == channel_id)["topic_id"].to_list()
    return set(members.filter(pl.col("topic_id").is_in(own))["channel_id"])


@pytest.fixture
def kept(tmp_path: Path) -> DerivedFrames:
    return Lake(str(tmp_path / "lake")).tenant("acme").kept


@pytest.fixture
def clusterings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many posts were clustered, each time anything was."""
    standing = []

    def counted(candidates: pl.DataFrame, *given: Any) -> Clustering | None:
        standing.append(candidates.height)
        return cluster_posts(candidates, *given)

    monkeypatch.setattr(hourly, "cluster_posts", counted)
    return standing


def test_what_came_since_the_hour_joins_the_topics_of_the_hour() -> None:
    base = before_the_hour()
    topics = standing(known(*base, later(90, posts.METRO[1] + " Подробности позже.")))
    assert (topics.clustered_at, topics.attached) == (HOUR, 1)
    assert channels_of(topics, 90) == {1, 2, 3, 90}
    hour = standing(known(*base)).topics
    assert set(hour.topics["topic_id"]) == set(topics.topics.topics["topic_id"])


def test_until_the_next_hour_the_kept_clustering_serves_and_the_topics_are_the_same(
    kept: DerivedFrames, clusterings: list[int]
) -> None:
    base = before_the_hour()
    for rows in ([], [later(90, posts.METRO[1])], [later(90, posts.METRO[1]), later(91, FIRE), later(92, FIRE, 20)]):
        again = [{**base[0], "observed_at": HOUR + timedelta(minutes=30), "views": 10 * len(rows)}]
        window = known(*base, *again, *rows)
        topics, alone = standing(window, kept), standing(window)
        assert topics.attached == len(rows)
        assert topics.topics.topics.equals(alone.topics.topics)
        assert topics.topics.topic_messages.equals(alone.topics.topic_messages)
    assert clusterings == [66, 66, 66, 66]  # once with what is kept, three times without
    assert channels_of(topics, 92) == {91, 92}


def test_the_next_hour_and_other_lines_are_clustered_anew(kept: DerivedFrames, clusterings: list[int]) -> None:
    window = known(*before_the_hour(), later(90, posts.METRO[1]))
    standing(window, kept)
    standing(known(*before_the_hour(), later(90, posts.METRO[1]), later(91, FIRE, 75)), kept)
    assert clusterings == [66, 67]
    lines = pl.DataFrame({"channel_id": [1], "line": ["Подписаться"]})
    now = as_of(HOUR.date(), window.messages, window.stats)
    standing_topics(HOUR.date(), window, embed(window.messages), now, repeated=lines, kept=kept)
    assert clusterings == [66, 67, 66]


def test_what_is_kept_and_damaged_is_made_anew(kept: DerivedFrames, tmp_path: Path, clusterings: list[int]) -> None:
    window = known(*before_the_hour(), later(90, posts.METRO[1]))
    first = standing(window, kept)
    (file,) = (tmp_path / "lake" / "kept").rglob("*.zip")
    content = file.read_bytes()
    for damaged in (b"", content[:-30], content[: len(content) // 2], b"x" * 500):
        file.write_bytes(damaged)
        assert standing(window, kept).topics.topics.equals(first.topics.topics)
    assert clusterings == [66] * 5
    assert file.read_bytes() == content


def test_more_than_a_twentieth_at_once_is_clustered_with_the_rest() -> None:
    window = known(*before_the_hour(), *(later(90 + n, f"{FIRE} {n}", n) for n in range(5)))
    topics = standing(window)
    assert topics.attached == 0 and topics.clustered_at > HOUR
    whole = find_topics(window.messages, embed(window.messages), topics.clustered_at)
    assert topics.topics.topic_messages.equals(whole.topic_messages)


def test_a_day_that_is_over_is_clustered_whole() -> None:
    after = HOUR + timedelta(days=1)
    seen_after = {**later(90, posts.METRO[1]), "observed_at": after}
    topics = standing(known(*before_the_hour(), seen_after))
    assert topics.attached == 0
    assert topics.clustered_at.date() == HOUR.date() and topics.clustered_at.hour == 23
    assert channels_of(topics, 90) == {1, 2, 3, 90}


def test_a_post_that_was_deleted_since_the_hour_is_in_no_topic() -> None:
    at = HOUR + timedelta(minutes=20)
    base = before_the_hour()
    gone = {**base[0], "observed_at": at, "deleted_at": at, "type": "deleted", "text": ""}
    topics = standing(known(*base, gone, later(90, posts.METRO[1])))
    assert channels_of(topics, 90) == {2, 3, 90}
    assert 1 not in topics.topics.topics["channel_id"].to_list()


def test_an_edited_post_moves_with_the_next_hour() -> None:
    base = before_the_hour()
    edited = {**base[0], "observed_at": HOUR + timedelta(minutes=20), "text": posts.BANK[1]}
    assert channels_of(standing(known(*base, edited)), 1) == {1, 2, 3}
    assert channels_of(standing(known(*base, edited, later(90, FIRE, 61))), 1) == {1, 11, 12, 13}


def test_an_edit_since_the_hour_leaves_the_kept_clustering_good(kept: DerivedFrames, clusterings: list[int]) -> None:
    base = before_the_hour()
    standing(known(*base), kept)
    standing(known(*base, {**base[5], "observed_at": HOUR + timedelta(minutes=20), "text": posts.ALONE[1]}), kept)
    assert clusterings == [66]


def test_nothing_and_one_post_have_no_topics(kept: DerivedFrames) -> None:
    for rows in ([], [later(1, FIRE)]):
        window = (
            known(*rows) if rows else ObservedWindow(MESSAGES.empty(), MESSAGE_VERSIONS.empty(), MESSAGE_STATS.empty())
        )
        topics = standing(window, kept)
        assert topics.topics.topics.is_empty() and topics.topics.topic_messages.is_empty()


def test_what_is_kept_does_not_grow_without_end(kept: DerivedFrames, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tgstudio_dagster.lake.derived.MOST", 2)
    frame = pl.DataFrame({"n": [1]})
    for n in range(5):
        kept.put(f"{n:032x}", {"frame": frame.with_columns(n=n)})
    there = [n for n in range(5) if kept.get(f"{n:032x}") is not None]
    assert len(there) == 2 and 4 in there


def test_moments_before_the_first_hour_of_a_window_are_fine() -> None:
    early = datetime.combine(HOUR.date(), datetime.min.time(), HOUR.tzinfo)
    rows = [{"channel_id": n, "text": text, "date": early, "observed_at": early} for n, text in enumerate(posts.METRO)]
    assert standing(known(*rows)).topics.topics.height == 1
