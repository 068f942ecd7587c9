"""The command that searches a tenant's whole history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.text import Text

from tgstudio_dagster.cli.output import (
    Clock,
    JsonOption,
    TenantOption,
    console,
    errors,
    open_studio,
    parse_day,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from tgstudio_dagster.search.copy import Gaps
    from tgstudio_dagster.search.find import Hit

MARK = "bold yellow"
DAYS_NAMED = 5
NOTHING = {
    "words": "No post holds all of it. Leave a word out, widen the filters, or try related words: --by meaning.",
    "meaning": "No post holds any of these words. Name the matter as the posts would, or widen the filters.",
}


def search(
    tenant: TenantOption,
    query: Annotated[
        str, typer.Argument(help='Words that all must be there, "a phrase", begin*, -without. Forms of a word are one.')
    ],
    by: Annotated[
        Literal["words", "meaning"],
        typer.Option("--by", help="meaning: with a sentence model what is near, else related words."),
    ] = "words",
    first: Annotated[str | None, typer.Option("--from", help="First day (UTC).")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day (UTC).")] = None,
    channel: Annotated[list[str] | None, typer.Option("--channel", help="Username or id; repeat for several.")] = None,
    lang: Annotated[list[str] | None, typer.Option("--lang", help="Language code, for example ru.")] = None,
    comments: Annotated[bool, typer.Option("--comments", help="Comments too.")] = False,
    deleted: Annotated[bool, typer.Option("--deleted", help="Deleted posts too.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="At most so many posts.")] = 10,
    cursor: Annotated[str | None, typer.Option("--cursor", help="Go on where the last page ended.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Posts of the whole history that hold what is asked for, best first. Before a query with -word write `--`."""
    studio = open_studio(tenant)
    page, clock = (
        studio.posts.search(
            query,
            by=by,
            first=parse_day(first),
            last=parse_day(last),
            channels=channel or (),
            langs=lang or (),
            comments=comments,
            deleted=deleted,
            limit=limit,
            cursor=cursor,
        ),
        Clock.of(studio),
    )
    if as_json:
        print_json(page.as_json())
        return
    if page.hits:
        rows: list[list[str | Text]] = [
            [clock.text(hit.date), hit.channel or hit.channel_title, _marked(hit), hit.url] for hit in page.hits
        ]
        print_table([clock.head("date"), "channel", "text", "link"], rows)
    else:
        console.print(NOTHING[by])
    if page.related:
        console.print(
            f"Related words (no sentence model is set): {', '.join(page.related)}", highlight=False, markup=False
        )
    if by == "words" and page.hits:
        console.print(
            f"{page.total:,} {'post' if page.total == 1 else 'posts'} in all.".replace(",", " "), highlight=False
        )
    if page.cursor:
        console.print(f"More: --cursor {page.cursor}", highlight=False)
    for line in _said(page.gaps):
        errors.print(line, style="yellow", highlight=False, markup=False)


def _marked(hit: Hit) -> Text:
    text = Text(hit.snippet)
    for start, end in hit.marks:
        text.stylize(MARK, start, end)
    return text


def _said(gaps: Gaps) -> list[str]:
    """What was not searched, and the mend."""
    said = []
    if gaps.missing:
        said.append(f"Not searched, no index: {_days([str(day) for day in gaps.missing])}. Run `tgstudio materialize`.")
    if gaps.behind:
        said.append(
            f"Searched as of an earlier index: {_days([str(day) for day in gaps.behind])}. Run `tgstudio materialize`."
        )
    said += [f"Not searched as it now stands: {reason}" for reason in list(gaps.damaged.values())[:DAYS_NAMED]]
    return said


def _days(days: list[str]) -> str:
    more = f" and {len(days) - DAYS_NAMED} more days" if len(days) > DAYS_NAMED else ""
    return ", ".join(days[:DAYS_NAMED]) + more
