"""Days: the range of days that a run works on. What a partition is stands in partitions.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class DayRange:
    """A box of days (UTC), both ends included."""

    first: date
    last: date

    def __iter__(self) -> Iterator[date]:
        """Each day, oldest first."""
        return (self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1))
