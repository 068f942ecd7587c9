"""`tgstudio materialize`, and what other commands share with it: days brought up to rankings in runs of this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from tgstudio_dagster.cli.output import JsonOption, TenantOption, console, errors, open_studio, parse_day, print_json
from tgstudio_dagster.core.errors import TGStudioError

if TYPE_CHECKING:
    from tgstudio_dagster.core.days import DayRange
    from tgstudio_dagster.lake.store import TenantLake
    from tgstudio_dagster.operate.launch import RunOutcome
    from tgstudio_dagster.orchestration.progress import Listener, Step
    from tgstudio_dagster.services import Studio


@dataclass(frozen=True)
class Materialized:
    """A run over some days, and its id."""

    ranges: tuple[DayRange, ...]
    run_id: str

    @property
    def first(self) -> date:
        """Its first day."""
        return self.ranges[0].first

    @property
    def last(self) -> date:
        """Its last day."""
        return self.ranges[-1].last


def materialize(
    tenant: TenantOption,
    first: Annotated[str | None, typer.Option("--from", help="First day (UTC); default: what waits.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day (UTC).")] = None,
    stale: Annotated[
        bool, typer.Option("--stale", help="Also days that were made by older code than this release has.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring a tenant's days up to rankings to date: one Dagster run for months that follow each other."""
    studio = open_studio(tenant)
    start, end = parse_day(first), parse_day(last)
    if (start is None) != (end is None):
        raise typer.BadParameter("give both --from and --to, or neither")
    if stale and start is not None:
        raise typer.BadParameter("--stale finds the days itself: give it without --from and --to")
    todo = (
        [days_of(studio.scope.lake, start, end)]
        if start is not None and end is not None
        else stale_ranges(studio.scope.lake, old_code=stale)
    )
    runs = materialize_ranges(studio, todo, quiet=as_json)
    if as_json:
        print_json([{"from": run.first, "to": run.last, "run_id": run.run_id} for run in runs])
    elif not runs:
        console.print("Nothing waits: everything is up to date.")
    for run in () if as_json else runs:
        console.print(f"{run.first} … {run.last}: materialized in run {run.run_id}")


def days_of(lake: TenantLake, first: date, last: date) -> DayRange:
    """The days that a person names; raises FieldError where they are reversed, too early or still to come."""
    from tgstudio_dagster.core.days import checked_range
    from tgstudio_dagster.core.settings import settings
    from tgstudio_dagster.lake.tables.posts import MESSAGES

    # Clocks differ: a source may hold posts of a day that has not begun here.
    with_posts = (*lake.days(MESSAGES), *lake.landing_days())
    today = datetime.now(UTC).date()
    latest = max((today, *(day for day in with_posts if day <= today + timedelta(days=1))))
    return checked_range(first, last, earliest=date.fromisoformat(settings().first_day), latest=latest)


def bring_up_to_date(studio: Studio) -> None:
    """Read Telegram for the tenant, materialize every day that is stale, and fetch the files of its posts."""
    from tgstudio_dagster.reader.decide.reading import reading_days

    read_telegram(studio, reading_days(datetime.now(UTC).date()))
    materialize_ranges(studio, stale_ranges(studio.scope.lake))
    fetch_files(studio)


def read_telegram(studio: Studio, days: DayRange) -> None:
    """Read what is new, and what is missing of the days: in this process, or by the reader where one runs."""
    from tgstudio_dagster.core.settings import settings
    from tgstudio_dagster.reader.access import Telegram
    from tgstudio_dagster.reader.alone import read_now

    with errors.status("reading Telegram") as status:
        read_now(
            studio.scope.catalog,
            studio.scope.lake,
            days,
            access=Telegram.open(settings()),
            say=lambda text: status.update(f"reading Telegram: {escape(text)}"),
        )


def fetch_files(studio: Studio) -> None:
    """Fetch the files that posts wait for, unless a reader does, and put them into `media`."""
    from tgstudio_dagster.core.days import as_ranges, by_adjacent_months
    from tgstudio_dagster.core.settings import settings
    from tgstudio_dagster.reader.access import Telegram
    from tgstudio_dagster.reader.alone import fetch_now

    with errors.status("fetching files"):
        news = fetch_now(studio.scope.catalog, studio.scope.lake, access=Telegram.open(settings()))
    if not news:
        return
    from tgstudio_dagster.operate.launch import place_files

    for ranges in by_adjacent_months(as_ranges(studio.scope.lake.fetched.days())):
        report(place_files(studio.tenant.slug, ranges), "files")


def stale_ranges(lake: TenantLake, *, old_code: bool = False) -> list[DayRange]:
    """The ranges of days that wait to be materialized, oldest first; with `old_code` also those that older code made."""
    from tgstudio_dagster.lake.freshness import days_of_older_code, stale_days
    from tgstudio_dagster.lake.tables.posts import MESSAGES
    from tgstudio_dagster.orchestration.code_versions import CODE_VERSIONS
    from tgstudio_dagster.orchestration.decide.refresh import ranges

    days = {*stale_days(lake), *(days_of_older_code(lake, CODE_VERSIONS) if old_code else ())}
    return ranges(days, lake.days(MESSAGES))


def materialize_ranges(studio: Studio, todo: Sequence[DayRange], *, quiet: bool = False) -> list[Materialized]:
    """One Dagster run for ranges whose months follow each other, in this process; raises TGStudioError where one fails."""
    from tgstudio_dagster.core.days import by_adjacent_months
    from tgstudio_dagster.core.home import prepare_home
    from tgstudio_dagster.core.settings import settings

    if not todo:
        return []
    prepare_home(settings())
    from tgstudio_dagster.operate.launch import materialize_days

    runs = []
    for ranges in by_adjacent_months(todo):
        name = f"{ranges[0].first} … {ranges[-1].last}"
        with progress_bar(name, quiet=quiet) as listener:
            outcome = materialize_days(studio.tenant.slug, ranges, listener)
        report(outcome, name)
        runs.append(Materialized(ranges, outcome.run_id))
    return runs


@contextmanager
def progress_bar(name: str, *, quiet: bool = False) -> Iterator[Listener]:
    """A bar on stderr while a run lasts: the asset and day it is at, how many of all days of all assets, the time left."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[at]}"),
        TimeRemainingColumn(),
        console=errors,
        disable=quiet,
    )
    done: dict[str, int] = {}
    with bar:
        task = bar.add_task(f"materializing {name}", total=None, at="")

        def listener(step: Step) -> None:
            done[step.asset] = step.done
            at = f"{step.asset} {step.done} of {step.days} days"
            bar.update(task, completed=sum(done.values()), total=step.days * step.steps, at=at)

        yield listener


def report(outcome: RunOutcome, what: str) -> None:
    """Warn of checks that did not pass; raise TGStudioError where the run failed."""
    for check in outcome.failed_checks:
        errors.print(f"[yellow]check did not pass[/] {escape(check)} (run {outcome.run_id})", highlight=False)
    if not outcome.success:
        raise TGStudioError(f"{what}: the run {outcome.run_id} failed: {outcome.error}")
