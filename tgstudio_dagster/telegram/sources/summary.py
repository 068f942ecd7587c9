"""How far an import is, and what it did: counts, and the reasons behind them.

What a person reads of it is written where it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path


@dataclass(frozen=True)
class Progress:
    """How far an import is: of the file `done` of `total` elements, and the counts of the whole command so far."""

    path: Path
    done: int
    total: int
    summary: ImportSummary

    @property
    def read(self) -> int:
        """Messages read."""
        return self.summary.read


@dataclass
class ImportSummary:
    """What an import did. `read` counts messages, `landed` posts (an album is one), `days` those that got landings.

    `skipped_files` were imported before, `landed_before` are posts of an import that this one went on with, `ignored` are
    files of a folder that hold no messages. `dropped` are the fields that could not be read in messages that landed without
    them, by name, `local_times` the messages whose time names no zone and was taken to be of `time_zone`, `untitled` the
    ids of channels whose title neither the file nor the catalog tells.
    """

    files: int = 0
    read: int = 0
    landed: int = 0
    filtered: int = 0
    rejected: int = 0
    skipped_files: int = 0
    landed_before: int = 0
    days: list[date] = field(default_factory=list)
    filtered_by: dict[str, int] = field(default_factory=dict)
    rejected_by: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    local_times: int = 0
    time_zone: str = ""
    untitled: list[int] = field(default_factory=list)

    @property
    def nothing_landed(self) -> bool:
        """Whether nothing of what was read is in the lake, now or since an earlier import."""
        return not self.landed and not self.skipped_files and not self.landed_before

    @property
    def why_nothing(self) -> str:
        """Why nothing landed, in a sentence; only where nothing did."""
        if not self.read:
            return "Nothing landed: the file holds no messages."
        reasons = sorted((self.filtered_by | self.rejected_by).items(), key=lambda item: (-item[1], item[0]))
        named = "; ".join(f"{reason[:120]}: {count}" for reason, count in reasons[:5])
        return f"Nothing landed of {self.read} messages ({named})."
