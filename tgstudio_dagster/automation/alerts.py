"""What to say when a run has failed, and when to say nothing: pure. How it is sent stands in the sensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

QUIET = timedelta(hours=1)
"""The same failure of a tenant is told once an hour: a broken disk must not send a message a minute."""


@dataclass(frozen=True)
class Failure:
    """A run that failed. `tenant` is empty for a run of the machine."""

    run_id: str
    job: str
    tenant: str
    error: str
    at: datetime

    @property
    def kind(self) -> str:
        """What makes two failures the same: tenant, job and the first line of the error, without its figures."""
        line = self.error.strip().splitlines()[0] if self.error.strip() else "unknown"
        return f"{self.tenant}:{self.job}:{''.join(letter for letter in line if not letter.isdigit())[:120]}"


@dataclass(frozen=True)
class Told:
    """When a kind of failure was told last, and how often it came since."""

    at: datetime
    since: int = 0


def decide(failure: Failure, told: Mapping[str, Told]) -> tuple[dict[str, object] | None, dict[str, Told]]:
    """The message to send (None: it was told within the hour), and what has been told, for the cursor.

    The message names tenant, job, run, error, time, and how many equal ones were kept quiet before it.
    """
    recent = {kind: one for kind, one in told.items() if failure.at - one.at < 24 * QUIET}
    before = recent.get(failure.kind)
    if before is not None and failure.at - before.at < QUIET:
        return None, recent | {failure.kind: Told(before.at, before.since + 1)}
    message = asdict(failure) | {"at": failure.at.isoformat(), "kept_quiet": before.since if before else 0}
    return message, recent | {failure.kind: Told(failure.at)}
