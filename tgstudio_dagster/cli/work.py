"""Commands that make something: import, order, export."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from tgstudio_dagster.cli.materializing import days_of, report
from tgstudio_dagster.cli.output import (
    JsonOption,
    TenantOption,
    console,
    errors,
    open_studio,
    parse_day,
    print_json,
    print_table,
    shorten,
)
from tgstudio_dagster.core.errors import ConflictError

MOST_NAMED = 12
"""Reasons that a summary names."""

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.progress import Progress

    from tgstudio_dagster.telegram.sources.summary import ImportSummary


def import_(
    path: Annotated[
        Path, typer.Argument(help="result.json, messages.html, a dump of messages, a .zip or .gz, or a folder of them.")
    ],
    tenant: TenantOption,
    channel: Annotated[
        str | None, typer.Option("--channel", help="Username of the channel, where the file does not carry it.")
    ] = None,
    title: Annotated[
        str | None, typer.Option("--title", help="Title of the channel, where the file does not carry it.")
    ] = None,
    observed_at: Annotated[
        datetime | None, typer.Option("--observed-at", help="When it was read (UTC); default: its newest date.")
    ] = None,
    time_zone: Annotated[
        str | None,
        typer.Option(
            "--time-zone", help="Of local times in exports of before 2021, as Europe/Moscow; default: the tenant's."
        ),
    ] = None,
    chats: Annotated[
        Literal["channels", "all"],
        typer.Option("--chats", help="all: basic groups and private chats of a Desktop export too."),
    ] = "channels",
    again: Annotated[bool, typer.Option("--again", help="Import a file that was imported before.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Import a Telegram Desktop export (JSON or HTML) or dumps of messages. Stop it any time: it resumes."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from tgstudio_dagster.core.settings import settings
    from tgstudio_dagster.telegram.sources.importer import import_path
    from tgstudio_dagster.telegram.sources.summary import Progress as Step

    studio = open_studio(tenant)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[read]} messages"),
        TimeRemainingColumn(),
        console=errors,
        disable=as_json,
    )
    with bar:
        task = bar.add_task(escape(path.name), total=None, read=0)

        def step(progress: Step) -> None:
            bar.update(
                task,
                description=escape(progress.path.name),
                completed=progress.done,
                total=progress.total,
                read=progress.read,
            )

        summary = import_path(
            path,
            tenant=tenant,
            catalog=studio.scope.catalog,
            lake=studio.scope.lake,
            settings=studio.settings.get(),
            channel=channel,
            title=title,
            ask_title=partial(_ask_title, bar) if sys.stdin.isatty() and not as_json else lambda _: None,
            observed_at=observed_at.replace(tzinfo=UTC) if observed_at else None,
            progress=step,
            first_day=date.fromisoformat(settings().first_day),
            now=datetime.now(UTC),
            again=again,
            time_zone=time_zone,
            chats=chats,
        )
    if as_json:
        print_json(asdict(summary))
    else:
        console.print(describe(summary), markup=False, soft_wrap=True)
    if summary.nothing_landed:
        errors.print(summary.why_nothing, markup=False, soft_wrap=True)
        raise typer.Exit(1)
    if summary.untitled and not as_json:
        errors.print(
            "A channel has no title in this file: import it again with --again --title 'Its title'."
            if len(summary.untitled) == 1
            else f"{len(summary.untitled)} channels have no title in this file: add `Channel` entities to it.",
            markup=False,
            soft_wrap=True,
        )
    if summary.days and not as_json:
        console.print(f"Next: [bold]tgstudio materialize --tenant {tenant}[/] (or `tgstudio up`: its sensor does it).")


def _ask_title(bar: Progress, channel_id: int) -> str | None:
    """The title of a channel whose file tells none, of whoever sits at the terminal."""
    bar.stop()
    answer = typer.prompt(f"Title of the channel {channel_id} (Enter: none)", default="", show_default=False)
    bar.start()
    return answer.strip() or None


def imports(
    tenant: TenantOption,
    rejects: Annotated[str | None, typer.Option("--rejects", help="An import's id: show what it rejected.")] = None,
    as_json: JsonOption = False,
) -> None:
    """What was imported, and what was rejected and why."""
    studio = open_studio(tenant)
    if rejects is not None:
        found = studio.imports.rejects(rejects)
        if as_json:
            print_json([asdict(one) for one in found])
        else:
            rows = [[str(one.position), str(one.message_id or ""), one.reason, shorten(one.excerpt)] for one in found]
            print_table(["#position", "#message", "reason", "begins"], rows)
        return
    done = studio.imports.sources()
    fields = ("id", "path", "kind", "status", "read", "landed", "filtered", "rejected", "started_at", "error")
    if as_json:
        print_json([{name: getattr(one, name) for name in fields} for one in done])
    elif done:
        print_table(
            ["id", "status", "#read", "#landed", "#filtered", "#rejected", "file"],
            [
                [one.id, one.status, *(str(n) for n in (one.read, one.landed, one.filtered, one.rejected)), one.path]
                for one in done
            ],
        )
    else:
        console.print(f"Nothing imported yet: `tgstudio import PATH --tenant {tenant}`.")


def describe(summary: ImportSummary) -> str:
    """What an import did, in a sentence, with the reasons of what was left out or rejected."""
    parts = [
        f"{summary.files - summary.skipped_files} files: {summary.read} messages read, {summary.landed} posts landed"
    ]
    if summary.skipped_files:
        parts.append(f"{summary.skipped_files} files were imported before")
    for count, word, reasons in (
        (summary.filtered, "filtered", summary.filtered_by),
        (summary.rejected, "rejected", summary.rejected_by),
    ):
        if count:
            parts.append(f"{count} {word}" + (f" ({counted(reasons)})" if reasons else ""))
    if summary.dropped:
        parts.append(f"fields that could not be read, their messages kept ({counted(summary.dropped)})")
    if summary.local_times:
        parts.append(
            f"local times without a zone: {summary.local_times}, read as {summary.time_zone} (--time-zone names another)"
        )
    if summary.ignored:
        parts.append(f"{len(summary.ignored)} other files ignored")
    return ", ".join(parts)


def counted(numbers: Mapping[str, int]) -> str:
    """Reasons or fields with their counts, most first; after MOST_NAMED only how many more there are."""
    ordered = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{shorten(name, 120)}: {number}" for name, number in ordered[:MOST_NAMED]]
    rest = len(ordered) - len(named)
    return "; ".join([*named, f"and {rest} more"] if rest else named)


def order(
    tenant: TenantOption,
    topic: Annotated[str | None, typer.Option("--topic", help="The topic's id; `tgstudio top` shows them.")] = None,
    messages: Annotated[
        str | None, typer.Option("--messages", help="Chosen posts instead: channel_id/msg_id, separated by commas.")
    ] = None,
    platforms: Annotated[str | None, typer.Option("--platforms", help="For example tg,vk,x,ig.")] = None,
    language: Annotated[str | None, typer.Option("--language", help="ru or en.")] = None,
    tone: Annotated[str | None, typer.Option("--tone", help="neutral, lively or formal.")] = None,
    goal: Annotated[
        str, typer.Option("--goal", help="text, briefs, images or packages: how far to work it.")
    ] = "packages",
    day: Annotated[str | None, typer.Option("--day", help="Day (UTC) of the topic; default: the newest.")] = None,
    wait: Annotated[bool, typer.Option("--wait/--queue", help="Fulfil it now, or leave it to the sensor.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Turn a topic, or chosen posts, into packages."""
    from tgstudio_dagster.catalog.people.tenant_settings import OrderRequest

    request = OrderRequest.parse(platforms=platforms, language=language, tone=tone, goal=goal)
    studio = open_studio(tenant)
    made = studio.orders.request(
        topic,
        None if messages is None else parse_messages(messages),
        now=datetime.now(UTC),
        day=parse_day(day),
        platforms=request.platforms,
        language=request.language,
        tone=request.tone,
        goal=request.goal,
    )
    if wait:
        fulfil(tenant, made.id)
        made = next(one for one in studio.orders.all() if one.id == made.id)
    if as_json:
        print_json({"order": made.id, "status": made.status, "topic": topic, "platforms": made.platforms, "goal": goal})
    else:
        console.print(f"order [bold]{made.id}[/]: {made.status}")
        console.print(f"Next: `tgstudio packages --tenant {tenant} --order {made.id}`")


def parse_messages(value: str) -> list[tuple[int, int]]:
    """`1001/5,1001/7` as pairs of channel_id and msg_id."""
    found = []
    for part in value.split(","):
        channel, mark, message = part.strip().partition("/")
        if not (mark and channel.lstrip("-").isdecimal() and message.isdecimal()):
            raise typer.BadParameter(
                f"{part!r} is no post; write channel_id/msg_id, as `tgstudio feed --json` shows them"
            )
        found.append((int(channel), int(message)))
    return found


def fulfil(tenant: str, order_id: str) -> None:
    """Run the order's assets in this process and say in the catalog how it ended; raises TGStudioError on failure."""
    from tgstudio_dagster.catalog.work.orders import get_order, settle_order
    from tgstudio_dagster.core.home import prepare_home
    from tgstudio_dagster.core.settings import settings
    from tgstudio_dagster.newsroom.pipeline import made_of, missing

    prepare_home(settings())
    from tgstudio_dagster.operate.launch import fulfil_order

    studio = open_studio(tenant)
    order = get_order(studio.scope.catalog, tenant, order_id)
    asked_at = order.updated_at.isoformat()
    assets = missing(order.goal, made_of(studio.scope.lake, order_id))
    if not assets:
        settle_order(studio.scope.catalog, order_id, None, "done", asked_at=asked_at)
        return
    outcome = fulfil_order(order_id, assets, asked_at)
    ended: Literal["done", "failed"] = "done" if outcome.success else "failed"
    settle_order(studio.scope.catalog, order_id, outcome.run_id, ended, asked_at=asked_at, error=outcome.error)
    report(outcome, order_id)


def export(
    tenant: TenantOption,
    target: Annotated[Path, typer.Argument(help="Zip file or folder to write.")],
    first: Annotated[str | None, typer.Option("--from", help="First day (UTC); default: the newest 7 days.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day (UTC).")] = None,
    formats: Annotated[str, typer.Option("--formats", help="parquet, csv, or both.")] = "parquet,csv",
    bom: Annotated[
        bool, typer.Option("--bom", help="Begin CSV files with a byte-order mark, for spreadsheets.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the target.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write an analyst's bundle: messages, topics, rankings and packages with a manifest."""
    from tgstudio_dagster import __version__
    from tgstudio_dagster.core.days import DayRange
    from tgstudio_dagster.lake.bundle import write_bundle
    from tgstudio_dagster.topics.window import window_days

    studio = open_studio(tenant)
    if target.exists() and not force:
        raise ConflictError(f"{target}: exists already. Name another target, or add --force.")
    end = parse_day(last) or studio.topics.newest_day()
    start = parse_day(first) or window_days(end)[0]
    named = days_of(studio.scope.lake, start, end) if first or last else DayRange(start, end)
    days = list(named)
    manifest = write_bundle(
        studio.scope.lake,
        target,
        days=days,
        formats=tuple(part.strip() for part in formats.split(",")),
        bom=bom,
        as_zip=target.suffix == ".zip",
        code_version=__version__,
    )
    if as_json:
        print_json(manifest.model_dump(mode="json"))
    else:
        console.print(f"{target}: {len(manifest.files)} files, {start} … {end}")
