"""What to say when a run has failed, and when to keep quiet: pure. How it is sent stands in `alert_sensor.py`."""

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


def decide(failure: Failure, earlier: Iterable[datetime]) -> dict[str, str | int | None] | None:
    """The message to send: job, tenant, run, error, time, and its number in the series; None to keep quiet.

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
    return {
        "job": failure.job,
        "tenant": failure.tenant,
        "run_id": failure.run_id,
        "error": failure.error.strip()[:2000],
        "at": failure.at.isoformat(),
        "number": number,
    }
