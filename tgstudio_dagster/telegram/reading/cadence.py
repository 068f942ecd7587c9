"""Cadence: how often a post is observed again for its counters, edits and deletes: often when young, seldom when old.

Pure, on frames. Reactions and comments settle within about two days, which is why the default ends at 48 hours
(settings.py, TELEGRAM_OBSERVE). Asking Telegram is `channel_reader.py`'s matter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

import polars as pl

from tgstudio_dagster.core.errors import FieldError

_STEP = re.compile(r"(\d+)([mh]):(\d+)([mh])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1)}
KEY = ["channel_id", "msg_id"]


@dataclass(frozen=True)
class Step:
    """Posts younger than `age` are observed once in `every`, where no earlier step holds."""

    age: timedelta
    every: timedelta


@dataclass(frozen=True)
class Cadence:
    """The steps, youngest first."""

    steps: tuple[Step, ...]

    @classmethod
    def parse(cls, text: str) -> Cadence:
        """From `age:interval,…` with ages that grow, for example `1h:10m,48h:2h`.

        Raises SettingsError, naming TELEGRAM_OBSERVE, for anything else.
        """
        steps = []
        for part in text.split(","):
            match = _STEP.fullmatch(part.strip())
            if match is None:
                raise FieldError(
                    "TELEGRAM_OBSERVE", f"{part!r} is no step; write age:interval, for example 1h:10m,48h:2h."
                )
            age, age_unit, every, every_unit = match.groups()
            steps.append(Step(int(age) * _UNITS[age_unit], int(every) * _UNITS[every_unit]))
        if any(before.age >= after.age for before, after in pairwise(steps)):
            raise FieldError("TELEGRAM_OBSERVE", f"{text!r} has ages that do not grow; put the youngest first.")
        if any(not step.every for step in steps):
            raise FieldError("TELEGRAM_OBSERVE", f"{text!r} has an interval of 0; write at least 1m.")
        return cls(tuple(steps))

    @property
    def horizon(self) -> timedelta:
        """The age at which a post is observed no more."""
        return self.steps[-1].age

    def days(self, now: datetime) -> list[date]:
        """The days (UTC) that hold posts young enough to be observed, oldest first."""
        first = (now - self.horizon).date()
        return [first + timedelta(days=n) for n in range((now.date() - first).days + 1)]


def due(posts: pl.DataFrame, now: datetime, cadence: Cadence) -> pl.DataFrame:
    """The posts to observe again at `now`, by key: channel_id, msg_id, album, date, observed_at.

    `posts` has these columns, and a post may stand in it more than once: its newest observation counts, and the newest
    row of an album names its members.
    """
    age = now - pl.col("date")
    interval = pl.lit(None, dtype=pl.Duration("us"))
    for step in reversed(cadence.steps):
        interval = pl.when(age < step.age).then(pl.lit(step.every)).otherwise(interval)
    return (
        posts.sort("observed_at", maintain_order=True)
        .group_by(KEY)
        .agg(pl.col("album", "date", "observed_at").last())
        .filter(now - pl.col("observed_at") >= interval)
        .sort(KEY)
    )
