"""The posts an order is written from, a topic's or chosen ones, read out of the lake; and their present state, to tell
when it went stale."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.core.vocabulary import LANGUAGES, Language
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables.posts import MESSAGE_STATS, MESSAGE_VERSIONS, MESSAGES
from tgstudio_dagster.lake.tables.topics import TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.newsroom.records.editor_result import EditorResult
from tgstudio_dagster.posts.counting import STANDING
from tgstudio_dagster.topics.clean import own_texts
from tgstudio_dagster.topics.footers import repeated_lines
from tgstudio_dagster.topics.window import as_of, window_days

KEY = ["channel_id", "msg_id"]


@dataclass(frozen=True)
class Subject:
    """What an order is written of: a topic, or chosen posts as if they were one."""

    topic_id: str
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True)
class TopicSource:
    """A topic as of a day: its subject, its posts (representative first, then by date), and the moment it speaks of.

    Of chosen posts the most viewed one is first. The posts' texts are without the lines their channels repeat: nobody
    wants a footer quoted.
    """

    topic: Subject
    messages: pl.DataFrame
    as_of: datetime


def read_source(
    lake: TenantLake, day: date, *, topic_id: str | None, messages: Sequence[Sequence[int]] | None
) -> TopicSource:
    """What an order names: a topic, or chosen posts. Raises NotFoundError as the two below."""
    if topic_id is not None:
        return read_topic(lake, topic_id, day)
    return read_chosen(lake, [(channel, msg) for channel, msg in messages or ()], day)


def read_topic(lake: TenantLake, topic_id: str, day: date) -> TopicSource:
    """The topic with its posts. Raises NotFoundError where it is not among the day's topics."""
    rows = lake.read(TOPICS, days=[day]).filter(pl.col("topic_id") == topic_id)
    if rows.is_empty():
        raise NotFoundError(
            f"topic {topic_id}: not among the topics of {day}. `tgstudio topics --day {day}` lists them."
        )
    topic = rows.row(0, named=True)
    members = lake.read(TOPIC_MESSAGES, days=[day]).filter(pl.col("topic_id") == topic_id).select(KEY)
    representative = (pl.col("channel_id") == topic["channel_id"]) & (pl.col("msg_id") == topic["msg_id"])
    source = _source(lake, Subject(topic_id, tuple(topic["keywords"] or ())), members, ~representative, day)
    if source.messages.is_empty():
        raise NotFoundError(f"topic {topic_id}: every post of it has been deleted since. Choose another topic.").coded(
            "topic.deleted"
        )
    return source


def read_chosen(lake: TenantLake, messages: Sequence[tuple[int, int]], day: date) -> TopicSource:
    """Chosen posts (channel_id, msg_id) of the 7 days that end with `day`, as if they were a topic.

    Its id is `c-` and 12 hex digits, the same for the same posts; its keywords are those of the topic that most of them
    belong to. Raises NotFoundError where a post is not in the window, or all are deleted.
    """
    keys = _keys(messages)
    missing = missing_posts(lake, messages, day)
    if missing:
        raise NotFoundError(
            f"{named(missing)} not among the posts of the 7 days that end with {day}.", field="messages"
        )
    topic = Subject(chosen_id(messages), tuple(_keywords(lake, keys, day)))
    source = _source(lake, topic, keys, -pl.col("views").fill_null(0), day)
    if source.messages.is_empty():
        raise NotFoundError("every one of them has been deleted since. Choose others.", field="messages")
    return source


def source_language(
    lake: TenantLake,
    day: date,
    *,
    topic_id: str | None,
    messages: Sequence[tuple[int, int]] | None,
    otherwise: Language,
) -> Language:
    """The language to write in where none is asked for: the topic's, or the one most of the posts have; `otherwise` where
    that is none we write in, or not known."""
    if topic_id is not None:
        spoken = lake.read(TOPICS, days=[day], columns=["lang"], where=[pl.col("topic_id") == topic_id])
    else:
        keys = _keys(messages or ())
        channels = [pl.col("channel_id").is_in(keys["channel_id"].unique().to_list())]
        posts = lake.read(MESSAGES, days=window_days(day), columns=[*KEY, "lang"], where=channels)
        spoken = posts.join(keys, on=KEY, how="semi")
    known = spoken.drop_nulls("lang").group_by("lang").len().sort("len", "lang", descending=[True, False])["lang"]
    return written_language(known[0] if known.len() else None, otherwise)


def written_language(lang: str | None, otherwise: Language) -> Language:
    """This language where it is one that texts are written in, else the other one."""
    return next((language for language in LANGUAGES if language == lang), otherwise)


def missing_posts(lake: TenantLake, messages: Sequence[tuple[int, int]], day: date) -> list[tuple[int, int]]:
    """Those of the posts that are not in the window that ends with `day`."""
    channels = sorted({channel for channel, _ in messages})
    there = lake.read(MESSAGES, days=window_days(day), columns=KEY, where=[pl.col("channel_id").is_in(channels)])
    return [(channel, msg) for channel, msg in _keys(messages).join(there, on=KEY, how="anti").iter_rows()]


def named(messages: Sequence[tuple[int, int]]) -> str:
    """A few of the posts, for an error."""
    shown = ", ".join(f"{channel}/{msg}" for channel, msg in messages[:5])
    more = f" and {len(messages) - 5} more" if len(messages) > 5 else ""
    return f"{shown}{more} {'is' if len(messages) == 1 else 'are'}"


def chosen_id(messages: Sequence[tuple[int, int]]) -> str:
    """What stands in a topic's id for chosen posts."""
    lines = "\n".join(f"{channel}/{msg}" for channel, msg in sorted(set(messages)))
    return f"c-{hashlib.sha256(lines.encode()).hexdigest()[:12]}"


def _keys(messages: Sequence[tuple[int, int]]) -> pl.DataFrame:
    schema = {"channel_id": pl.Int64, "msg_id": pl.Int64}
    return pl.DataFrame(sorted(set(messages)), schema=schema, orient="row")


def _source(lake: TenantLake, topic: Subject, members: pl.DataFrame, first: pl.Expr, day: date) -> TopicSource:
    days = window_days(day)
    window = lake.read(MESSAGES, days=days)
    messages = window.join(members, on=KEY, how="semi").filter(STANDING)
    # Where `first` is least, the representative stands in front; the others follow by date.
    messages = messages.sort(first != first.min(), "date", *KEY)
    messages = messages.with_columns(text=own_texts(messages, repeated_lines(window)))
    return TopicSource(topic, messages, as_of(day, window, lake.read(MESSAGE_STATS, days=days)))


def _keywords(lake: TenantLake, keys: pl.DataFrame, day: date) -> list[str]:
    counted = (
        lake.read(TOPIC_MESSAGES, days=[day], columns=["topic_id", *KEY])
        .join(keys, on=KEY, how="semi")
        .group_by("topic_id")
        .len()
        .sort("len", "topic_id", descending=[True, False])
    )
    if counted.is_empty():
        return []
    topics = lake.read(TOPICS, days=[day], columns=["topic_id", "keywords"])
    keywords: list[str] = topics.filter(pl.col("topic_id") == counted["topic_id"][0])["keywords"].to_list()[0]
    return keywords


def cited_posts(lake: TenantLake, editor_result: EditorResult, day: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The cited posts as they are now, and all their versions: MESSAGES and MESSAGE_VERSIONS rows."""
    cited = {(key.channel_id, key.msg_id) for claim in editor_result.claims for key in claim.messages}
    keys = pl.DataFrame(sorted(cited), schema={"channel_id": pl.Int64, "msg_id": pl.Int64}, orient="row")
    days = window_days(day)
    messages = lake.read(MESSAGES, days=days).join(keys, on=KEY, how="semi")
    return messages, lake.read(MESSAGE_VERSIONS, days=days).join(keys, on=KEY, how="semi")
