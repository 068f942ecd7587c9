"""What stands in the small Telegram: users, channels, messages, files and their events, as plain data.

Only data belongs here: what changes it is in world.py, how it looks on the wire in render.py.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

FileKind = Literal["document", "photo", "video", "voice", "audio"]


@dataclass(frozen=True)
class Viewer:
    """Who looks: a user through one session. What differs from session to session (access hashes) depends on both."""

    user_id: int
    session: int


@dataclass
class Folder:
    """A user's chat folder (a dialog filter)."""

    id: int
    title: str
    channels: list[Channel]


@dataclass(eq=False, repr=False)
class User:
    """A user of Telegram; `dc` is where the user's account lives, `secret` the verifier of a two-factor password."""

    id: int
    first: str
    phone: str
    username: str | None = None
    dc: int = 2
    secret: tuple[Any, int] | None = None
    deactivated: bool = False
    folders: list[Folder] = field(default_factory=list)
    sent: dict[int, int] = field(default_factory=dict)
    """random_id of each message sent -> its id."""


@dataclass(eq=False, repr=False)
class Message:
    """A message of a channel as it stands now. `reactions` are counts by emoji; `service` is a TL MessageAction."""

    id: int
    date: datetime
    text: str = ""
    media: int | None = None
    grouped_id: int | None = None
    reply_to: int | None = None
    forum_topic: int | None = None
    entities: list[Any] | None = None
    views: int = 1
    forwards: int = 0
    reactions: dict[str, int] = field(default_factory=dict)
    from_user: int | None = None
    forward: Any = None
    forward_channel: Channel | None = None
    service: Any = None
    edit_date: datetime | None = None
    edit_hidden: bool = False
    top: int | None = None
    """The first message of its thread: a forum topic, or the copy of a post that has comments."""
    packed: bytes | None = None
    """Its bytes on the wire, where they are the same for every account; None after each change."""


@dataclass(frozen=True)
class Event:
    """One entry of a channel's log: `pts` after it, and how many it counts for."""

    pts: int
    count: int
    kind: Literal["new", "edit", "delete"]
    message: Message | None = None
    deleted: tuple[int, ...] = ()


@dataclass(eq=False, repr=False)
class Channel:
    """A broadcast channel or a megagroup; `discussion` is the megagroup with the comments of a channel's posts."""

    id: int
    title: str
    username: str | None
    date: datetime
    megagroup: bool = False
    forum: bool = False
    private: bool = False
    invite: str | None = None
    discussion: Channel | None = None
    basic: bool = False
    """A basic group: no channel at all, though an invite may lead to it."""
    approval: bool = False
    """Who asks to join waits among the `requests` until an admin approves."""
    requests: set[int] = field(default_factory=set)
    banned: str | None = None
    """The refusal that all get, once Telegram closed the channel."""
    members: set[int] = field(default_factory=set)
    admins: set[int] = field(default_factory=set)
    messages: dict[int, Message] = field(default_factory=dict)
    ids: list[int] = field(default_factory=list)
    """Ids of the messages that stand, ascending."""
    threads: dict[int, list[int]] = field(default_factory=dict)
    """First message of a thread -> ids of the rest, ascending."""
    topics: dict[int, str] = field(default_factory=dict)
    copies: dict[int, int] = field(default_factory=dict)
    """Post -> its copy in the discussion."""
    next_id: int = 1
    pts: int = 1
    events: list[Event] = field(default_factory=list)

    @property
    def link(self) -> str:
        """Where the channel is found: `https://t.me/name`, or its invite."""
        return f"https://t.me/{self.username}" if self.username else f"https://t.me/+{self.invite}"

    def log(self, kind: Literal["new", "edit", "delete"], message: Message | None, deleted: tuple[int, ...]) -> Event:
        """Add an entry to the channel's log and return it."""
        count = len(deleted) or 1
        self.pts += count
        event = Event(self.pts, count, kind, message, deleted)
        self.events.append(event)
        return event

    def events_after(self, pts: int, limit: int) -> list[Event]:
        """The oldest `limit` entries of the log that a reader at `pts` lacks."""
        first = bisect.bisect_right(self.events, pts, key=lambda event: event.pts)
        return self.events[first : first + limit]


@dataclass(frozen=True)
class File:
    """A stored file. A photo has sizes m (the thumbnail) and y; `dc` is where it lives, None: wherever it is asked."""

    id: int
    data: bytes
    kind: FileKind
    mime: str
    name: str | None
    thumb: bytes | None
    width: int
    height: int
    duration: float
    dc: int | None
