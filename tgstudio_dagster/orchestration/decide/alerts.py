"""What to say when a run has failed, and when to keep quiet: pure. What is told stands in sensors/alerts.py."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

SERIES = timedelta(hours=6)
"""Failures of one job and tenant that follow each other within this time are one series."""


@dataclass(frozen=True)
class Failure:
    """A run that failed. `tenant` is None for a run of the whole machine."""

    run_id: str
    job: str
    tenant: str | None
    error: str
    at: datetime


@dataclass(frozen=True)
class Alert:
    """What is told of a failure beside itself: its number in the series, and its error cut short."""

    number: int
    error: str


def decide(failure: Failure, earlier: Iterable[datetime]) -> Alert | None:
    """What to tell; None to keep quiet.

    The 1st, 2nd, 4th, 8th … failure of a series is told: a full disk must not send a message a minute, nor be told once
    and forgotten. `earlier` are the times of failures of the same job and tenant.
    """
    number, before = 1, failure.at
    for at in sorted((at for at in earlier if at < failure.at), reverse=True):
        if before - at > SERIES:
            break
        number, before = number + 1, at
    if number & (number - 1):
        return None
    return Alert(number, failure.error.strip()[:2000])
