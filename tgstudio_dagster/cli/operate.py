"""Commands that operate the platform: doctor, up, demo."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.text import Text

from tgstudio_dagster.cli.output import JsonOption, console, errors, print_json, print_table


def doctor(as_json: JsonOption = False) -> None:
    """What is configured, reachable and missing."""
    from tgstudio_dagster.core.settings import settings
    from tgstudio_dagster.operate.doctor import examine

    findings = examine(settings())
    if as_json:
        print_json([finding.model_dump() for finding in findings])
    else:
        marks = {"ok": "green", "missing": "yellow", "failed": "red"}
        print_table(["", "what", "found"], [[Text(f.status, marks[f.status]), f.what, f.detail] for f in findings])
    if any(finding.status == "failed" for finding in findings):
        raise typer.Exit(1)


def init() -> None:
    """Prepare the home, the catalog and an account to sign in with; `up` does it too. For when processes start apart."""
    from tgstudio_dagster.core.home import prepare_home
    from tgstudio_dagster.core.settings import settings
    from tgstudio_dagster.operate.up import first_start

    prepare_home(settings())
    for line in first_start(settings()):
        console.print(line, highlight=False, soft_wrap=True)


def up() -> None:
    """Start the studio's web app, the reader, Dagster's UI and daemon on loopback; Ctrl-C ends them."""
    from tgstudio_dagster.core.settings import reader_settings, settings, web_settings
    from tgstudio_dagster.operate.up import up as start

    start(
        settings(), web_settings(), reader_settings(), lambda text: console.print(text, highlight=False, soft_wrap=True)
    )


def demo(
    orders: Annotated[
        int, typer.Option("--orders", min=1, max=10, help="How many top topics to turn into packages.")
    ] = 3,
    as_json: JsonOption = False,
) -> None:
    """The main job end to end on the sample: import, materialize, order, export, sum up."""
    from tgstudio_dagster.cli.demo import run_demo
    from tgstudio_dagster.core.settings import settings

    def say(text: str) -> None:
        errors.print(f"[dim]{escape(text)}[/]", highlight=False, soft_wrap=True)

    summary = run_demo(settings(), orders=orders, say=say)
    if as_json:
        print_json(summary.model_dump(mode="json"))
    else:
        summary.print(console)
