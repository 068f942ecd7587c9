"""A synthetic lake for measuring the API: one tenant, a year of posts of 200 channels, made with the lake's own writers.

What is measured on it stands in api.py. Columns are made whole, not post by post, so that millions take minutes.
"""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate

import numpy as np
import polars as pl

from tgstudio_dagster.lake.contract import Table
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.lake.tables.columns import MEDIA_ITEM
from tgstudio_dagster.lake.tables.posts import MEDIA, MESSAGES
from tgstudio_dagster.lake.tables.topics import RANKINGS, TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.topics.window import window_days

DAYS = 365
CHANNELS = 200
LAST = date(2026, 3, 31)
TOPICS_A_DAY = 3_000
_SENTENCES = 40_000
_WORDS = 20_000


@dataclass(frozen=True)
class Words:
    """What the posts are made of: sentences by language, and words, the most frequent first."""

    sentences: dict[str, pl.Series]
    words: dict[str, list[str]]


def make_words(seed: int = 7) -> Words:
    """Invented words by a Zipf-like law, and sentences of about ten of them."""
    chance = random.Random(seed)
    letters = {"ru": "абвгдежзийклмнопрстуфхцчшыэюя", "en": "abcdefghijklmnoprstuvwy"}
    # Cumulative, or every sentence would add them up again.
    weights = list(accumulate(1 / (rank + 5) for rank in range(_WORDS)))
    words = {
        lang: ["".join(chance.choices(some, k=chance.randint(2, 11))) for _ in range(_WORDS)]
        for lang, some in letters.items()
    }
    sentences = {
        lang: pl.Series(
            [
                " ".join(chance.choices(some, cum_weights=weights, k=chance.randint(4, 16))) + "."
                for _ in range(_SENTENCES)
            ]
        )
        for lang, some in words.items()
    }
    return Words(sentences, words)


def make_lake(root: str, tenant: str, count: int, words: Words) -> TenantLake:
    """Fill a tenant with about so many posts over a year, their media, and the newest day's topics and rankings."""
    lake = Lake(root).tenant(tenant)
    a_day = round(count / DAYS)
    days = [LAST - timedelta(DAYS - 1 - n) for n in range(DAYS)]

    def write(n: int) -> None:
        posts = _posts(n, a_day, days[n], words)
        lake.write(MESSAGES, posts, day=days[n])
        lake.write(MEDIA, _media(posts), day=days[n])

    with ThreadPoolExecutor(2) as writers:
        list(writers.map(write, range(DAYS)))
    _rank(lake, words)
    return lake


def _posts(n: int, count: int, day: date, words: Words) -> pl.DataFrame:
    chance = np.random.default_rng(n)
    channel = chance.integers(0, CHANNELS, count)
    lang = np.where(channel % 4 == 0, "en", "ru")
    second = np.sort(chance.integers(0, 86_400, count))
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return _conform(
        MESSAGES,
        pl.DataFrame(
            {
                "channel": channel,
                "msg_id": np.arange(count) + n * count + 1,
                "second": second,
                "lang": lang,
                "type": chance.choice(["text", "text", "photo", "video", "album"], count),
                "text": _texts(chance, lang, count, words),
                "views": chance.integers(10, 50_000, count),
                "forwards": chance.integers(0, 500, count),
                "reactions": chance.integers(0, 900, count),
                "comments": chance.integers(0, 90, count),
                "edited": chance.random(count) < 0.05,
                "deleted": chance.random(count) < 0.01,
                "hash": chance.integers(0, 2**63, count),
            }
        )
        .with_columns(
            channel_id=pl.col("channel") + 1_000,
            channel=pl.format("channel{}", "channel"),
            channel_title=pl.format("Channel {}", "channel"),
            date=pl.lit(start) + pl.duration(seconds="second"),
            text_hash=pl.col("hash").cast(pl.String).str.slice(0, 16),
            version=pl.when("edited").then(2).otherwise(1),
            url=pl.format("https://t.me/channel{}/{}", "channel", "msg_id"),
            observed_at=pl.lit(start + timedelta(days=1)),
            source=pl.lit("telegram"),
            has_media=pl.col("type") != "text",
            links=pl.when(pl.col("msg_id") % 3 == 0)
            .then(pl.concat_list(pl.format("https://news.example/{}", "msg_id")))
            .otherwise(pl.lit([], pl.List(pl.String))),
        )
        .with_columns(
            edit_date=pl.when("edited").then(pl.col("date") + pl.duration(minutes=5)),
            deleted_at=pl.when("deleted").then(pl.col("date") + pl.duration(hours=1)),
            attachments=pl.when("has_media")
            .then(
                pl.concat_list(
                    pl.struct(
                        msg_id="msg_id", kind=pl.lit("photo"), mime=pl.lit("image/jpeg"), file_name=pl.lit(None, pl.String),
                        size=pl.col("views") * 10, width=pl.lit(1280, pl.Int32), height=pl.lit(720, pl.Int32),
                        duration=pl.lit(None, pl.Float64), sha256=pl.lit(None, pl.String), status=pl.lit("pending"),
                    )
                )
            )
            .otherwise(pl.lit([], pl.List(MEDIA_ITEM))),
        ),
    )  # fmt: skip


def _texts(chance: np.random.Generator, lang: np.ndarray, count: int, words: Words) -> pl.Series:
    """One to twelve sentences each, in the post's language."""
    length = chance.integers(1, 13, count)
    owner = np.repeat(np.arange(count), length)
    picked = chance.integers(0, _SENTENCES, len(owner))
    parts = pl.DataFrame({"owner": owner, "lang": lang[owner]}).with_columns(
        sentence=pl.when(pl.col("lang") == "ru")
        .then(words.sentences["ru"].gather(picked))
        .otherwise(words.sentences["en"].gather(picked))
    )
    joined = parts.group_by("owner", maintain_order=True).agg(pl.col("sentence").str.join(" "))
    return joined["sentence"]


def _media(posts: pl.DataFrame) -> pl.DataFrame:
    found = posts.filter(pl.col("attachments").list.len() > 0)
    return _conform(
        MEDIA,
        found.select("channel_id", "msg_id", pl.col("attachments").list.first()).unnest("attachments", separator="_")
        .select(
            "channel_id", "msg_id", index=0, member_id="msg_id", kind="attachments_kind", mime="attachments_mime",
            size="attachments_size", width="attachments_width", height="attachments_height",
            sha256=pl.col("msg_id").cast(pl.String).str.pad_start(64, "0"),
            uri=pl.format("{}.jpg", pl.col("msg_id").cast(pl.String).str.pad_start(64, "0")),
            status=pl.lit("stored"),
            thumb_uri=pl.format("{}.jpg", pl.col("msg_id").cast(pl.String).str.pad_start(64, "1")),
            thumb_sha256=pl.col("msg_id").cast(pl.String).str.pad_start(64, "1"),
        ),
    )  # fmt: skip


def _rank(lake: TenantLake, words: Words) -> None:
    """Topics and rankings of the newest day: every post of its week is ranked, as in a real lake."""
    chance = np.random.default_rng(1)
    week = lake.read(MESSAGES, days=window_days(LAST), columns=["channel_id", "msg_id", "date"]).sort("date")
    members = week.with_columns(
        topic_id=pl.format(
            "t-{}", pl.Series(chance.integers(0, TOPICS_A_DAY, week.height)).cast(pl.String).str.pad_start(12, "0")
        ),
        similarity=pl.Series(chance.random(week.height)),
    )  # fmt: skip
    lake.write(TOPIC_MESSAGES, _conform(TOPIC_MESSAGES, members), day=LAST)
    topics = members.group_by("topic_id").agg(
        first_seen=pl.col("date").min(), last_seen=pl.col("date").max(), messages=pl.len(),
        channels=pl.col("channel_id").n_unique(), channel_id=pl.col("channel_id").first(), msg_id=pl.col("msg_id").first(),
    ).with_columns(
        title=pl.format("Title of {}", "topic_id"), keywords=pl.lit(words.words["ru"][50:56]), lang=pl.lit("ru"),
        langs=pl.lit(["ru"]), story_id=pl.col("topic_id").str.replace("t-", "s-"),
    )  # fmt: skip
    lake.write(TOPICS, _conform(TOPICS, topics), day=LAST)
    day = week.filter(pl.col("date").dt.date() == LAST)
    kinds = [
        _ranked(chance, "message", window, some.select(entity_id=pl.format("{}/{}", "channel_id", "msg_id")))
        for window, some in (("24h", day), ("7d", week))
    ] + [_ranked(chance, "topic", window, topics.select(entity_id="topic_id")) for window in ("24h", "7d")]
    lake.write(RANKINGS, _conform(RANKINGS, pl.concat(kinds)), day=LAST)


def _ranked(chance: np.random.Generator, kind: str, window: str, entities: pl.DataFrame) -> pl.DataFrame:
    terms = ("popularity", "trend", "engagement", "audience", "decay", "expected", "age")
    return entities.with_columns(
        entity_kind=pl.lit(kind), window=pl.lit(window), as_of=pl.lit(datetime(2026, 3, 31, 23, 59, tzinfo=UTC)),
        score=pl.Series(chance.random(entities.height)), messages=1, channels=1, recent=1,
        **{name: pl.Series(chance.random(entities.height)) for name in terms},
    ).with_columns(rank=pl.col("score").rank("ordinal", descending=True))  # fmt: skip


def _conform(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with the table's columns: what is missing is null, or an empty list."""
    return frame.select(
        pl.col(name).cast(column.dtype)
        if name in frame.columns
        else pl.lit([] if isinstance(column.dtype, pl.List) else None, column.dtype).alias(name)
        for name, column in table.columns.items()
    )
