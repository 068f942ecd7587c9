"""Dumps of Telethon messages: JSON Lines, one JSON array, or pages of results, of `to_dict()` or `to_json()`.

Every generation that Telethon wrote is read, from 0.15 (2017) to 1.45; tests have files of each.

Reading that format belongs here; what a message means is `telethon_message.py`; storing files, filters and
checkpoints are the importer's.

Beside messages a dump may hold entities (`Channel`, `Chat`, `User`, as `to_dict()` gives them), anywhere in the file:
they give titles, usernames and names of senders. Dates are ISO 8601 or seconds since 1970. Keys of our own, both
optional, on any message: `observed_at` (when this state was read; a message may stand in a dump many times) and `file`
(path of its medium, relative to the dump's folder). `MessageEmpty` proves a delete: it lands as type `deleted`, with
the date that the dump gives elsewhere, or the lake; the merge keeps the text. Only channels and supergroups are taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from tgstudio_dagster.core.errors import SourceError
from tgstudio_dagster.posts import normalize
from tgstudio_dagster.posts.shape import Post, fold_albums, landing_frame
from tgstudio_dagster.telegram.sources.decoding import Bad, Dropped, decode_elements, decode_nested, decode_skeleton
from tgstudio_dagster.telegram.sources.json_stream import Index, scan
from tgstudio_dagster.telegram.sources.source import BATCH, Batch, Span, Stretch, media_files
from tgstudio_dagster.telegram.sources.telethon_item import ENTITIES, MESSAGES, Item, channel_of
from tgstudio_dagster.telegram.sources.telethon_message import Messages

NAME = "telethon_dump"
NEWEST = re.compile(
    rb'"(?:date|edit_date|observed_at)"\s*:\s*"?(\d{4}-\d\d-\d\d[T ][\d:.]+(?:[+-]\d\d:\d\d|Z)?|\d{9,13})'
)
_RUN = msgspec.json.Decoder(list[Item])
_ONE = msgspec.json.Decoder(Item)
Known = Callable[[set[tuple[int, int]]], Mapping[tuple[int, int], int]]


@dataclass
class TelethonDump:
    """An opened dump: a `Source`.

    `usernames` and `titles` are those known by channel id, `channel` is the username of a dump of one channel,
    `known_dates` finds the dates (microseconds) of messages that only the lake holds, for proofs of deletes.
    """

    path: Path
    index: Index
    span: Span
    usernames: Mapping[int, str]
    titles: Mapping[int, str]
    known_dates: Known
    channel: str | None = None
    batch: int = BATCH
    name: str = NAME

    def __post_init__(self) -> None:
        self._messages = Messages(
            self.span,
            usernames=self.usernames,
            titles=self.titles,
            channel=self.channel,
            absent="skipped: not included in the dump",
        )
        self._met: set[int] = set()
        self._local_times = 0
        self._prepared = False

    @property
    def total(self) -> int:
        """Number of elements in the file, entities included."""
        return self.index.total

    def _items(self, start: int = 0) -> Iterator[tuple[int, Item | Bad, Dropped]]:
        base = 0
        with self.path.open("rb") as stream:
            for elements in self.index.arrays:
                first, offset, base = max(start - base, 0), base, base + len(elements)
                for local, item, dropped in decode_elements(stream, elements, _RUN, _ONE, first=first):
                    if isinstance(item, Bad) or item.messages is None:
                        yield offset + local, item, dropped
                        continue
                    for inner in (*(item.chats or ()), *(item.users or ()), *item.messages):
                        yield offset + local, *decode_nested(inner, _ONE)

    def _prepare(self) -> None:
        """Read the entities, which may stand behind the messages, and the dates of what is proved deleted."""
        for root in self.index.roots:
            for entity in _entities_of(root):
                self._messages.meet(entity)
        wanted: set[tuple[int, int]] = set()
        for _, item, _ in self._items():
            if isinstance(item, Bad):
                continue
            if item.kind in ENTITIES:
                self._messages.meet(item)
            elif (channel_id := channel_of(item)) is not None:
                self._met.add(channel_id)
                if item.kind == "MessageEmpty":
                    wanted.add((channel_id, item.id))
        if self.channel is not None and len(self._met) > 1:
            raise SourceError(
                f"{self.path.name}: --channel names the username of a dump of one channel, but here are "
                f"{len(self._met)}; leave it out, and add `Channel` entities to the dump for their usernames."
            )
        if wanted:
            for _, item, _ in self._items():
                if isinstance(item, Bad) or item.kind not in MESSAGES or (channel_of(item), item.id) not in wanted:
                    continue
                with suppress(ValueError):
                    if (date := normalize.parse_time(item.date)) is not None:
                        self._messages.dates.setdefault((channel_of(item) or 0, item.id), date)
            self._messages.dates.update(self.known_dates(wanted - self._messages.dates.keys()))
        self._prepared = True

    def batches(self, position: int, state: str) -> Iterator[Batch]:  # noqa: ARG002
        """Batches from `position` on; none cuts an album that stands in one piece. `state` is not needed."""
        if not self._prepared:
            self._prepare()
        stretch, self._local_times = Stretch(), 0
        for at, item, dropped in self._items(position):
            made = item if isinstance(item, Bad) else self._made_of(item)
            # A page of results is not parted: its messages share a position.
            if stretch.size >= self.batch and at != stretch.last and not _continues(stretch, made):
                yield self._batch(stretch, at)
                stretch = Stretch()
            stretch.size, stretch.last = stretch.size + 1, at
            if dropped or self._messages.dropped:
                stretch.dropped.update(dropped)
                stretch.dropped.update(self._messages.dropped)
                self._messages.dropped.clear()
            if made is None:
                continue
            stretch.read += 1
            stretch.local_times, self._local_times = stretch.local_times + self._local_times, 0
            if isinstance(made, Post):
                stretch.posts.append(made)
                stretch.positions.append(at)
            elif isinstance(made, Bad):
                stretch.reject(at, None if isinstance(item, Bad) else item.id, made.reason, made.excerpt)
            else:
                stretch.filtered[made] += 1
        if self.index.broken_at is not None:
            stretch.reject(
                self.total, None,
                f"the file breaks off, or is no JSON: from byte {self.index.broken_at:,} of {self.index.size:,} on; "
                "what stands before is imported",
            )  # fmt: skip
        if stretch.size or stretch.rejects:
            yield self._batch(stretch, self.total)

    def _batch(self, stretch: Stretch, position: int) -> Batch:
        posts = fold_albums(stretch.single())
        met = {post.channel_id for post in posts}
        return Batch(
            frame=landing_frame(posts, self.name),
            channels=[self._messages.seen(channel_id) for channel_id in sorted(met)],
            rejects=stretch.rejects,
            position=position,
            state="",
            read=stretch.read,
            filtered=dict(stretch.filtered),
            dropped=dict(stretch.dropped),
            local_times=stretch.local_times,
            files=media_files(posts),
        )

    def _made_of(self, item: Item) -> Post | Bad | str | None:
        """As `Messages.post`; None for an entity."""
        return None if item.kind in ENTITIES else self._messages.post(item)


def is_dump(head: bytes) -> bool:
    """Whether a file that begins so is one object (a page of results) whose `messages` are Telethon's."""
    for elements in scan(BytesIO(head)).arrays[:1]:
        decoded = decode_elements(BytesIO(head), elements, _RUN, _ONE)
        for _, item, _ in islice(decoded, 3):
            if not isinstance(item, Bad) and item.kind in MESSAGES:
                return True
    return False


def is_element(data: bytes) -> bool:
    """Whether a line, or an element of an array, is something of Telethon's."""
    item = decode_nested(msgspec.Raw(data), _ONE)[0]
    return not isinstance(item, Bad) and bool(item.kind)


def _entities_of(root: bytes) -> Iterator[dict[str, Any]]:
    """The entities that stand beside the messages of a page of results."""
    beside = decode_skeleton(root, dict[str, Any]) if root.lstrip().startswith(b"{") else {}
    for value in beside.values():
        for entity in value if isinstance(value, list) else [value]:
            if isinstance(entity, dict) and entity.get("_") in ENTITIES:
                yield entity


def _continues(stretch: Stretch, made: Post | Bad | str | None) -> bool:
    """Whether the post belongs to an album with the last one: a batch must not end between them."""
    if not stretch.posts or not isinstance(made, Post) or made.grouped_id is None:
        return False
    return made.grouped_id == stretch.posts[-1].grouped_id and stretch.size < 2 * BATCH
