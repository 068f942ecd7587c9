"""Commands about channels: subscribe, unsubscribe, subscriptions, refresh, backfill."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from tgstudio_dagster.cli.materializing import (
    bring_up_to_date,
    fetch_files,
    materialize_ranges,
    read_telegram,
    stale_ranges,
)
from tgstudio_dagster.cli.output import (
    Clock,
    JsonOption,
    TenantOption,
    console,
    errors,
    open_keys,
    open_studio,
    parse_day,
    print_json,
    print_table,
    read_text,
    shorten,
)
from tgstudio_dagster.core.errors import SourceError

if TYPE_CHECKING:
    from tgstudio_dagster.catalog.follows.subscriptions import SubscriptionView
    from tgstudio_dagster.services import Studio

AccountOption = Annotated[
    str | None, typer.Option("--account", help="Id of the account that reads; default: the first active one.")
]

_MOST_LINES = 20


def subscribe(
    tenant: TenantOption,
    references: Annotated[
        list[str] | None, typer.Argument(help="@name, t.me/name, t.me/+invite or an id.", show_default=False)
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", help="A file of references, one per line; # comments.")] = None,
    dialogs: Annotated[bool, typer.Option("--dialogs", help="Every channel the account has among its chats.")] = False,
    folder: Annotated[
        str | None, typer.Option("--folder", help="The channels of one of the account's folders.")
    ] = None,
    days: Annotated[int, typer.Option("--days", min=0, help="Days of history to read.")] = 7,
    since: Annotated[str | None, typer.Option("--since", help="First day (UTC) to read, in place of --days.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Read the whole history, in place of --days.")] = False,
    comments: Annotated[bool, typer.Option("--comments", help="Read the comments too, not only their number.")] = False,
    account: AccountOption = None,
    wait: Annotated[bool, typer.Option("--wait/--queue", help="Read now, or leave it to the reader.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Follow channels, and read their newest posts at once; the history follows by `backfill` or the reader."""
    studio = open_studio(tenant)
    wanted = _references(studio, references or [], file, dialogs=dialogs, folder=folder, account=account)
    today = datetime.now(UTC).date()
    first = None if everything else parse_day(since) or today - timedelta(days=days)
    asked = {one.id for one in studio.follows.request(wanted, since=first, comments=comments, account_id=account)}
    if wait:
        bring_up_to_date(studio)
        _tell_troubles(studio)
    open_requests = [one for one in studio.follows.requests() if one.id in asked]
    if as_json:
        print_json(
            {
                "asked": len(asked),
                "waiting": [one.reference for one in open_requests if one.status == "queued"],
                "failed": {one.reference: one.error for one in open_requests if one.status == "failed"},
            }
        )
        return
    for one in open_requests:
        why = (one.error or "the next reading settles it").removeprefix(f"{one.reference}: ")
        errors.print(
            f"[yellow]{one.status}[/] {escape(one.reference)}: {escape(why)}",
            highlight=False,
            soft_wrap=True,
        )
    console.print(f"{len(asked) - len(open_requests)} of {len(asked)} channels followed")
    console.print(f"Next: `tgstudio feed --tenant {tenant}`, `tgstudio backfill --tenant {tenant} --estimate`")


def unsubscribe(
    tenant: TenantOption,
    references: Annotated[list[str], typer.Argument(help="@name or id, as `subscriptions` shows them.")],
) -> None:
    """Follow channels no longer; what was read stays."""
    studio = open_studio(tenant)
    for reference in references:
        ended = studio.follows.end(reference)
        console.print(f"{escape(ended.title)}: not followed any more")


def subscriptions(tenant: TenantOption, as_json: JsonOption = False) -> None:
    """The channels followed: status, how far they are read, what is asked for and waits."""
    studio = open_studio(tenant)
    found, waiting, clock = studio.follows.all(), studio.follows.requests(), Clock.of(studio)
    if as_json:
        fields = ("reference", "status", "error", "not_before", "created_at")
        print_json(
            {
                "subscriptions": [asdict(one) for one in found],
                "requests": [{name: getattr(one, name) for name in fields} for one in waiting],
            }
        )
        return
    if not found and not waiting:
        console.print(f"Nothing followed yet: `tgstudio subscribe --tenant {tenant} @channel`.")
    if found:
        print_table(
            ["id", "channel", "status", "", "#members", clock.head("read"), "history", "error"],
            [_row(one, clock) for one in found],
        )
    if waiting:
        rows = [[one.reference, one.status, _when(one.not_before, clock), shorten(one.error, 100)] for one in waiting]
        print_table(["asked for", "status", clock.head("not before"), "why"], rows)


def refresh(tenant: TenantOption) -> None:
    """Read Telegram now, and bring everything up to rankings to date."""
    studio = open_studio(tenant)
    bring_up_to_date(studio)
    _tell_troubles(studio)
    console.print(f"Next: `tgstudio feed --tenant {tenant}`")


def backfill(
    tenant: TenantOption,
    estimate: Annotated[bool, typer.Option("--estimate", help="Only say what it would cost.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Read the history that subscriptions ask for, newest first; stop it any time, it goes on where it stopped."""
    from tgstudio_dagster.catalog.follows.standings import standings
    from tgstudio_dagster.core.settings import settings
    from tgstudio_dagster.reader.decide.history import decide
    from tgstudio_dagster.telegram.reading.completeness import missing

    studio = open_studio(tenant)
    if estimate:
        _print_estimate(studio, as_json=as_json)
        return
    tried: set[str] = set()
    earliest = date.fromisoformat(settings().first_day)
    while True:
        found = standings(studio.scope.catalog, earliest=earliest, only=tenant)
        slices = decide(found, earliest=earliest, busy=set(), attempts={}, now=datetime.now(UTC))
        if not slices or slices[0].version in tried:
            break
        tried.add(slices[0].version)
        days = slices[0].days
        read_telegram(studio, days)
        materialize_ranges(studio, stale_ranges(studio.scope.lake))
        active = [view for view in studio.follows.all() if view.status == "active"]
        wholly = not any(missing(view, max(days.first, earliest)) for view in active)
        console.print(f"{days.first} … {days.last}: {'read' if wholly else 'not wholly read'}")
    fetch_files(studio)
    _tell_troubles(studio)
    _tell_missing(studio, earliest)


def _tell_missing(studio: Studio, earliest: date) -> None:
    """Whether all history that was asked for is read; what is not, channel by channel, with the reason."""
    from tgstudio_dagster.telegram.reading.completeness import missing

    lost = {account.id: account.error for account in studio.accounts.all() if account.status in ("expired", "banned")}
    views = [
        replace(view, error=lost.get(view.account_id or "", view.error))
        for view in studio.follows.all()
        if view.status != "ended"
    ]
    waiting = [f"{one.reference}: not followed yet" for one in studio.follows.requests() if one.status == "queued"]
    unread = [f"{view.title}: {why}" for view in views if (why := missing(view, earliest)) is not None] + waiting
    if not unread:
        console.print("All history that was asked for is read." if views else "Nothing is followed that could be read.")
        return
    for line in unread[:_MOST_LINES]:
        errors.print(f"[yellow]not read[/] {escape(line)}", highlight=False, soft_wrap=True)
    if len(unread) > _MOST_LINES:
        errors.print(f"and {len(unread) - _MOST_LINES} more", highlight=False)
    console.print("It can't go on now. Run it again later, or leave it to the reader.")


def _references(
    studio: Studio, given: list[str], file: Path | None, *, dialogs: bool, folder: str | None, account: str | None
) -> list[str]:
    """What is to be followed, each once; raises SourceError where nothing is named."""
    from tgstudio_dagster.telegram.reading.references import parse_list

    wanted = list(given)
    if file is not None:
        wanted += [str(one) for one in parse_list(read_text(file))]
    if dialogs or folder is not None:
        import asyncio

        from tgstudio_dagster.telegram.reading.listing import list_dialogs

        with errors.status("asking for the account's channels"):
            listed = asyncio.run(list_dialogs(open_keys(studio), folder=folder, account_id=account))
        if not listed:
            where = "among its chats" if folder is None else f"in its folder {folder!r}"
            raise SourceError(f"The account has no channel or supergroup {where}.")
        wanted += listed
    if not wanted:
        raise SourceError(
            "Name a channel (@name, t.me/name, an invite or an id), or give --file, --dialogs or --folder."
        )
    return wanted


def _tell_troubles(studio: Studio) -> None:
    """What kept the last reading from doing all it should: an error, or flood waits."""
    from tgstudio_dagster.catalog.follows.reading import tenant_read

    last = tenant_read(studio.scope.catalog, studio.tenant.slug)
    if last.error is not None:
        errors.print(f"[yellow]note[/] {escape(last.error)}", highlight=False, soft_wrap=True)
    clock = Clock.of(studio)
    for one in studio.accounts.waits(datetime.now(UTC)):
        errors.print(
            f"[yellow]waits[/] {escape(one.account)}: {one.method} until {clock.told(one.not_before)}, as Telegram asks",
            highlight=False,
        )


def _print_estimate(studio: Studio, *, as_json: bool) -> None:
    from tgstudio_dagster.services.follows import together

    with errors.status("asking Telegram"):
        found = studio.follows.estimate()
    total = together(found.values())
    titles = {one.channel_id: one.title for one in studio.follows.all()}
    if as_json:
        print_json({"channels": {str(one): asdict(found[one]) for one in found}, "together": asdict(total)})
        return
    print_table(
        ["channel", "#messages", "#requests", "#minutes"],
        [
            [titles[channel], f"{one.messages:,}", f"{one.requests:,}", f"{one.minutes:.1f}"]
            for channel, one in found.items()
        ],
    )
    console.print(f"Together {total.messages:,} messages, {total.requests:,} requests, {total.minutes:.1f} minutes.")


def _row(one: SubscriptionView, clock: Clock) -> list[str]:
    return [
        str(one.channel_id),
        one.title if one.username is None else f"{one.title} @{one.username}",
        one.status,
        one.visibility,
        "" if one.members is None else f"{one.members:,}",
        _when(one.read_at, clock),
        _history(one),
        shorten(one.error, 80),
    ]


def _history(one: SubscriptionView) -> str:
    wanted = "all" if one.since is None else str(one.since)
    if one.filled_from is None:
        return f"from {wanted}: waits"
    done = one.since is not None and one.filled_from <= one.since
    return f"from {wanted}" if done else f"from {wanted}: read to {one.filled_from}"


def _when(moment: datetime | None, clock: Clock) -> str:
    return clock.text(moment, "%Y-%m-%d %H:%M")
