"""A small Telegram that lives: channels that post, correct and delete all the while, and a ledger of all that was said.

No assertion: what must have come of it is in test_soak.py. Time is simulated, and runs faster than the clock on the wall.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.servers.telegram import TelegramServer
from tests.servers.telegram.model import Channel, FileKind, User

HISTORY_STEP = timedelta(minutes=25)
EDITABLE = timedelta(hours=36)
"""Younger posts change: they are within the 48 hours that are observed again, to the end of the soak."""


class FastClock:
    """Simulated time: stands until `start`, then runs `speed` times as fast as the wall clock."""

    def __init__(self, begin: datetime, speed: float) -> None:
        self._speed, self._slow = speed, False
        self._then: tuple[datetime, float | None] = begin, None

    def __call__(self) -> datetime:
        begin, started = self._then
        passed = 0.0 if started is None else time.monotonic() - started
        return begin + timedelta(seconds=passed * (self._speed / 6 if self._slow else self._speed))

    def start(self) -> None:
        """Run from now on."""
        self._then = self(), time.monotonic()

    def slow(self, slow: bool) -> None:
        """Run at a sixth of the speed, or not any more: a busy machine is to live through the same soak."""
        if slow != self._slow:
            self._then, self._slow = (self(), time.monotonic()), slow

    def move(self, by: timedelta) -> None:
        """Let time pass at once."""
        begin, started = self._then
        self._then = begin + by, started


@dataclass(eq=False, repr=False)
class Said:
    """One post as its channel knows it; an album is one post. `texts` are those it has had, each from when on."""

    channel: Channel
    ids: tuple[int, ...]
    at: datetime
    texts: list[tuple[datetime, str]]
    files: tuple[int, ...] = ()
    service: bool = False
    comment_on: Said | None = None
    deleted: datetime | None = None

    @property
    def key(self) -> tuple[int, int]:
        """The post's key in the lake."""
        return self.channel.id, self.ids[0]

    def text_between(self, first: datetime, last: datetime) -> set[str]:
        """The texts it had at some time from first to last."""
        ends = [at for at, _ in self.texts[1:]] + [last]
        return {text for (start, text), end in zip(self.texts, ends, strict=True) if start <= last and end >= first}


@dataclass(repr=False)
class World:
    """The channels, who reads them, and what was said in them."""

    server: TelegramServer
    rng: random.Random
    said: list[Said] = field(default_factory=list)
    open: list[Channel] = field(default_factory=list)
    topics: dict[int, list[int]] = field(default_factory=dict)
    people: list[User] = field(default_factory=list)
    _count: int = 0

    def channel(self, channel: Channel, history: int) -> Channel:
        """Let a channel take part, with so many posts before the soak begins."""
        self.open.append(channel)
        begin = self.server.now()
        if channel.forum:
            self._open_topics(channel, begin - HISTORY_STEP * (history + 1))
        for n in range(history, 0, -1):
            self._post(channel, date=begin - HISTORY_STEP * n)
            if self.rng.random() < 0.1:
                self.server.skip_ids(channel, self.rng.randint(1, 150))
        return channel

    def live(self, stop: threading.Event, pause: float, events: Sequence[tuple[datetime, Callable[[], None]]]) -> None:
        """Do one thing after another until told to stop, `pause` seconds between on average; each event at its time."""
        coming = deque(sorted(events, key=lambda event: event[0]))
        acts: list[tuple[int, Callable[[], None]]] = [
            (30, self._say), (8, self._album), (9, self._with_file), (16, self._edit), (5, self._delete),
            (16, self._count_up), (4, self._skip), (12, self._comment), (2, self._serve),
        ]  # fmt: skip
        weights = [weight for weight, _ in acts]
        while not stop.wait(self.rng.uniform(0, 2 * pause)):
            while coming and coming[0][0] <= self.server.now():
                coming.popleft()[1]()
            ((_, act),) = self.rng.choices(acts, weights)
            act()

    def _say(self) -> None:
        self._post(self._any(), date=None)

    def _post(self, channel: Channel, date: datetime | None) -> None:
        text = self._text(channel)
        at = date or self.server.now()
        topic = self.rng.choice(self.topics[channel.id]) if channel.forum else None
        writer = self.rng.choice(self.people) if channel.megagroup else None
        number = self.server.post(
            channel, text, date=at, forum_topic=topic, from_user=writer, views=self.rng.randint(1, 500)
        )
        self.said.append(Said(channel, (number,), at, [(at, text)]))

    def _album(self) -> None:
        """The members come one by one: a page may end between them."""
        channel, group = self._any(), self.rng.getrandbits(62)
        at, text = self.server.now(), self._text(channel)
        files = [self._file("photo") for _ in range(self.rng.randint(2, 4))]
        captions = [text] + [""] * (len(files) - 1)
        ids = [
            self.server.post(channel, caption, date=at, media=file, grouped_id=group)
            for caption, file in zip(captions, files, strict=True)
        ]
        self.said.append(Said(channel, tuple(ids), at, [(at, text)], tuple(files)))

    def _with_file(self) -> None:
        channel, at = self._any(), self.server.now()
        text = self.rng.choice(["", self._text(channel)])
        earlier = [file for said in self.said for file in said.files if said.channel is channel]
        kinds: list[FileKind] = ["photo", "video", "document", "voice"]
        again = earlier and self.rng.random() < 0.15
        file = self.rng.choice(earlier) if again else self._file(self.rng.choice(kinds))
        number = self.server.post(channel, text, date=at, media=file)
        self.said.append(Said(channel, (number,), at, [(at, text)], (file,)))

    def _edit(self) -> None:
        said = self._young()
        if said is not None:
            text = self._text(said.channel)
            self.server.edit(said.channel, said.ids[0], text)
            said.texts.append((self.server.now(), text))

    def _delete(self) -> None:
        comments = [said for said in self.said[-60:] if said.comment_on is not None and said.deleted is None]
        said = self.rng.choice(comments) if comments and self.rng.random() < 0.3 else self._young()
        if said is not None:
            self.server.delete(said.channel, *said.ids)
            said.deleted = self.server.now()

    def _count_up(self) -> None:
        said = self._young()
        if said is not None:
            now = self.server.messages(said.channel)[said.ids[0]]
            more = {"👍": now.reactions.get("👍", 0) + self.rng.randint(1, 9)} if self.rng.random() < 0.5 else None
            self.server.count(
                said.channel, said.ids[0],
                views=now.views + self.rng.randint(1, 99), forwards=now.forwards + 1, reactions=more,
            )  # fmt: skip

    def _skip(self) -> None:
        self.server.skip_ids(self._any(), self.rng.randint(1, 300))

    def _comment(self) -> None:
        discussed = [said for said in self._standing() if said.channel.discussion is not None]
        if not discussed:
            return
        on = self.rng.choice(discussed[-20:])
        assert on.channel.discussion is not None
        at, text = self.server.now(), self._text(on.channel.discussion)
        number = self.server.comment(on.channel, on.ids[0], text, user=self.rng.choice(self.people), date=at)
        self.said.append(Said(on.channel.discussion, (number,), at, [(at, text)], comment_on=on))

    def _serve(self) -> None:
        channel, at = self._any(), self.server.now()
        number = self.server.post(channel, service="pin", date=at)
        self.said.append(Said(channel, (number,), at, [(at, "")], service=True))

    def _open_topics(self, channel: Channel, at: datetime) -> None:
        clock, self.server.now = self.server.now, lambda: at
        titles = ("General talk", "Tickets")
        self.topics[channel.id] = [self.server.add_topic(channel, title) for title in titles]
        self.server.now = clock
        self.said += [
            Said(channel, (number,), at, [(at, title)], service=True)
            for number, title in zip(self.topics[channel.id], titles, strict=True)
        ]

    def _any(self) -> Channel:
        return self.rng.choice(self.open)

    def _standing(self) -> list[Said]:
        horizon = self.server.now() - EDITABLE
        return [
            said
            for said in self.said
            if said.at > horizon and said.deleted is None and not said.service and said.comment_on is None
        ]

    def _young(self) -> Said | None:
        """A post to change: half of the time one of the newest."""
        standing = self._standing()
        some = standing[-25:] if self.rng.random() < 0.5 else standing
        return self.rng.choice(some) if some else None

    def _text(self, channel: Channel) -> str:
        self._count += 1
        return f"{channel.title}, note {self._count}: {self.rng.choice(_WORDS)} {self.rng.choice(_WORDS)} #day"

    def _file(self, kind: FileKind) -> int:
        large = kind == "document" and self.rng.random() < 0.3
        data = self.rng.randbytes(self.rng.randint(600_000, 1_500_000) if large else self.rng.randint(500, 60_000))
        thumb = self.rng.randbytes(300) if kind in ("photo", "video") else None
        return self.server.add_file(data, kind=kind, name=f"{kind}.bin" if kind == "document" else None, thumb=thumb)


_WORDS = "bridge ferry market harbour school library tram park river council budget repair concert weather".split()
