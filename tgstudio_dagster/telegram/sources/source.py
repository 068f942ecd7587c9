"""The protocol of a source, and what it hands over: batches of landing rows with their rejects and files.

What is common to all sources belongs here; formats and the walk over files do not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from operator import attrgetter
from typing import Protocol

import msgspec
import polars as pl

from tgstudio_dagster.catalog.follows.channels import ChannelSeen
from tgstudio_dagster.catalog.work.imports import Reject
from tgstudio_dagster.posts.normalize import from_micros, parse_time, to_micros
from tgstudio_dagster.posts.shape import Post

# Messages of a batch: large enough that a day gets few landing files, small enough for little memory.
BATCH = 40_000
DAY = 86_400_000_000


@dataclass(frozen=True)
class MediaFile:
    """A file named by a `pending` attachment: row of the batch's frame, place in the row's list, relative path."""

    row: int
    index: int
    path: str


@dataclass(frozen=True)
class Batch:
    """Landing rows of one stretch of a source.

    `position` is where the next batch begins; `state` (JSON) is what else resuming needs. `read` counts elements that
    stand for messages, `filtered` those left out by the source itself, by reason, `dropped` the fields that could not be
    read in messages that were, by name, `local_times` the messages whose time names no zone.
    """

    frame: pl.DataFrame
    channels: list[ChannelSeen]
    rejects: list[Reject]
    position: int
    state: str
    read: int = 0
    filtered: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    local_times: int = 0
    files: list[MediaFile] = field(default_factory=list)


class Source(Protocol):
    """Something that hands over posts in batches, from a position on, the same ones every time."""

    @property
    def name(self) -> str:
        """What stands in the column `source`."""

    @property
    def total(self) -> int:
        """Number of elements; `position` ends there."""

    def batches(self, position: int, state: str) -> Iterator[Batch]:
        """Batches from `position` on; `state` is that of the last batch, or empty."""


@dataclass(frozen=True)
class Span:
    """The dates a source may carry: from the first day of the partitions to a day after the observation."""

    first_day: date
    observed_at: datetime

    @property
    def earliest(self) -> int:
        """Microseconds since 1970 of the first allowed moment."""
        return to_micros(datetime(self.first_day.year, self.first_day.month, self.first_day.day, tzinfo=UTC))

    @property
    def latest(self) -> int:
        """Microseconds since 1970 of the last allowed moment."""
        return to_micros(self.observed_at) + DAY

    def complaint(self, moment: int) -> str:
        """Why a date outside the span is refused."""
        if moment > self.latest:
            return f"date in the future: {from_micros(moment):%Y-%m-%d %H:%M}, observed {self.observed_at:%Y-%m-%d}"
        return f"before first day: {from_micros(moment):%Y-%m-%d}, TGSTUDIO_FIRST_DAY is {self.first_day}"


class NewestDate:
    """Looks through chunks of a file for its newest date or edit date that is not in the future.

    A cheap pass with one regular expression: it gives the time of the observation where the source names none.
    """

    def __init__(self, pattern: re.Pattern[bytes], now: datetime, zone: tzinfo = UTC) -> None:
        """`zone` is that of local times."""
        self._pattern = pattern
        self._zone = zone
        self._limit = to_micros(now) + DAY
        self._tail = b""
        self.newest: int | None = None

    def __call__(self, chunk: bytes) -> None:
        data = self._tail + chunk
        self._tail = data[-96:]
        for found in set(self._pattern.findall(data)):
            try:
                moment = parse_time(found.decode(), self._zone)
            except ValueError:
                continue
            if moment is not None and moment <= self._limit and (self.newest is None or moment > self.newest):
                self.newest = moment

    def time(self) -> datetime | None:
        """The newest date seen."""
        return None if self.newest is None else from_micros(self.newest)


@dataclass
class Stretch:
    """What a source gathers between two batches. `posts` are single messages, each with its position."""

    posts: list[Post] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    filtered: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    local_times: int = 0
    read: int = 0
    size: int = 0
    last: int = -1

    def reject(self, position: int, message_id: int | None, reason: str, excerpt: str = "") -> None:
        """Record what could not be taken."""
        self.rejects.append(Reject(position=position, message_id=message_id, reason=reason, excerpt=excerpt[:200]))

    def single(self) -> list[Post]:
        """The posts, each message and observation once: of two the larger stays and the other becomes a reject.

        An empty message (a proof of a delete) of the same observation is folded into its message.
        """
        if len(set(map(_IDENTITY, self.posts))) == len(self.posts):
            return self.posts
        kept: dict[tuple[int, int, int], int] = {}
        gone: set[int] = set()
        for at, post in enumerate(self.posts):
            key = (post.channel_id, post.msg_id, post.observed_at)
            other = kept.setdefault(key, at)
            if other == at:
                continue
            earlier = self.posts[other]
            if (post.type == "deleted") != (earlier.type == "deleted"):
                living = earlier if post.type == "deleted" else post
                self.posts[other] = msgspec.structs.replace(living, deleted_at=post.observed_at)
                gone.add(at)
                continue
            loser = other if weight(post) > weight(earlier) else at
            kept[key] = at if loser == other else other
            gone.add(loser)
            self.reject(
                self.positions[loser], post.msg_id, "duplicate id in one observation; the fuller one stays",
                self.posts[loser].text,
            )  # fmt: skip
        return [post for at, post in enumerate(self.posts) if at not in gone]


_IDENTITY = attrgetter("channel_id", "msg_id", "observed_at")


def weight(post: Post) -> tuple[int, int, str]:
    """Which of two states of one observation is the fuller: the later edited, the longer, then by text."""
    return (post.edit_date or 0, len(post.text), post.text)


def media_files(posts: Iterable[Post]) -> list[MediaFile]:
    """The files that the posts' pending attachments name."""
    return [
        MediaFile(row, index, item.path)
        for row, post in enumerate(posts)
        if post.attachments
        for index, item in enumerate(post.attachments)
        if item.path is not None and item.status == "pending"
    ]
