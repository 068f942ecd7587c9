"""Erasing a tenant: accounts logged out, lake, search copy, files, uploads, rows, runs and sessions removed, and proof of it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from tgstudio_dagster.catalog.accounts.accounts import list_accounts
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.erasure import erase_rows, lonely_logins, note_erasure, rows_left
from tgstudio_dagster.catalog.people.principals import operator
from tgstudio_dagster.catalog.people.tenants import delete_tenant
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import NotFoundError, TGStudioError
from tgstudio_dagster.core.home import prepare_home
from tgstudio_dagster.core.settings import Settings, TelegramSettings
from tgstudio_dagster.lake.layout import check_tenant
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.orchestration.forgetting import forget_tenant, runs_of
from tgstudio_dagster.services.local_accounts import LocalAccounts
from tgstudio_dagster.telegram.accounts.removal import remove_account


@dataclass(frozen=True)
class Erasure:
    """What was erased and what is left, in figures by kind; `accounts` says of each what became of its session."""

    accounts: tuple[str, ...]
    erased: dict[str, int]
    left: dict[str, int]


def erase_tenant(
    settings: Settings, telegram: TelegramSettings, slug: str, *, open_vault: Callable[[], Vault]
) -> Erasure:
    """Delete a tenant for good. What fails is said and counted as left; it can be run again, also for one deleted before.

    Raises NotFoundError for a slug that never was a tenant's.
    """
    prepare_home(settings)
    catalog, lake, now = Catalog.open(settings), Lake.open(settings), utc_now()
    try:
        accounts = _log_out(catalog, telegram, check_tenant(slug), open_vault)
        delete_tenant(catalog, slug)
    except NotFoundError:
        accounts = ()
    erased = {"objects of the lake": lake.erase(slug)}
    erased["files of the home"] = sum(_remove(folder) for folder in _folders(settings, slug))
    for lock in settings.home.resolve().rglob(f"tenant={slug}.lock"):
        lock.unlink(missing_ok=True)
    erased["runs"] = forget_tenant(slug)
    local = LocalAccounts(settings)
    logins = lonely_logins(catalog, slug)
    for login in logins:
        local.remove(login)
    erased["local accounts"] = len(logins)
    erased |= {f"rows of {name}": count for name, count in erase_rows(catalog, slug, now).items()}
    note_erasure(catalog, slug, erased)
    # Until then the pages of deleted rows lie in the files as they were.
    for database in settings.home.resolve().rglob("*.sqlite"):
        _write_anew(database)
    for database in settings.home.resolve().glob("dagster/**/*.db"):
        _write_anew(database)
    left = {"objects of the lake": len(lake.objects_of(slug)), "runs": runs_of(slug)}
    left["files of the home"] = sum(1 for folder in _folders(settings, slug) for _ in folder.rglob("*"))
    left["local accounts"] = len({account.login for account in local.all()} & set(logins))
    left |= {f"rows of {name}": count for name, count in rows_left(catalog, slug).items()}
    catalog.close()
    return Erasure(accounts, erased, {name: count for name, count in left.items() if count})


def _log_out(
    catalog: Catalog, telegram: TelegramSettings, slug: str, open_vault: Callable[[], Vault]
) -> tuple[str, ...]:
    principal = operator(catalog, slug)
    said = []
    for account in list_accounts(catalog, slug):
        if account.status == "removed":
            continue
        try:
            said.append(str(remove_account(catalog, principal, account.id, open_vault=open_vault, settings=telegram)))
        except TGStudioError as error:
            said.append(f"Account {account.id} ({account.name}): {error} Its session is erased all the same.")
    return tuple(said)


def _folders(settings: Settings, slug: str) -> list[Path]:
    """The tenant's folders on this machine: search copy, files under way, and what is left of the lake's, which is empty."""
    bases = [settings.home.resolve(), *([Path(settings.lake_root)] if "://" not in settings.lake_root else [])]
    return [path for base in bases for path in base.rglob(f"tenant={slug}") if path.is_dir()]


def _write_anew(database: Path) -> None:
    """Free a SQLite file of what was deleted in it; one that is in use frees its pages in time by itself."""
    with closing(sqlite3.connect(database, timeout=5)) as connection, suppress(sqlite3.OperationalError):
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _remove(folder: Path) -> int:
    files = sum(1 for path in folder.rglob("*") if path.is_file())
    shutil.rmtree(folder, ignore_errors=True)
    return files
