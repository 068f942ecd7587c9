"""The command that shows one topic, and how splits, merges and moments gone by are shown by others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tgstudio_dagster.cli.output import (
    JsonOption,
    TenantOption,
    console,
    errors,
    moment_text,
    open_studio,
    parse_day,
    print_json,
    print_table,
    shorten,
)

if TYPE_CHECKING:
    import polars as pl

    from tgstudio_dagster.services import Studio
    from tgstudio_dagster.topics.rank_history import PastRankings

BARS = "▁▂▃▄▅▆▇█"
WIDEST = 48  # columns of a timeline; a longer one has several hours in each

CHANGE: dict[str, Callable[[dict[str, Any]], str]] = {
    "day": lambda row: row["day"].isoformat(),
    "": lambda row: "split off" if row["kind"] == "split" else "merged",
    "#posts": lambda row: str(row["shared"]),
    "id": lambda row: row["topic_id"],
    "title": lambda row: shorten(row["title"], 50),
    "other": lambda row: row["other_id"],
    "its title": lambda row: shorten(row["other_title"], 50),
}


def topic(
    tenant: TenantOption,
    topic_id: Annotated[str, typer.Argument(help="A topic's id; `tgstudio topics` lists them.")],
    day: Annotated[
        str | None, typer.Option("--day", help="Day (UTC) whose window is meant; default: the newest.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """One topic: when and by whom it was told, its posts with repeats folded, what split off or merged."""
    page = open_studio(tenant).topics.get(topic_id, day=parse_day(day))
    (row,) = page.topic.to_dicts()
    if as_json:
        print_json(
            {
                **row,
                "timeline": page.timeline.to_dicts(),
                "posts": page.posts.to_dicts(),
                "changes": page.changes.to_dicts(),
            }
        )
        return
    console.print(row["title"], style="bold", markup=False, highlight=False)
    seen = f"{moment_text(row['first_seen'])} … {moment_text(row['last_seen'])} UTC"
    languages = ", ".join(row["langs"] or [row["lang"]])
    for line in (
        f"{row['messages']} posts of {row['channels']} channels, {seen}; {languages}; story {row['story_id']}",
        f"keywords: {', '.join(row['keywords'])}",
        f"representative: {shorten(row['text'], 110)} {row['url'] or ''}",
    ):
        console.print(line, markup=False, highlight=False)
    _print_timeline(page.timeline)
    print_table(
        ["date", "channel", "#similarity", "#repeats", "text", "link"],
        [
            [
                moment_text(post["date"]),
                post["channel"] or post["channel_title"],
                f"{post['similarity']:.2f}",
                str(len(post["repeats"]) or "–"),
                shorten(post["text"], 90),
                post["url"],
            ]
            for post in page.posts.to_dicts()
        ],
    )
    if page.changes.height:
        print_table(list(CHANGE), [[cell(change) for cell in CHANGE.values()] for change in page.changes.to_dicts()])


def sparkline(counts: Sequence[int], most: int) -> str:
    """A bar for each count, a dot for none; `most` is the height of a full bar."""
    return "".join(BARS[(count * len(BARS) - 1) // most] if count else "·" for count in counts)


def known_then(studio: Studio, moment: datetime, day: str | None, *, quiet: bool) -> PastRankings:
    """What was known at a moment, made by the library; says, unless `quiet`, up to when it had been observed."""
    from tgstudio_dagster.topics.rank_history import known_at

    if day is not None:
        raise typer.BadParameter("give --day or --as-of: the day of --as-of is its own")
    with errors.status(f"going back to {moment:%Y-%m-%d %H:%M} UTC"):
        then = known_at(studio.scope.lake, moment, studio.settings.get().ranking)
    if not quiet:
        told = f"as known at {moment:%Y-%m-%d %H:%M} UTC; the newest observation was of {then.as_of:%Y-%m-%d %H:%M}"
        console.print(told, markup=False, highlight=False)
    return then


def _print_timeline(timeline: pl.DataFrame) -> None:
    rows = timeline.to_dicts()
    if not rows:
        return
    first, last = rows[0]["hour"], rows[-1]["hour"]
    hours = int((last - first) / timedelta(hours=1)) + 1
    step = -(-hours // WIDEST)
    names: dict[int, str] = {}
    counts: dict[int, list[int]] = {}
    for row in rows:
        channel = row["channel_id"]
        names[channel] = row["channel"] or row["channel_title"]
        place = int((row["hour"] - first) / timedelta(hours=1)) // step
        counts.setdefault(channel, [0] * -(-hours // step))[place] += row["posts"]
    most = max(max(one) for one in counts.values())
    ordered = sorted(counts, key=lambda channel: (-sum(counts[channel]), names[channel]))
    each = "an hour" if step == 1 else f"{step} hours"
    print_table(
        ["channel", "#posts", f"from {moment_text(first)} UTC, {each} each"],
        [[names[channel], str(sum(counts[channel])), sparkline(counts[channel], most)] for channel in ordered],
    )
