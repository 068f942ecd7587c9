"""What a reading has done and what it has to tell: counts by channel, waits, and what went wrong.

Only the words belong here; who fills them is `reader.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from tgstudio_dagster.core.errors import FloodError
from tgstudio_dagster.telegram.reading.gaps import Gaps

_FIRST = ("messages.getHistory", "connect")
"""Calls without which nothing new is read."""
Kind = Literal["landed", "observed", "comments"]


@dataclass(frozen=True)
class ReadEvent:
    """Something happened while reading: posts went to the lake, a wait is slept, or something went wrong.

    `count` is how many posts, `text` says the rest; `channel` is the title of the one that was lost.
    """

    kind: Kind | Literal["wait", "lost", "error"]
    account_id: str
    channel_id: int | None = None
    count: int = 0
    text: str = ""
    channel: str | None = None


@dataclass
class ChannelReport:
    """What was read of one channel: posts (an album is one). `gaps` are the ids still missing.

    `landed` are new ones, `observed` those seen again, `deleted` proofs of deletes; `left_out` by the tenant's filters,
    `rejected` what is no post. `lost`: the account does not see it any more.
    """

    channel_id: int
    account_id: str
    landed: int = 0
    observed: int = 0
    deleted: int = 0
    comments: int = 0
    left_out: int = 0
    rejected: int = 0
    gaps: Gaps = ()
    lost: bool = False
    error: str | None = None


@dataclass(frozen=True)
class FloodWait:
    """A method that an account must not call before `until`; longer than what is slept."""

    account_id: str
    method: str
    until: datetime


@dataclass
class ReadReport:
    """What a reading of a tenant did. `days` are those that got landings; `more`: its time was over before the work.

    By account: `lost` are those to be paired again, `skipped` those whose session is in use or does not open, and
    `unreachable` those for which Telegram did not answer; each with the reason.
    """

    channels: dict[int, ChannelReport] = field(default_factory=dict)
    days: set[date] = field(default_factory=set)
    waits: list[FloodWait] = field(default_factory=list)
    more: bool = False
    lost: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    unreachable: dict[str, str] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)

    def wait(self, account_id: str, error: FloodError) -> None:
        """Note a wait that is too long to sleep, once."""
        wait = FloodWait(account_id, error.method, error.until)
        if wait not in self.waits:
            self.waits.append(wait)

    @property
    def waits_until(self) -> datetime | None:
        """When the tenant can go on: the earliest end of a wait for new posts, where every account that was read has one.

        None where one has not, or where something else has to wait: then what is new can be read as ever.
        """
        waits = {wait.account_id: wait.until for wait in self.waits if wait.method in _FIRST}
        return min(waits.values(), default=None) if self.read <= waits.keys() else None

    @property
    def error(self) -> str | None:
        """Why no account could be read at all; None where one was, or there is none."""
        troubles = {**self.skipped, **self.unreachable, **self.lost}
        return "\n".join(troubles.values()) if troubles and not self.read else None

    def total(self, count: Literal["landed", "observed", "deleted", "comments", "left_out", "rejected"]) -> int:
        """A count over all channels."""
        return sum(getattr(channel, count) for channel in self.channels.values())
