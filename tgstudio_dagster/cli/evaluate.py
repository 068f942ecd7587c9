"""Commands that judge: topics against labels made by people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tgstudio_dagster.cli.output import JsonOption, console, errors, print_json, print_table
from tgstudio_dagster.core.errors import LakeError, SettingsError

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
    threshold: Annotated[
        list[float] | None,
        typer.Option("--threshold", help="Try this threshold, between 0 and 1, instead of the usual ones; repeat it."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Score the shipped topics on labelled posts, and show what other thresholds would give.

    With the sentence model of TGSTUDIO_EMBEDDINGS_MODEL where one is set.
    """
    from tgstudio_dagster.core.settings import settings
    from tgstudio_dagster.topics.cluster import TOPIC_CUT, TOPIC_CUT_BLENDED
    from tgstudio_dagster.topics.lab.evaluate_plot import plot as draw
    from tgstudio_dagster.topics.lab.judge import THRESHOLDS, judge
    from tgstudio_dagster.topics.lab.labelled import read_posts
    from tgstudio_dagster.topics.sentence import open_encoder

    if plot is not None and plot.suffix.lower() != ".svg":
        raise SettingsError(f"--plot {plot}: plots are written as SVG; name a file that ends with .svg.")
    if not all(0 < tried < 1 for tried in threshold or ()):
        raise SettingsError(f"--threshold {threshold}: a threshold is a number between 0 and 1.")
    labelled = read_posts(file, labelled=True)
    earlier = None if history is None else read_posts(history, labelled=False)
    encoder = open_encoder(settings())
    shipped = TOPIC_CUT if encoder is None else TOPIC_CUT_BLENDED
    with errors.status("clustering"):
        scores, sweep = judge(labelled, earlier, encoder, sorted(threshold) if threshold else THRESHOLDS)
    if plot is not None:
        try:
            plot.write_text(draw(sweep, shipped=shipped, heading=f"{file.name}: {labelled.height} posts"), "utf-8")
        except OSError as error:
            raise LakeError(f"{plot}: cannot be written: {error.strerror}. Choose another place.") from error
    if as_json:
        print_json(
            {
                "file": file.name,
                "posts": labelled.height,
                "model": "lexical" if encoder is None else encoder.model,
                "shipped_threshold": shipped,
                **scores,
                "sweep": sweep.to_dicts(),
            }
        )
        return
    print_table(["measure", "#shipped settings"], [[name, f"{value:.4f}"] for name, value in scores.items()])
    console.print(f"{labelled.height} posts; by threshold (shipped: {shipped:g}):", highlight=False)
    print_table(
        ["#threshold", *(f"#{name}" for name in SHOWN)],
        [[f"{row['threshold']:g}", *(f"{row[name]:.3f}" for name in SHOWN)] for row in sweep.to_dicts()],
    )
