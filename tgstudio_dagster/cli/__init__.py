"""The `tgstudio` command. One module per kind of command: read, work, tenants, operate; output.py prints.

Imports are lazy: a command loads only what it needs, so that `tgstudio --help` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
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


_GROUPS: dict[str, tuple[Callable[..., None], ...]] = {
    "Start": (operate.init, operate.demo, operate.up, operate.doctor),
    "Bring posts in": (
        *(work.import_, work.imports, accounts.login, accounts.accounts, accounts.logout, channels.subscribe),
        *(channels.unsubscribe, channels.subscriptions, channels.refresh, channels.backfill, live.listen),
    ),
    "Look": (read.feed, search.search, read.top, read.topics, topic.topic, rank.rank_diff, read.sql),
    "Make": (
        *(work.order, newsroom.orders, newsroom.cancel, newsroom.packages, newsroom.edit, newsroom.explain),
        *(newsroom.rules, work.export, live.send),
    ),
    "Operate": (materializing.materialize, people.sessions, newsroom.usage, mcp.mcp),
}
"""The commands as `--help` lists them."""
for _group, _commands in _GROUPS.items():
    for _command in _commands:
        app.command(_command.__name__.rstrip("_").replace("_", "-"), rich_help_panel=_group)(_command)
tenants.user_app.command("disable")(people.user_disable)
tenants.user_app.command("enable")(people.user_enable)
tenants.user_app.command("remove")(people.user_remove)
tenants.user_app.command("totp")(people.user_totp)
for _name, _commands_of in (
    ("tenant", tenants.tenant_app),
    ("user", tenants.user_app),
    ("member", people.member_app),
    ("keys", accounts.keys_app),
    ("evaluate", evaluate.evaluate_app),
):
    app.add_typer(_commands_of, name=_name, rich_help_panel="Operate")

for capability, commands in load_all("commands"):
    app.add_typer(commands, name=capability.name, rich_help_panel="Capabilities")


def main() -> None:
    """Entry point: the product's errors become one line on stderr and exit code 1."""
    keep_private()
    try:
        app()
    except TGStudioError as error:
        errors.print(f"[bold red]error[/]: {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1)


__all__ = ["app", "main"]
