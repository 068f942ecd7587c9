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
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
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
from tgstudio_dagster.telegram.sources.finding import FoundFile, files_of
from tgstudio_dagster.telegram.sources.forms import PACKED, UNDERSTOOD, describe, form_of
from tgstudio_dagster.telegram.sources.html_export import pages_from
from tgstudio_dagster.telegram.sources.opening import Given, open_source
from tgstudio_dagster.telegram.sources.source import BATCH, Batch, Source
from tgstudio_dagster.telegram.sources.summary import ImportSummary, Progress
from tgstudio_dagster.telegram.sources.unpacking import Admit, anything

Chats = Literal["channels", "all"]


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
    title: str | None = None,
    ask_title: Callable[[int], str | None] = lambda _: None,
    observed_at: datetime | None = None,
    usernames: Mapping[int, str] | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    again: bool = False,
    batch: int = BATCH,
    upload: str | None = None,
    time_zone: str | None = None,
    chats: Chats = "channels",
    shown: str | None = None,
    scratch: Path | None = None,
    tick: Callable[[], None] = lambda: None,
    admit: Admit = anything,
) -> ImportSummary:
    """Land the messages of a file, of an archive, or of all exports and dumps below a folder, for a tenant.

    A file imported before (known by its content) is skipped unless `again` or nothing of it landed; one that was cut short
    goes on where it stopped. `observed_at` is when the state was read, by default the newest date in the file not later than
    `now`. `channel` is the username of a file with one channel, `title` its title where the file tells none (`ask_title` is
    asked for it by id otherwise), `usernames` those of several by id; what the catalog knows is used too. `batch` is how
    many messages go into one checkpoint. `upload` is the id of the upload that brought the files, `shown` what its path is
    called for a person; archives are unpacked below `scratch`, `tick` is called meanwhile and `admit` before. `time_zone`
    (IANA) is that of times that name none, by default the tenant's. `chats` says whether a Desktop export's basic groups and
    private chats are read too; a file that was imported without them is read again. Raises SourceError for what is no export
    or dump (after all that can be imported is), LeaseHeldError while another import of this tenant runs.
    """
    name = _username(channel)
    zone = _zone(time_zone or settings.time_zone)
    summary = ImportSummary(time_zone=zone.key)
    errors: list[str] = []
    others: list[str] = []
    with (
        lease(catalog, f"import:{tenant}") as held,
        closing(files_of(path, shown or str(path), scratch, tick, admit)) as files,
    ):
        for file in files:
            try:
                if not file.sole and form_of(file.path) in (None, *PACKED):
                    summary.ignored.append(file.relative)
                    others.append(f"{file.relative} ({describe(file.path)})")
                    continue
                job = _Import(
                    file,
                    tenant,
                    catalog,
                    lake,
                    settings,
                    summary,
                    progress,
                    held,
                    batch,
                    upload,
                    zone,
                    chats,
                    title,
                    ask_title,
                )
                job.run(first_day, now, name, observed_at, usernames or {}, again=again)
                summary.files += 1
            except SourceError as error:
                if file.sole:
                    raise SourceError(file.words(str(error))) from error
                errors.append(file.words(str(error)))
    if errors or not summary.files:
        there = f" It holds: {'; '.join(others[:5])}." if others else ""
        nothing = f"{shown or path}: no export of Telegram and no dump of its messages.{there} {UNDERSTOOD}"
        raise SourceError("\n".join(errors) or nothing)
    summary.days.sort()
    return summary


@dataclass
class _Import:
    """The import of one file."""

    file: FoundFile
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
    title: str | None
    ask_title: Callable[[int], str | None]
    _named: dict[int, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self.file.path

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
        form = form_of(self.path)
        digest = _digest(self.path, form) + ("-all" if self.chats == "all" else "")
        state = self._begin(digest, form or "unknown", again=again)
        if state is None:
            self.summary.skipped_files += 1
            return
        self.summary.landed_before += state.landed
        try:
            known = _State(observed_at, time_zone=self.zone.key) if observed_at else None
            kept = msgspec.json.decode(state.state, type=_State) if state.position else known
            seen = list_channels(self.catalog, self.tenant)
            given = Given(
                first_day=first_day,
                now=now,
                channel=channel,
                title=self.title,
                observed_at=kept.observed_at if kept else None,
                usernames={row.channel_id: row.username for row in seen if row.username} | dict(usernames),
                titles={row.channel_id: row.title for row in seen if row.title},
                known_dates=self._known_dates,
                batch=self.batch,
                zone=ZoneInfo(kept.time_zone) if kept and kept.time_zone else self.zone,
                every_chat=self.chats == "all",
            )
            source, observed = open_source(self.path, given)
            with _without_gc():
                self._land(source, state, kept or _State(observed, time_zone=self.zone.key))
        except TGStudioError as error:
            finish_import(self.catalog, state.id, error=self.file.words(str(error)))
            raise
        finish_import(self.catalog, state.id)

    def _begin(self, digest: str, kind: str, *, again: bool) -> ImportState | None:
        begin = partial(begin_import, self.catalog, self.tenant, path=self.file.name, kind=kind, upload=self.upload)
        state = begin(source_hash=digest)
        turn = 1
        # Of a file of which nothing landed nothing is known: its messages may pass filters that have changed since.
        while state.status == "done" and (again or not state.landed):
            turn += 1
            state = begin(source_hash=f"{digest}-{turn}")
        return None if state.status == "done" else state

    def _land(self, source: Source, state: ImportState, kept: _State) -> None:
        read, landed, rejected = state.read, state.landed, state.rejected
        filtered, dropped = Counter(kept.filtered), Counter(kept.dropped)
        days = set(self.summary.days)
        for batch in source.batches(state.position, kept.source):
            self.held.check()
            batch = self._titled(batch)  # noqa: PLW2901
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
            self.progress(Progress(Path(self.file.name), batch.position, source.total, self.summary))

    def _titled(self, batch: Batch) -> Batch:
        """The batch with the title that was given for a channel whose file tells none.

        Raises SourceError where several channels want one.
        """
        without = {channel.channel_id for channel in batch.channels if not channel.title}
        nameless = {
            channel.channel_id for channel in batch.channels if channel.channel_id in without and not channel.username
        }
        if self.title is not None:
            self._named |= dict.fromkeys(without, self.title)
            if len(self._named) > 1:
                raise SourceError(
                    "--title names one channel, but several in this file have none; add `Channel` entities to it."
                )
        for channel_id in sorted(nameless - self._named.keys()):
            if not self.summary.untitled and (answer := self.ask_title(channel_id)):
                self._named[channel_id] = answer
            else:
                self.summary.untitled = sorted({*self.summary.untitled, channel_id})
        named = {channel_id: self._named[channel_id] for channel_id in without & self._named.keys()}
        if not named:
            return batch
        title = pl.col("channel_id").replace_strict(named, default="", return_dtype=pl.String)
        return replace(
            batch,
            channels=[
                replace(channel, title=channel.title or named.get(channel.channel_id, "")) for channel in batch.channels
            ],
            frame=batch.frame.with_columns(
                pl.when(pl.col("channel_title") == "")
                .then(title)
                .otherwise(pl.col("channel_title"))
                .alias("channel_title")
            ),
        )

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


def _digest(path: Path, form: str | None) -> str:
    """What the file is known by: its content, of an export in HTML that of all its pages."""
    digest = hashlib.sha256()
    for page in pages_from(path) if form == "html" else [path]:
        with page.open("rb") as stream:
            while chunk := stream.read(2**20):
                digest.update(chunk)
    return digest.hexdigest()[:40]


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
