"""Commands that read: feed, top, topics, sql. All of them take --json."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Literal

import typer

from tgstudio_dagster.cli.output import (
    IdsOption,
    JsonOption,
    TenantOption,
    console,
    moment_text,
    open_studio,
    parse_day,
    parse_moment,
    print_json,
    print_rows,
    print_table,
    shorten,
)
from tgstudio_dagster.cli.rank import explained
from tgstudio_dagster.cli.topic import CHANGE, known_then
from tgstudio_dagster.core.errors import TGStudioError

Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="At most so many rows.")]
DayOption = Annotated[str | None, typer.Option("--day", help="Day (UTC) whose window is meant; default: the newest.")]
AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of", help="As it was known at a moment (UTC), for example 2026-03-15T12:00: made anew, not stored."
    ),
]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}".replace(",", " ")


def feed(
    tenant: TenantOption,
    first: Annotated[str | None, typer.Option("--from", help="First day (UTC).")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day (UTC).")] = None,
    channel: Annotated[list[str] | None, typer.Option("--channel", help="Username; repeat for several.")] = None,
    lang: Annotated[list[str] | None, typer.Option("--lang", help="Language code, for example ru.")] = None,
    type_: Annotated[list[str] | None, typer.Option("--type", help="Type, for example photo.")] = None,
    word: Annotated[list[str] | None, typer.Option("--word", help="Posts that hold every given word.")] = None,
    limit: Limit = 20,
    as_json: JsonOption = False,
) -> None:
    """Posts, newest first."""
    found = open_studio(tenant).posts.rows(
        first=parse_day(first),
        last=parse_day(last),
        channels=channel or (),
        langs=lang or (),
        types=type_ or (),
        words=word or (),
        limit=limit,
    )
    print_rows(
        found,
        {
            "date": lambda row: moment_text(row["date"]),
            "channel": lambda row: row["channel"] or row["channel_title"],
            "type": lambda row: row["type"],
            "#views": lambda row: _number(row["views"]),
            "text": lambda row: shorten(row["text"], 110),
            "link": lambda row: row["url"],
        },
        as_json=as_json,
        empty="No posts. Import some with `tgstudio import`, or widen the filters.",
    )


def top(
    tenant: TenantOption,
    by: Annotated[Literal["topic", "message"], typer.Option("--by", help="What to rank.")] = "topic",
    window: Annotated[Literal["24h", "7d"], typer.Option("--window", help="Over what time.")] = "24h",
    day: DayOption = None,
    as_of: AsOfOption = None,
    limit: Limit = 10,
    explain: Annotated[bool, typer.Option("--explain", help="Show each term of the formula.")] = False,
    ids: IdsOption = False,
    as_json: JsonOption = False,
) -> None:
    """The best ranked topics or posts."""
    studio, moment = open_studio(tenant), parse_moment(as_of)
    if moment is None:
        found = studio.topics.top(by=by, window=window, day=parse_day(day), limit=limit)
    else:
        from tgstudio_dagster.topics.questions import top_of

        then = known_then(studio, moment, day, quiet=as_json or ids)
        found = top_of(then.rankings, then.found.topics, then.messages, by=by, window=window, limit=limit)
    if ids:
        print("\n".join(found["entity_id"]))
        return
    columns: dict[str, Any] = {
        "#rank": lambda row: str(row["rank"]),
        "#score": lambda row: f"{row['score']:.2f}",
        "id": lambda row: row["entity_id"],
        "title": lambda row: shorten(row["title"], 80),
        "#posts": lambda row: str(row["messages"]),
        "#channels": lambda row: str(row["channels"]),
    }
    if explain:
        del columns["#posts"], columns["#channels"]
        columns |= explained()
    else:
        columns["link"] = lambda row: row["url"]
    print_rows(found, columns, as_json=as_json, empty="Nothing is ranked in that window.")


def topics(
    tenant: TenantOption,
    topic: Annotated[str | None, typer.Argument(help="A topic's id: show its posts.")] = None,
    day: DayOption = None,
    as_of: AsOfOption = None,
    changes: Annotated[bool, typer.Option("--changes", help="What split or merged since the day before.")] = False,
    limit: Limit = 20,
    as_json: JsonOption = False,
) -> None:
    """Topics, largest first; or the posts of one; or which of them split or merged."""
    studio, moment = open_studio(tenant), parse_moment(as_of)
    if (topic is not None) + changes + (moment is not None) > 1:
        raise typer.BadParameter("give a topic's id, --changes or --as-of: one of them")
    if changes:
        found = studio.topics.changes(day=parse_day(day)).head(limit)
        print_rows(found, CHANGE, as_json=as_json, empty="Nothing split or merged since the day before.")
        return
    if topic is not None:
        print_rows(
            studio.topics.posts(topic, day=parse_day(day)),
            {
                "date": lambda row: moment_text(row["date"]),
                "channel": lambda row: row["channel"] or row["channel_title"],
                "#similarity": lambda row: f"{row['similarity']:.2f}",
                "text": lambda row: shorten(row["text"], 110),
                "link": lambda row: row["url"],
            },
            as_json=as_json,
            empty="No posts.",
        )
        return
    if moment is None:
        found = studio.topics.all(day=parse_day(day), limit=limit)
    else:
        from tgstudio_dagster.topics.questions import topics_of

        found = topics_of(known_then(studio, moment, day, quiet=as_json).found.topics, limit=limit)
    print_rows(
        found,
        {
            "id": lambda row: row["topic_id"],
            "title": lambda row: shorten(row["title"], 80),
            "#posts": lambda row: str(row["messages"]),
            "#channels": lambda row: str(row["channels"]),
            "last": lambda row: moment_text(row["last_seen"]),
            "keywords": lambda row: ", ".join(row["keywords"][:6]),
        },
        as_json=as_json,
        empty="No topics in that window: they need two similar posts.",
    )


def sql(
    tenant: TenantOption,
    query: Annotated[str | None, typer.Argument(help="A SELECT; without it a shell opens.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="More rows than this are an error.")] = 10_000,
    as_json: JsonOption = False,
) -> None:
    """Query the tenant's own views with DuckDB: read-only, nothing else can be reached."""
    from tgstudio_dagster.lake.sandbox_process import TIMEOUT

    posts = open_studio(tenant).posts

    def run(text: str) -> None:
        frame = posts.sql(text, rows=limit, seconds=TIMEOUT)
        if as_json:
            print_json(frame.to_dicts())
        else:
            print_table(frame.columns, [[shorten(str(value), 60) for value in row] for row in frame.iter_rows()])

    if query is not None:
        run(query)
        return
    interactive = sys.stdin.isatty()
    if interactive:
        console.print("Views of this tenant: `show tables`. One statement a line; an empty line or Ctrl-D ends.")
    while True:
        try:
            line = input("tgstudio> " if interactive else "").strip().rstrip(";")
        except (EOFError, KeyboardInterrupt):
            return
        if not line:
            return
        try:
            run(line)
        except TGStudioError as error:
            console.print(str(error), style="red", highlight=False, markup=False)
