"""Days and months (UTC): the ranges of days that a run works on, how they are written, and the months that hold them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from tgstudio_dagster.core.errors import FieldError

DAY = timedelta(days=1)


@dataclass(frozen=True, order=True)
class DayRange:
    """A box of days (UTC), both ends included."""

    first: date
    last: date

    def __iter__(self) -> Iterator[date]:
        """Each day, oldest first."""
        return (self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1))

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}..{self.last}"

    @property
    def length(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1


def checked_range(first: date, last: date, *, earliest: date, latest: date) -> DayRange:
    """The range, where it is one that there may be posts of; raises FieldError that says in a sentence why it is not."""
    if first > last:
        raise FieldError("--from", f"{first} is after --to {last}; give the earlier day first.")
    if first < earliest:
        raise FieldError("--from", f"{first} is before the first day that posts are taken from, {earliest}.")
    if last > latest:
        raise FieldError("--to", f"{last} is still to come; the newest day there can be posts of is {latest}.")
    return DayRange(first, last)


def month_of(day: date) -> date:
    """The first day of the day's month."""
    return day.replace(day=1)


def next_month(month: date) -> date:
    """The first day of the month after."""
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


def month_days(month: date) -> DayRange:
    """All days of a month, which is named by any of its days."""
    return DayRange(month_of(month), next_month(month) - DAY)


def as_ranges(days: Iterable[date]) -> list[DayRange]:
    """The fewest ranges that hold these days and no other, oldest first."""
    ranges: list[DayRange] = []
    for day in sorted(set(days)):
        if ranges and day == ranges[-1].last + DAY:
            ranges[-1] = DayRange(ranges[-1].first, day)
        else:
            ranges.append(DayRange(day, day))
    return ranges


def by_adjacent_months(ranges: Iterable[DayRange]) -> list[tuple[DayRange, ...]]:
    """Ranges in groups whose months follow each other without a month between them: each group is a box of months."""
    groups: list[tuple[DayRange, ...]] = []
    for days in sorted(ranges):
        if groups and month_of(days.first) <= next_month(groups[-1][-1].last):
            groups[-1] += (days,)
        else:
            groups.append((days,))
    return groups


def format_ranges(ranges: Sequence[DayRange]) -> str:
    """`2026-03-01..2026-03-07,2026-03-10`, as `parse_ranges` reads it."""
    return ",".join(map(str, ranges))


def parse_ranges(text: str) -> list[DayRange]:
    """Ranges of days as people write them: `2026-03-01..2026-03-07, 2026-03-10`. Raises SettingsError for anything else."""
    try:
        return [_parse(part.strip()) for part in text.split(",")]
    except ValueError as error:
        raise FieldError(
            "days",
            f"{text!r} cannot be read; write 2026-03-01..2026-03-07, or several such ranges with commas between.",
        ) from error


def _parse(text: str) -> DayRange:
    first, mark, last = text.partition("..")
    days = DayRange(date.fromisoformat(first), date.fromisoformat(last if mark else first))
    if days.last < days.first:
        raise ValueError(f"{days.last} is before {days.first}")
    return days
