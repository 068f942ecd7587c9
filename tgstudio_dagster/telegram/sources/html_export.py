"""Telegram Desktop exports in HTML, Desktop's default form: `messages.html`, `messages2.html`, … of one chat.

Reading pages in order, the chat's identity and albums belong here; a page's markup is `html_page.py`, a message
`html_message.py`.

A page names neither the chat's id nor its kind. Who is the only author of a chat of that title is a channel; two authors,
one of whom the chat is named after, are a private chat, which is left out; anything else is a group. The id is that of
the channel that `--channel` names, or of the only known channel of the same title, where none of its posts
contradicts; else an id of our own is made of the username or title, above all of Telegram's: the same for every export
of that chat.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from hashlib import sha256
from pathlib import Path

from tgstudio_dagster.catalog.follows.channels import ChannelSeen
from tgstudio_dagster.core.errors import SourceError
from tgstudio_dagster.posts.normalize import to_micros
from tgstudio_dagster.posts.shape import Post, landing_frame
from tgstudio_dagster.telegram.sources.decoding import Bad
from tgstudio_dagster.telegram.sources.desktop_albums import fold_by_time, follows
from tgstudio_dagster.telegram.sources.desktop_export import NEITHER
from tgstudio_dagster.telegram.sources.html_message import HtmlReader, has_zone, parse_moment
from tgstudio_dagster.telegram.sources.html_page import Entry, Head, Lost, read_page
from tgstudio_dagster.telegram.sources.source import BATCH, DAY, Batch, Span, Stretch, media_files
from tgstudio_dagster.telegram.sources.telethon_dump import Known

NAME = "desktop_html"
_PAGE = re.compile(r"messages(\d*)\.html?\Z", re.IGNORECASE)
_SAMPLE = 200
"""Messages whose dates are compared with those of a known channel of the same title."""


def page_number(name: str) -> int | None:
    """1 for messages.html, 2 for messages2.html, …; None for any other name."""
    match = _PAGE.match(name)
    return None if match is None else int(match[1] or 1)


def pages_from(path: Path) -> list[Path]:
    """The page and those of its folder that follow it, in order; a file of another name stands alone."""
    first = page_number(path.name)
    if first is None:
        return [path]
    numbered = ((page_number(file.name) or 0, file) for file in path.parent.iterdir() if file.is_file())
    return [file for number, file in sorted(numbered) if number >= first]


@dataclass
class Survey:
    """What a look through all pages tells: their title, authors, dates and how many messages there are."""

    title: str = ""
    total: int = 0
    newest: datetime | None = None
    authors: set[str] = field(default_factory=set)
    sample: dict[int, datetime] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """channel, supergroup, or personal_chat."""
        if self.authors <= {self.title}:
            return "channel"
        private = len(self.authors) <= 2 and self.title in self.authors
        return "personal_chat" if private or self.title == "Saved Messages" else "supergroup"


def survey(pages: list[Path], zone: tzinfo, now: datetime) -> Survey:
    """Look through the pages. The newest date is that of no future message."""
    seen = Survey()
    for path in pages:
        with path.open("rb") as stream:
            for item in read_page(stream):
                if isinstance(item, Head):
                    seen.title = seen.title or item.title
                elif isinstance(item, Lost):
                    seen.total += item.count
                else:
                    _note(seen, item, zone, now)
    if not seen.title and len(seen.authors) == 1:
        seen.title = next(iter(seen.authors))
    return seen


def _note(seen: Survey, entry: Entry, zone: tzinfo, now: datetime) -> None:
    if entry.service if entry.message_id is None else entry.message_id <= 0:
        return  # a divider between days
    seen.total += 1
    if entry.service:
        return
    if entry.sender and len(seen.authors) < 3:
        seen.authors.add(entry.sender)
    try:
        moment = parse_moment(entry.moment, zone)
    except ValueError:
        return
    if entry.message_id is not None and len(seen.sample) < _SAMPLE:
        seen.sample[entry.message_id] = moment
    if to_micros(moment) <= to_micros(now) + DAY and (seen.newest is None or moment > seen.newest):
        seen.newest = moment.astimezone(UTC)


def own_id(name: str) -> int:
    """An id for a chat whose own is unknown, of its username or title: from 2^51 on, where Telegram has none."""
    return 2**51 + int.from_bytes(sha256(name.encode()).digest()[:6], "big")


def chat_id_of(
    seen: Survey, channel: str | None, usernames: Mapping[int, str], titles: Mapping[int, str], known_dates: Known
) -> int:
    """The chat's id, as this module's docstring says; `channel` is a username, or an id in digits."""
    if channel is not None:
        known = [known_id for known_id, username in usernames.items() if username.lower() == channel.lower()]
        return known[0] if known else own_id(f"@{channel.lower()}")
    made = own_id(seen.title)
    same = [known_id for known_id, title in titles.items() if title == seen.title and known_id < 2**51]
    if len(same) != 1:
        return made
    dates = known_dates({(same[0], message_id) for message_id in seen.sample})
    agrees = all(dates.get((same[0], at), to_micros(moment)) == to_micros(moment) for at, moment in seen.sample.items())
    return same[0] if agrees else made


@dataclass
class HtmlExport:
    """An opened export: a `Source`. `zone` is that of times that name none."""

    pages: list[Path]
    seen: Survey
    chat: ChannelSeen
    span: Span
    zone: tzinfo
    batch: int = BATCH
    name: str = NAME
    every_chat: bool = False

    def __post_init__(self) -> None:
        if not self.seen.total:
            raise SourceError("no messages; it is a page of an export, but not that of a chat's history")
        if not self.chat.title:
            raise SourceError(
                "the page has no title, and its messages have several authors; give the chat's by --title"
            )

    @property
    def total(self) -> int:
        """Number of messages on all pages."""
        return self.seen.total

    def batches(self, position: int, state: str) -> Iterator[Batch]:  # noqa: ARG002
        """Batches from `position` on, which is a number of messages; none cuts an album. `state` is not needed."""
        if self.seen.kind == "personal_chat" and not self.every_chat:
            left = self.total - position
            reason = f"chat of type personal_chat: {NEITHER}"
            yield self._batch(Stretch(read=left, filtered=Counter({reason: left})), self.total)
            return
        stretch, at = Stretch(), 0
        for entry, post in self._posts():
            if isinstance(entry, Lost):
                if at >= position:
                    stretch.reject(at, None, f"messages that cannot be read: {entry.count}, {entry.reason}")
                    stretch.read += entry.count
                at += entry.count
                continue
            if at >= position:
                if stretch.read >= self.batch and not _continues(stretch, post):
                    yield self._batch(stretch, at)
                    stretch = Stretch()
                stretch.read += 1
                if isinstance(post, Post):
                    stretch.posts.append(post)
                    stretch.positions.append(at)
                    stretch.local_times += not has_zone(entry.moment) and not entry.service
                elif post is not None:
                    stretch.reject(at, entry.message_id, post.reason, post.excerpt)
            at += 1
        if stretch.read:
            yield self._batch(stretch, at)

    def _posts(self) -> Iterator[tuple[Entry | Lost, Post | Bad | None]]:
        reader = HtmlReader(self.chat.channel_id, self.chat.username, self.chat.title, self.span, self.zone)
        for path in self.pages:
            with path.open("rb") as stream:
                for item in read_page(stream):
                    if isinstance(item, Lost):
                        yield item, None
                    elif isinstance(item, Entry) and (post := reader.post(item)) is not None:
                        yield item, post

    def _batch(self, stretch: Stretch, position: int) -> Batch:
        posts = fold_by_time(stretch.single())
        return Batch(
            frame=landing_frame(posts, NAME),
            channels=[self.chat] if posts else [],
            rejects=stretch.rejects,
            position=position,
            state="",
            read=stretch.read,
            filtered=dict(stretch.filtered),
            local_times=stretch.local_times,
            files=media_files(posts),
        )


def _continues(stretch: Stretch, post: Post | Bad | None) -> bool:
    """Whether the post may belong to an album with the last one: a batch must not end between them."""
    if not stretch.posts or not isinstance(post, Post) or stretch.read > 2 * BATCH:
        return False
    return follows(stretch.posts[-1], post)
