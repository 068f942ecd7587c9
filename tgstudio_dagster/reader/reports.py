"""Reports to Dagster: what landed, waits and errors become events of its external asset `landings`, a month each.

Best effort: Dagster's web server may be down or absent, and reading goes on; what can't be told is dropped. What was
landed in a few seconds is one report, or a busy channel would fill Dagster's storage.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import httpx2

from tgstudio_dagster.core.settings.machine import DAGSTER_PATH
from tgstudio_dagster.reader.measures import EVENTS
from tgstudio_dagster.telegram.reading.read_report import ReadReport

ASSET = "landings"
_LOG = logging.getLogger(__name__)
_EVERY_SECONDS = 60.0
_REQUEST_SECONDS = 10.0
_MOST_ERRORS = 20


@dataclass
class _Month:
    days: set[date] = field(default_factory=set)
    posts: int = 0
    waits: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


class DagsterReports:
    """Gathers what readings did, and tells Dagster's web server at its socket now and then."""

    def __init__(self, socket: Path, *, every: float = _EVERY_SECONDS) -> None:
        self._socket, self._every = socket, every
        self._months: defaultdict[tuple[str, date], _Month] = defaultdict(_Month)
        self._failing = False

    def add(self, tenant: str, report: ReadReport) -> None:
        """A reading has ended: a month of which days landed gets its posts (of all months where there are several)."""
        for month in {day.replace(day=1) for day in report.days}:
            entry = self._months[tenant, month]
            entry.days |= {day for day in report.days if day.replace(day=1) == month}
            entry.posts += sum(report.total(kind) for kind in ("landed", "observed", "comments"))
            entry.waits |= {wait.method: f"{wait.until:%Y-%m-%d %H:%M:%S} UTC" for wait in report.waits}
            entry.errors |= {str(one.channel_id): one.error for one in report.channels.values() if one.error}

    async def run(self) -> None:
        """Tell what has gathered, until it is cancelled."""
        async with self.client() as client:
            while True:
                await asyncio.sleep(self._every)
                await self.send(client)

    def client(self) -> httpx2.AsyncClient:
        """A connection to Dagster's web server."""
        transport = httpx2.AsyncHTTPTransport(uds=str(self._socket))
        return httpx2.AsyncClient(
            transport=transport, base_url=f"http://dagster{DAGSTER_PATH}", timeout=_REQUEST_SECONDS
        )

    async def send(self, client: httpx2.AsyncClient) -> None:
        """Tell what has gathered since the last time."""
        months, self._months = self._months, defaultdict(_Month)
        for (tenant, month), entry in sorted(months.items()):
            try:
                answer = await client.post(f"/report_asset_materialization/{ASSET}", json=event(tenant, month, entry))
                answer.raise_for_status()
            except httpx2.HTTPError as error:
                EVENTS.labels("failed").inc()
                if not self._failing:
                    _LOG.warning("Dagster was not told of what landed (%s): reading goes on", error)
                self._failing = True
                return
            EVENTS.labels("told").inc()
            self._failing = False


def event(tenant: str, month: date, entry: _Month) -> dict[str, Any]:
    """The body of one report: which partition, and what happened."""
    errors = dict(sorted(entry.errors.items())[:_MOST_ERRORS])
    metadata: dict[str, Any] = {
        "days": ", ".join(day.isoformat() for day in sorted(entry.days)),
        "posts": entry.posts,
        "tenant": tenant,
    }
    if entry.waits:
        metadata["waits"] = entry.waits
    if errors:
        metadata["errors"] = errors
    return {"partition": f"{month:%Y-%m}|{tenant}", "metadata": metadata}
