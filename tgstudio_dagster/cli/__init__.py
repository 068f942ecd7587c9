"""The `tgstudio` command. One module per kind of command: read, work, tenants, operate; output.py prints.

Imports are lazy: a command loads only what it needs, so that `tgstudio --help` answers at once.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.markup import escape

from tgstudio_dagster import __version__
from tgstudio_dagster.capabilities import load_all
from tgstudio_dagster.cli import (
    accounts,
    channels,
    evaluate,
    live,
    materializing,
    mcp,
    newsroom,
    operate,
    people,
    rank,
    read,
    search,
    tenants,
    topic,
    work,
)
from tgstudio_dagster.cli.output import console, errors
from tgstudio_dagster.core.errors import TGStudioError
from tgstudio_dagster.core.private import keep_private

app = typer.Typer(
    name="tgstudio",
    help="Telegram channels into topics, rankings and publishable packages.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        console.print(f"TG Studio {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Telegram channels into topics, rankings and publishable packages."""


app.command("import")(work.import_)
app.command()(work.imports)
app.command()(materializing.materialize)
app.command()(work.order)
app.command()(work.export)
app.command()(read.feed)
app.command()(read.top)
app.command()(read.topics)
app.command()(topic.topic)
app.command("rank-diff")(rank.rank_diff)
app.command()(search.search)
app.command()(read.sql)
app.command()(newsroom.orders)
app.command()(newsroom.packages)
app.command()(newsroom.edit)
app.command()(newsroom.explain)
app.command()(newsroom.cancel)
app.command()(newsroom.rules)
app.command()(newsroom.usage)
app.command()(channels.subscribe)
app.command()(channels.unsubscribe)
app.command()(channels.subscriptions)
app.command()(channels.refresh)
app.command()(channels.backfill)
app.command()(live.listen)
app.command()(live.send)
app.command()(mcp.mcp)
app.command()(accounts.login)
app.command()(accounts.accounts)
app.command()(accounts.logout)
app.command()(operate.doctor)
app.command()(operate.init)
app.command()(operate.up)
app.command()(operate.demo)
app.add_typer(evaluate.evaluate_app, name="evaluate")
app.add_typer(tenants.tenant_app, name="tenant")
tenants.user_app.command("disable")(people.user_disable)
tenants.user_app.command("enable")(people.user_enable)
tenants.user_app.command("remove")(people.user_remove)
tenants.user_app.command("totp")(people.user_totp)
app.add_typer(tenants.user_app, name="user")
app.add_typer(people.member_app, name="member")
app.command()(people.sessions)
app.add_typer(accounts.keys_app, name="keys")

for capability, commands in load_all("commands"):
    app.add_typer(commands, name=capability.name)


def main() -> None:
    """Entry point: the product's errors become one line on stderr and exit code 1."""
    keep_private()
    try:
        app()
    except TGStudioError as error:
        errors.print(f"[bold red]error[/]: {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1)


__all__ = ["app", "main"]
