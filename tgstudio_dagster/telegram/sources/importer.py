"""`tgstudio import`: files to landings, batch by batch, with a checkpoint after each; safe to kill at any moment.

The order is: store the batch's files, land its posts, move the checkpoint. All three may be repeated: files and
landings are named by their content, and the checkpoint counts a batch once. What files hold is read in the sources;
merging what landed is the asset's work.
"""

from __future__ import annotations

import gc
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import polars as pl

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.channels import list_channels, remember_channels
from tgstudio_dagster.catalog.leases import Lease, lease
from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.catalog.work.imports import ImportState, begin_import, checkpoint, finish_import
from tgstudio_dagster.core.errors import SourceError, TGStudioError
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.posts.filters import left_out
from tgstudio_dagster.posts.normalize import to_micros, username
from tgstudio_dagster.telegram.files.file_store import store_files
from tgstudio_dagster.telegram.sources.opening import find_files, open_source, sniff
from tgstudio_dagster.telegram.sources.source import BATCH, Batch, Source

Chats = Literal["channels", "all"]


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

    `skipped_files` were imported before, `ignored` are JSON files of a folder that hold no messages. `dropped` are the
    fields that could not be read in messages that landed without them, by name, `local_times` the messages whose time
    names no zone and was taken to be of `time_zone`.
    """

    files: int = 0
    read: int = 0
    landed: int = 0
    filtered: int = 0
    rejected: int = 0
    skipped_files: int = 0
    days: list[date] = field(default_factory=list)
    filtered_by: dict[str, int] = field(default_factory=dict)
    rejected_by: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    local_times: int = 0
    time_zone: str = ""


class _State(msgspec.Struct):
    """What a checkpoint keeps beside the counts: the source's own state, and what must not change on resuming."""

    observed_at: datetime
    source: str = ""
    filtered: dict[str, int] = msgspec.field(default_factory=dict)
    dropped: dict[str, int] = msgspec.field(default_factory=dict)
    local_times: int = 0
    time_zone: str = ""


def import_path(
    path: Path,
    *,
    tenant: str,
    catalog: Catalog,
    lake: TenantLake,
    settings: TenantSettings,
    first_day: date,
    now: datetime,
    channel: str | None = None,
    observed_at: datetime | None = None,
    usernames: Mapping[int, str] | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    again: bool = False,
    batch: int = BATCH,
    upload: str | None = None,
    time_zone: str | None = None,
    chats: Chats = "channels",
) -> ImportSummary:
    """Land the messages of a file, or of all exports and dumps below a folder, for a tenant.

    A file imported before (known by its content) is skipped unless `again`; one that was cut short goes on where it
    stopped. `observed_at` is when the state was read, by default the newest date in the file not later than `now`.
    `channel` is the username of a file with one channel, `usernames` those of several by id; what the catalog knows is
    used too. `batch` is how many messages go into one checkpoint.
    `upload` is the id of the upload that brought the files. `time_zone` (IANA) is that of the local times of old exports,
    by default the tenant's. `chats` says whether a Desktop export's basic groups and private chats are read too; a file that
    was imported without them is read again. Raises SourceError for what is no export or dump (after all
    that can be imported is), LeaseHeldError while another import of this tenant runs.
    """
    name = _username(channel)
    zone = _zone(time_zone or settings.time_zone)
    summary = ImportSummary(time_zone=zone.key)
    errors: list[str] = []
    with lease(catalog, f"import:{tenant}") as held:
        for file in find_files(path):
            try:
                if path.is_dir() and sniff(file) is None:
                    summary.ignored.append(str(file.relative_to(path)))
                    continue
                job = _Import(
                    file, tenant, catalog, lake, settings, summary, progress, held, batch, upload, zone, chats
                )
                job.run(first_day, now, name, observed_at, usernames or {}, again=again)
                summary.files += 1
            except SourceError as error:
                if not path.is_dir():
                    raise
                errors.append(str(error))
    if errors or (path.is_dir() and not summary.files):
        found = ", ".join(summary.ignored[:5])
        raise SourceError(
            "\n".join(errors)
            or f"{path}: no Telegram Desktop export (result.json) and no dump of Telethon messages (*.json, *.jsonl) "
            f"in this folder{f'; found: {found}' if found else ''}."
        )
    summary.days.sort()
    return summary


@dataclass
class _Import:
    """The import of one file."""

    path: Path
    tenant: str
    catalog: Catalog
    lake: TenantLake
    settings: TenantSettings
    summary: ImportSummary
    progress: Callable[[Progress], None]
    held: Lease
    batch: int
    upload: str | None
    zone: ZoneInfo
    chats: Chats

    def run(
        self,
        first_day: date,
        now: datetime,
        channel: str | None,
        observed_at: datetime | None,
        usernames: Mapping[int, str],
        *,
        again: bool,
    ) -> None:
        """Import the file from where it stands; nothing where it is done already."""
        kind = sniff(self.path)
        with self.path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()[:40] + ("-all" if self.chats == "all" else "")
        state = self._begin(digest, kind or "unknown", again=again)
        if state is None:
            self.summary.skipped_files += 1
            return
        try:
            known = _State(observed_at, time_zone=self.zone.key) if observed_at else None
            kept = msgspec.json.decode(state.state, type=_State) if state.position else known
            seen = list_channels(self.catalog, self.tenant)
            source, observed = open_source(
                self.path,
                first_day=first_day,
                now=now,
                channel=channel,
                observed_at=kept.observed_at if kept else None,
                usernames={row.channel_id: row.username for row in seen if row.username} | dict(usernames),
                titles={row.channel_id: row.title for row in seen},
                known_dates=self._known_dates,
                batch=self.batch,
                zone=ZoneInfo(kept.time_zone) if kept and kept.time_zone else self.zone,
                every_chat=self.chats == "all",
            )
            with _without_gc():
                self._land(source, state, kept or _State(observed, time_zone=self.zone.key))
        except TGStudioError as error:
            finish_import(self.catalog, state.id, error=str(error))
            raise
        finish_import(self.catalog, state.id)

    def _begin(self, digest: str, kind: str, *, again: bool) -> ImportState | None:
        begin = partial(begin_import, self.catalog, self.tenant, path=str(self.path), kind=kind, upload=self.upload)
        state = begin(source_hash=digest)
        turn = 1
        while state.status == "done" and again:
            turn += 1
            state = begin(source_hash=f"{digest}-{turn}")
        return None if state.status == "done" else state

    def _land(self, source: Source, state: ImportState, kept: _State) -> None:
        read, landed, rejected = state.read, state.landed, state.rejected
        filtered, dropped = Counter(kept.filtered), Counter(kept.dropped)
        days = set(self.summary.days)
        for batch in source.batches(state.position, kept.source):
            self.held.check()
            frame, reasons = self._chosen(batch)
            filtered.update(reasons)
            dropped.update(batch.dropped)
            remember_channels(self.catalog, self.tenant, batch.channels)
            days.update(landing.day for landing in self.lake.land(frame))
            read, landed, rejected = read + batch.read, landed + frame.height, rejected + len(batch.rejects)
            local_times = kept.local_times + batch.local_times
            kept = _State(kept.observed_at, batch.state, dict(filtered), dict(dropped), local_times, kept.time_zone)
            checkpoint(
                self.catalog,
                state.id,
                position=batch.position,
                state=msgspec.json.encode(kept).decode(),
                read=read,
                landed=landed,
                filtered=filtered.total(),
                rejected=rejected,
                rejects=batch.rejects,
            )
            self._count(batch, frame.height, reasons)
            self.summary.days = sorted(days)
            self.progress(Progress(self.path, batch.position, source.total, self.summary))

    def _chosen(self, batch: Batch) -> tuple[pl.DataFrame, Counter[str]]:
        """The rows that pass the tenant's filters, their files stored; and how many were left out, by reason."""
        reasons: Counter[str] = Counter(batch.filtered)
        marked = batch.frame.with_columns(left_out(self.settings.filters))["reason"]
        for reason, count in marked.drop_nulls().value_counts().iter_rows():
            reasons[f"filter: {reason}"] += count
        kept = marked.is_null()
        wanted = [file for file in batch.files if kept[file.row]]
        frame = store_files(batch.frame, wanted, self.path.parent, self.lake, self.settings.filters)
        return frame.filter(kept), reasons

    def _count(self, batch: Batch, landed: int, reasons: Counter[str]) -> None:
        summary = self.summary
        summary.read += batch.read
        summary.landed += landed
        summary.filtered += reasons.total()
        summary.rejected += len(batch.rejects)
        summary.local_times += batch.local_times
        summary.dropped = dict(Counter(summary.dropped) + Counter(batch.dropped))
        summary.filtered_by = dict(Counter(summary.filtered_by) + reasons)
        summary.rejected_by = dict(
            Counter(summary.rejected_by) + Counter(reject.reason.partition(":")[0] for reject in batch.rejects)
        )

    def _known_dates(self, wanted: set[tuple[int, int]]) -> dict[tuple[int, int], int]:
        """Dates of messages that stand in the lake, merged or still waiting, by channel and message id."""
        keys = pl.DataFrame(sorted(wanted), schema={"channel_id": pl.Int64, "msg_id": pl.Int64}, orient="row")
        found: dict[tuple[int, int], int] = {}
        frames: Iterable[pl.DataFrame] = (
            frame
            for day in sorted({*self.lake.days(MESSAGES), *self.lake.landing_days()}, reverse=True)
            for frame in (
                self.lake.read(MESSAGES, days=[day], columns=["channel_id", "msg_id", "date"]),
                self.lake.read_landings(self.lake.landings(day)).select("channel_id", "msg_id", "date"),
            )
        )
        for frame in frames:
            hits = frame.join(keys, on=["channel_id", "msg_id"], how="semi")
            found.update({(a, b): to_micros(moment) for a, b, moment in hits.iter_rows()})
            if len(found) == len(wanted):
                break
        return found


@contextmanager
def _without_gc() -> Iterator[None]:
    """No cycle collection meanwhile: millions of small objects, none in a cycle, cost a fifth of the time to walk."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SourceError(
            f"--time-zone: {name[:60]!r} is no IANA time zone; write for example Europe/Moscow."
        ) from error


def _username(channel: str | None) -> str | None:
    try:
        return username(channel) if channel else None
    except ValueError as error:
        raise SourceError(f"--channel: {error}.") from error
