"""The command that compares rankings, and what `top --explain` shows of one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tgstudio_dagster.catalog.people.ranking_weights import RankingWeights
from tgstudio_dagster.cli.output import (
    JsonOption,
    TenantOption,
    console,
    open_studio,
    parse_day,
    print_json,
    print_table,
    shorten,
)
from tgstudio_dagster.core.errors import LakeError, NotFoundError, SettingsError

if TYPE_CHECKING:
    import polars as pl

    from tgstudio_dagster.lake.store import TenantLake

Cell = Callable[[dict[str, Any]], str]


def rank_diff(
    tenant: TenantOption,
    first: Annotated[str | None, typer.Option("--from", help="First day (UTC); default: the last one.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day (UTC); default: the newest.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A weight of the other formula, for example views=.2; repeat for several."),
    ] = None,
    by: Annotated[Literal["topic", "message"], typer.Option("--by", help="What is ranked.")] = "topic",
    window: Annotated[Literal["24h", "7d"], typer.Option("--window", help="Over what time.")] = "24h",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="At most so many moves a day.")] = 10,
    plot: Annotated[Path | None, typer.Option("--plot", help="Write a plot to this .svg file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two rankings of the same days: with other weights, or (without --set) stored beside made by this code."""
    from tgstudio_dagster.topics.lab.compare import compare, overall
    from tgstudio_dagster.topics.lab.compare_plot import plot as draw
    from tgstudio_dagster.topics.rank_days import ranked_days, stored_days

    if plot is not None and plot.suffix.lower() != ".svg":
        raise SettingsError(f"--plot {plot}: plots are written as SVG; name a file that ends with .svg.")
    studio = open_studio(tenant)
    ours: RankingWeights = getattr(studio.settings.get(), "ranking", RankingWeights())
    theirs = ours.changed(set_ or ())
    days = _days(studio.scope.lake, parse_day(first), parse_day(last), tenant)
    before = ranked_days(studio.scope.lake, days, ours) if set_ else stored_days(studio.scope.lake, days)
    after = ranked_days(studio.scope.lake, days, theirs)
    heading = ours.differences(theirs) or ("the same weights" if set_ else "stored → made by this code")
    found = compare(before, after)
    chosen: dict[str, str] = {"entity_kind": by, "window": window}
    agreement, moves = found.agreement.filter(**chosen), found.moves.filter(**chosen)
    moves = moves.group_by("day", maintain_order=True).head(limit)
    titles = _titles(studio.scope.lake, days, by, set(moves["entity_id"]))
    if plot is not None:
        titles |= _titles(studio.scope.lake, days[-1:], by, _leading(before, after, days[-1], chosen))
        _write(
            plot,
            draw(found, before, after, kind=by, window=window, titles=titles, heading=f"{by}s, {window}: {heading}"),
        )
    if as_json:
        print_json(
            {
                "compared": heading,
                "by": by,
                "window": window,
                "overall": overall(agreement).to_dicts(),
                "agreement": agreement.to_dicts(),
                "moves": [{**row, "title": titles.get(row["entity_id"])} for row in moves.to_dicts()],
            }
        )
        return
    console.print(f"{by}s, {window}: {heading}", markup=False, highlight=False)
    print_table(
        ["day", "#compared", "#only before", "#only after", "#Kendall tau", "#top-10 overlap"],
        [
            [
                str(row["day"]),
                *(str(row[name]) for name in ("compared", "only_before", "only_after")),
                *(_or_dash(row[name], ".3f") for name in ("kendall_tau", "top10_overlap")),
            ]
            for row in agreement.to_dicts()
        ],
    )
    if moves.is_empty():
        console.print("Nothing among the first 25 changed its place.")
        return
    print_table(
        ["date", "", "#before", "#after", "#score before", "#score after", "id", "title"],
        [
            [
                row["day"].isoformat(),
                _direction(row),
                *(_or_dash(row[f"rank_{side}"], "d") for side in ("before", "after")),
                *(_or_dash(row[f"score_{side}"], ".2f") for side in ("before", "after")),
                row["entity_id"],
                shorten(titles.get(row["entity_id"]), 70),
            ]
            for row in moves.to_dicts()
        ],
    )


def explained() -> dict[str, Cell]:
    """The columns that `top --explain` adds: what the score is made of, then why, in words (--json has every term)."""
    from tgstudio_dagster.topics.reasons import reasons

    numbers = ("popularity", "trend", "engagement", "audience", "decay")
    columns: dict[str, Cell] = {f"#{name}": _number(name) for name in numbers}
    return columns | {"why": lambda row: "; ".join(reasons(row))}


def _number(name: str) -> Cell:
    return lambda row: _or_dash(row[name], "d" if isinstance(row[name], int) else ".2f")


def _days(lake: TenantLake, first: date | None, last: date | None, tenant: str) -> list[date]:
    from tgstudio_dagster.lake.tables.topics import RANKINGS

    ranked = lake.days(RANKINGS)
    last = last or max(ranked, default=None)
    start = first or last
    days = [day for day in ranked if start is not None and last is not None and start <= day <= last]
    if not days:
        raise NotFoundError(
            f"tenant {tenant}: no day of that range is ranked. Run `tgstudio materialize --tenant {tenant}`, or name "
            "other days with --from and --to."
        )
    return days


def _leading(before: pl.DataFrame, after: pl.DataFrame, day: date, chosen: dict[str, str]) -> set[str]:
    from tgstudio_dagster.topics.lab.compare import TOP

    tens = (frame.filter(day=day, **chosen).sort("rank").head(TOP)["entity_id"] for frame in (before, after))
    return {entity for ten in tens for entity in ten}


def _titles(lake: TenantLake, days: list[date], by: str, wanted: set[str]) -> dict[str, str]:
    """What the entities are called: a topic's newest title, a post's text."""
    import polars as pl

    from tgstudio_dagster.lake.tables.posts import MESSAGES
    from tgstudio_dagster.lake.tables.topics import TOPICS
    from tgstudio_dagster.topics.window import window_days

    if by == "topic":
        named = lake.read(TOPICS, days=days, columns=["topic_id", "title"], where=[pl.col("topic_id").is_in(wanted)])
    else:
        spanned = sorted({one for day in days for one in window_days(day)})
        ids = [int(entity.split("/")[1]) for entity in sorted(wanted)]
        posts = lake.read(
            MESSAGES, days=spanned, columns=["channel_id", "msg_id", "text"], where=[pl.col("msg_id").is_in(ids)]
        )
        named = posts.select(pl.format("{}/{}", "channel_id", "msg_id"), "text")
    return {entity: title for entity, title in named.iter_rows() if entity in wanted}


def _write(target: Path, content: str) -> None:
    try:
        target.write_text(content, encoding="utf-8")
    except OSError as error:
        raise LakeError(f"{target}: cannot be written: {error.strerror}. Choose another place.") from error


def _direction(row: dict[str, Any]) -> str:
    if row["rank_before"] is None:
        return "new"
    if row["rank_after"] is None:
        return "gone"
    return "rises" if row["shift"] > 0 else "falls"


def _or_dash(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
