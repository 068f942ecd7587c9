"""Commands about Telegram accounts and the keys that seal their sessions: login, accounts, logout, keys."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.text import Text

from tgstudio_dagster.cli.output import (
    Clock,
    JsonOption,
    TenantOption,
    console,
    errors,
    open_studio,
    print_json,
    print_table,
)
from tgstudio_dagster.core.errors import PairingError

if TYPE_CHECKING:
    from tgstudio_dagster.catalog.accounts.pairings import Pairing
    from tgstudio_dagster.catalog.accounts.vault import Vault
    from tgstudio_dagster.catalog.database import Catalog
    from tgstudio_dagster.services.accounts import Pairings

_LOOK_SECONDS = 0.2
keys_app = typer.Typer(help="Keys that seal Telegram sessions: new, rotate.", no_args_is_help=True)


def login(
    tenant: TenantOption,
    phone: Annotated[bool, typer.Option("--phone", help="By phone number and code instead of a QR code.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Accept whoever scans, without asking.")] = False,
) -> None:
    """Pair a Telegram account with a tenant: scan a QR code, or enter a number and the code that Telegram sends."""
    from pydantic import SecretStr

    from tgstudio_dagster.catalog.accounts.accounts import account_limit
    from tgstudio_dagster.core.settings import telegram_settings
    from tgstudio_dagster.services.accounts import Pairings
    from tgstudio_dagster.telegram.accounts.pairing_desk import PairingDesk

    scope = open_studio(tenant).scope
    taken = account_limit(scope.catalog, scope.principal)
    if taken is not None:
        errors.print(f"[yellow]{escape(taken)}[/]", highlight=False, soft_wrap=True)
    with PairingDesk(scope.catalog, _vault(), telegram_settings()) as desk:
        pairings = Pairings(replace(scope, open_desk=lambda: desk))
        if phone:
            row = pairings.begin_phone(SecretStr(typer.prompt("Phone number, with the country's code", err=True)))
        else:
            row = pairings.begin_qr()
        row = _lead(pairings, row, yes=yes)
    if row.status != "AUTHORIZED":
        raise PairingError(f"No account was paired: {row.error}")
    console.print(f"{row.name} ({row.telegram_id}) is paired as account {row.account_id}.", markup=False)


def accounts(tenant: TenantOption, as_json: JsonOption = False) -> None:
    """The tenant's accounts: whether they can be read with, and what Telegram makes them wait for."""
    studio = open_studio(tenant)
    found, waits, clock = studio.accounts.all(), studio.accounts.waits(), Clock.of(studio)
    if as_json:
        fields = ("id", "telegram_id", "name", "username", "status", "error", "created_at")
        print_json(
            [
                {name: getattr(one, name) for name in fields}
                | {"waits": [{"method": w.method, "until": w.not_before} for w in waits if w.account_id == one.id]}
                for one in found
            ]
        )
    elif found:
        rows = []
        for one in found:
            held = [f"{w.method} until {clock.told(w.not_before)}" for w in waits if w.account_id == one.id]
            name = one.name + (f" @{one.username}" if one.username else "")
            rows.append([one.id, str(one.telegram_id), name, one.status, ", ".join(held), one.error or ""])
        print_table(["id", "#Telegram id", "name", "status", "waits", "error"], rows)
    else:
        console.print(f"No accounts yet: `tgstudio login --tenant {tenant}`.")


def logout(
    account: Annotated[str, typer.Argument(help="The account's id; `tgstudio accounts` shows them.")],
    tenant: TenantOption,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove an account: log it out at Telegram and erase its session. What it has read stays."""
    studio = open_studio(tenant)
    one = studio.accounts.get(account)
    if not yes:
        typer.confirm(f"Log {one.name} ({one.telegram_id}) out and erase its session?", abort=True, err=True)
    console.print(str(studio.accounts.remove(account)), markup=False, soft_wrap=True)


@keys_app.command("new")
def keys_new() -> None:
    """Print a new key, for SESSION_KEY_1 or the next number. Keep it safe: sessions can't be read without it."""
    from tgstudio_dagster.catalog.accounts.vault import new_key

    print(new_key())


@keys_app.command("rotate")
def keys_rotate() -> None:
    """Seal every session and webhook's secret anew with the key of the highest number. Readers go on meanwhile."""
    from rich.progress import Progress

    from tgstudio_dagster.catalog.accounts.accounts import rotate_keys
    from tgstudio_dagster.catalog.outbox.webhooks import reseal_secrets

    vault, catalog = _vault(), _catalog()
    with Progress(console=errors) as progress:
        task = progress.add_task("sealing anew", total=None)
        count = rotate_keys(catalog, vault, done=lambda done, total: progress.update(task, completed=done, total=total))
    console.print(
        f"{count} sessions sealed anew with SESSION_KEY_{vault.newest}; the others were sealed with it already."
    )
    if secrets := reseal_secrets(catalog, vault):
        console.print(f"{secrets} secrets of webhooks likewise.")


def _lead(pairings: Pairings, row: Pairing, *, yes: bool) -> Pairing:
    """Show the pairing and ask what it needs until it has ended."""
    from pydantic import SecretStr

    from tgstudio_dagster.core.vocabulary import PAIRING_ENDS

    said = None
    while row.status not in PAIRING_ENDS:
        if row.error and row.error != said:
            said = row.error
            errors.print(f"[yellow]{escape(row.error)}[/]", highlight=False, soft_wrap=True)
        match row.status:
            case "CODE_NEEDED":
                code = typer.prompt(
                    "Code that Telegram sent (empty: send it again)", default="", show_default=False, err=True
                )
                row = pairings.submit_code(row.id, SecretStr(code)) if code.strip() else pairings.resend_code(row.id)
            case "PASSWORD_NEEDED":
                password = typer.prompt("Two-factor password", hide_input=True, err=True)
                row = pairings.submit_password(row.id, SecretStr(password))
            case "CONFIRM_NEEDED":
                answer = yes or typer.confirm(
                    f"{row.name} ({row.telegram_id}) has logged in. Pair this account?", err=True
                )
                row = (pairings.confirm if answer else pairings.decline)(row.id)
            case _:
                row = _show_code(pairings, row)
    return row


def _show_code(pairings: Pairings, row: Pairing) -> Pairing:
    """Show the QR code, renewed as it is, while the pairing is PENDING."""
    from rich.live import Live

    with Live(console=errors, auto_refresh=False, transient=True, vertical_overflow="visible") as live:
        shown = None
        while row.status == "PENDING":
            if row.url != shown and row.url:
                shown = row.url
                picture = _picture(row)
                if errors.is_terminal:
                    live.update(picture, refresh=True)
                else:
                    errors.print(picture)
            time.sleep(_LOOK_SECONDS)
            row = pairings.get(row.id)
    return row


def _picture(row: Pairing) -> Text:
    """The QR code in half blocks, light on dark whatever the terminal's colours are, and how to use it."""
    import io

    import segno

    assert row.url is not None
    art = io.StringIO()
    segno.make(row.url, error="l", micro=False).terminal(out=art, border=2, compact=True)
    until = row.deadline.astimezone()
    how = f"In Telegram: Settings > Devices > Link Desktop Device. Good until {until:%H:%M:%S}; the code renews itself."
    return Text.assemble((art.getvalue(), "bright_white on black"), how)


def _catalog() -> Catalog:
    from tgstudio_dagster.catalog.database import Catalog
    from tgstudio_dagster.core.settings import settings

    return Catalog.open(settings())


def _vault() -> Vault:
    from tgstudio_dagster.catalog.accounts.vault import Vault

    return Vault.from_environment(os.environ)
