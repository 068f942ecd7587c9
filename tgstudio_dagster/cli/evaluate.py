"""Commands that judge: topics against labels made by people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tgstudio_dagster.cli.output import JsonOption, console, errors, print_json, print_table
from tgstudio_dagster.errors import LakeError, SettingsError, SourceError

if TYPE_CHECKING:
    import polars as pl

evaluate_app = typer.Typer(help="Quality: topics against labels.", no_args_is_help=True)
SHOWN = ("f1_same_story_ignored", "f1_strict", "f1_story", "b_cubed", "v_measure", "ari")


@evaluate_app.command("topics")
def evaluate_topics(
    file: Annotated[
        Path, typer.Argument(help="JSON Lines of labelled posts: channel, message_id, date, text, event, story.")
    ],
    history: Annotated[
        Path | None, typer.Option("--history", help="Earlier posts of the same channels, in the same form, unlabelled.")
    ] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Write a plot by threshold to this .svg file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Score the shipped topics on labelled posts, and show what other thresholds would give."""
    from tgstudio_dagster.topics.cluster import TOPIC_CUT
    from tgstudio_dagster.topics.evaluate_plot import plot as draw
    from tgstudio_dagster.topics.judge import judge

    if plot is not None and plot.suffix.lower() != ".svg":
        raise SettingsError(f"--plot {plot}: plots are written as SVG; name a file that ends with .svg.")
    labelled = _posts(file)
    with errors.status("clustering"):
        scores, sweep = judge(labelled, None if history is None else _posts(history))
    if plot is not None:
        try:
            plot.write_text(draw(sweep, shipped=TOPIC_CUT, heading=f"{file.name}: {labelled.height} posts"), "utf-8")
        except OSError as error:
            raise LakeError(f"{plot}: cannot be written: {error.strerror}. Choose another place.") from error
    if as_json:
        print_json(
            {
                "file": file.name,
                "posts": labelled.height,
                "shipped_threshold": TOPIC_CUT,
                **scores,
                "sweep": sweep.to_dicts(),
            }
        )
        return
    print_table(["measure", "#shipped settings"], [[name, f"{value:.4f}"] for name, value in scores.items()])
    console.print(f"{labelled.height} posts; by threshold (shipped: {TOPIC_CUT:g}):", highlight=False)
    print_table(
        ["#threshold", *(f"#{name}" for name in SHOWN)],
        [[f"{row['threshold']:g}", *(f"{row[name]:.3f}" for name in SHOWN)] for row in sweep.to_dicts()],
    )


def _posts(file: Path) -> pl.DataFrame:
    """The file's posts with dates as times (UTC); raises SourceError that names what is wrong with it."""
    import polars as pl

    try:
        posts = pl.read_ndjson(file, infer_schema_length=None)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise SourceError(f"{file}: no JSON Lines of posts ({reason}). Write one object a line.") from error
    if "date" in posts.columns and posts.schema["date"] == pl.String:
        dates = posts["date"].str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
        if dates.null_count() > posts["date"].null_count():
            row = int((dates.is_null() & posts["date"].is_not_null()).arg_max() or 0)
            raise SourceError(f"{file}, line {row + 1}: date {posts['date'][row]!r} is no ISO 8601 time.")
        posts = posts.with_columns(dates.alias("date"))
    return posts
