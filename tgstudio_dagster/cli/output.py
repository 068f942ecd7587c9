"""How commands print: a table for a person, JSON for a program. And how they open what they need."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tgstudio_dagster.core.text import visible, visible_json

if TYPE_CHECKING:
    import polars as pl

    from tgstudio_dagster.services import Studio
    from tgstudio_dagster.telegram.accounts.session import Keys


class HarmlessConsole(Console):
    """A console on which no text that is printed moves the cursor, sets colours or turns the line's direction."""

    def print(self, *objects: Any, **how: Any) -> None:
        """As Console's, with each text made visible; texts within tables are those of `print_table`."""
        super().print(*(visible(thing) if isinstance(thing, str) else thing for thing in objects), **how)


WHOLE = {"link", "id", "order", "package", "date"}

# A pipe has no width: wide enough there for a line to stay a line.
console = HarmlessConsole(width=None if sys.stdout.isatty() else 180)
errors = HarmlessConsole(stderr=True)

TenantOption = Annotated[str, typer.Option("--tenant", "-t", help="The tenant's slug.")]
IdsOption = Annotated[bool, typer.Option("--ids", help="Print ids only, one a line.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def parse_day(value: str | None) -> date | None:
    """A `YYYY-MM-DD` argument as a date, None where it is not given."""
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise typer.BadParameter(f"{value!r} is no day; write it as 2026-03-15") from error


def parse_moment(value: str | None) -> datetime | None:
    """A `YYYY-MM-DDTHH:MM` argument as a moment (UTC unless it says otherwise), None where it is not given."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise typer.BadParameter(f"{value!r} is no moment; write it as 2026-03-15T12:00") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def open_studio(tenant: str) -> Studio:
    """The studio of a tenant, for the operator at this machine's command line."""
    from tgstudio_dagster.catalog.database import Catalog
    from tgstudio_dagster.catalog.people.principals import operator
    from tgstudio_dagster.core.settings import settings
    from tgstudio_dagster.lake.store import Lake
    from tgstudio_dagster.services import Studio

    catalog = Catalog.open(settings())
    return Studio.open(operator(catalog, tenant), catalog, Lake.open(settings()))


def open_keys(studio: Studio) -> Keys:
    """What opens the sessions of the studio's tenant; raises SettingsError where a variable is missing."""
    import os

    from tgstudio_dagster.catalog.accounts.vault import Vault
    from tgstudio_dagster.core.settings import telegram_settings
    from tgstudio_dagster.telegram.accounts.session import Keys

    return Keys(studio.tenant.slug, studio.scope.catalog, Vault.from_environment(os.environ), telegram_settings())


def print_json(value: object) -> None:
    """The value as JSON on stdout, times in ISO 8601; what a terminal would obey stands as escapes."""
    print(visible_json(json.dumps(value, ensure_ascii=False, indent=2, default=_plain)))


def print_rows(
    frame: pl.DataFrame, columns: Mapping[str, Callable[[dict[str, Any]], str | Text]], *, as_json: bool, empty: str
) -> None:
    """A frame as JSON rows, or as a table with the given columns; `empty` says what to do where there is no row."""
    rows = frame.to_dicts()
    if as_json:
        print_json(rows)
    elif not rows:
        console.print(empty)
    else:
        print_table(list(columns), [[render(row) for render in columns.values()] for row in rows])


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str | Text]], *, title: str | None = None) -> None:
    """A plain table; numbers to the right by the header's leading `#`. A cell is visible, and never Rich markup."""
    table = Table(
        title=None if title is None else visible(title),
        title_justify="left",
        header_style="bold",
        box=None,
        pad_edge=False,
    )
    for header in headers:
        number = header.startswith("#")
        # Links and ids are for copying: they stay whole, the text beside them folds.
        whole = number or header in WHOLE
        table.add_column(header.lstrip("#"), justify="right" if number else "left", overflow="fold", no_wrap=whole)
    for row in rows:
        table.add_row(*(_harmless(cell) for cell in row))
    console.print(table)


def moment_text(value: datetime) -> str:
    """A moment as people read it, with its year: 2026-03-14 15:04."""
    return f"{value:%Y-%m-%d %H:%M}"


def shorten(text: str | None, length: int = 90) -> str:
    """One line of at most `length` characters."""
    line = " ".join((text or "").split())
    return line if len(line) <= length else line[: length - 1] + "…"


def _harmless(cell: str | Text) -> Text:
    if isinstance(cell, str):
        return Text(visible(cell))
    return Text(visible(cell.plain), style=cell.style) if visible(cell.plain) != cell.plain else cell


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)
