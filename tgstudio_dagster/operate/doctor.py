"""What is configured, reachable and missing, each with the mend. Reads only."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
from typing import Literal

from pydantic import BaseModel

from tgstudio_dagster.catalog.accounts.accounts import list_accounts
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.database import Catalog, without_password
from tgstudio_dagster.catalog.people.tenants import list_tenants
from tgstudio_dagster.core.errors import SettingsError, TGStudioError
from tgstudio_dagster.core.private import open_entries
from tgstudio_dagster.core.settings import Settings, WebSettings, telegram_settings, web_settings
from tgstudio_dagster.core.settings.machine import DAGSTER_PATH
from tgstudio_dagster.core.sockets import is_socket_taken
from tgstudio_dagster.lake.freshness import stale_days
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.posts import CHANNEL_LINES, MESSAGES
from tgstudio_dagster.operate.standing import ports_of_up
from tgstudio_dagster.services.local_accounts import LocalAccounts
from tgstudio_dagster.topics.footers import LEARNT_DAYS, add_counts, repeated
from tgstudio_dagster.topics.sentence import DEFAULT, DEFAULT_MODEL, LEXICAL

LOW_DISK = 2 * 2**30


class Finding(BaseModel):
    """One thing examined: ok, missing (optional) or failed, and what to do."""

    what: str
    status: Literal["ok", "missing", "failed"]
    detail: str


def examine(settings: Settings) -> list[Finding]:
    """All findings; nothing is raised, a failure is a finding."""
    findings = [_home(settings)]
    try:
        catalog = Catalog.open(settings)
        tenants = [tenant.slug for tenant in list_tenants(catalog)]
        findings.append(Finding(what="catalog", status="ok", detail=without_password(settings.catalog_url)))
    except Exception as error:  # noqa: BLE001 - whatever the driver raises is the finding
        findings.append(Finding(what="catalog", status="failed", detail=f"{type(error).__name__}: {error}"))
        tenants = []
    if not tenants:
        findings.append(Finding(what="tenants", status="missing", detail="none; `tgstudio tenant add NAME`"))
    findings.append(_telegram())
    for tenant in tenants:
        findings += [_tenant(settings, tenant), *_lines(settings, tenant), *_accounts(catalog, tenant)]
    return [*findings, _model(settings), _dagster(settings), *_web(settings), *_extras()]


def _home(settings: Settings) -> Finding:
    home = settings.home.resolve()
    if not home.exists():
        return Finding(what="home", status="missing", detail=f"{home}: made at first use")
    free = shutil.disk_usage(home).free
    if free < LOW_DISK:
        return Finding(what="home", status="failed", detail=f"{home}: only {free / 2**30:.1f} GiB free; make room")
    if exposed := open_entries(home):
        names = ", ".join(str(path.relative_to(home.parent)) for path in exposed[:3])
        detail = f"{home}: others on this machine may read {len(exposed)} entries ({names}); `chmod -R go-rwx {home}`"
        return Finding(what="home", status="failed", detail=detail)
    return Finding(what="home", status="ok", detail=f"{home} ({free / 2**30:.0f} GiB free)")


def _tenant(settings: Settings, tenant: str) -> Finding:
    what = f"tenant {tenant}"
    try:
        lake = Lake.open(settings).tenant(tenant)
        days, stale = lake.days(MESSAGES), stale_days(lake)
    except (TGStudioError, OSError) as error:
        return Finding(what=what, status="failed", detail=str(error))
    if stale:
        detail = f"{len(days)} days; {len(stale)} wait: `tgstudio materialize --tenant {tenant}`"
        return Finding(what=what, status="missing", detail=detail)
    if not days:
        return Finding(what=what, status="missing", detail=f"no messages; `tgstudio import PATH --tenant {tenant}`")
    return Finding(what=what, status="ok", detail=f"{len(days)} days, {min(days)} … {max(days)}, up to date")


def _lines(settings: Settings, tenant: str) -> list[Finding]:
    """What the tenant's channels were found to repeat, which topics leave out; nothing before any was counted."""
    try:
        lake = Lake.open(settings).tenant(tenant)
        counted = [lake.read(CHANNEL_LINES, days=[day]) for day in lake.days(CHANNEL_LINES)[-LEARNT_DAYS:]]
    except (TGStudioError, OSError) as error:
        return [Finding(what=f"lines of {tenant}", status="failed", detail=str(error))]
    found = repeated(add_counts(counted)).sort("share", "line", descending=[True, False])
    if found.is_empty():
        return []
    first = found.row(0, named=True)
    detail = (
        f"{found.height} lines that {found['channel_id'].n_unique()} channels repeat are left out of topics, for example "
        f"{first['line'][:60]!r} in {first['seen']} of {first['posts']} posts ({first['rule']})"
    )
    return [Finding(what=f"lines of {tenant}", status="ok", detail=detail)]


def _telegram() -> Finding:
    """Whether accounts can be paired: the application and a key for their sessions."""
    try:
        reach, vault = telegram_settings(), Vault.from_environment(os.environ)
    except SettingsError as error:
        missing = not any(name.startswith("SESSION_KEY_") for name in os.environ)
        return Finding(what="Telegram", status="missing" if missing else "failed", detail=str(error))
    if reach.api_id is None or reach.api_hash is None:
        detail = "TELEGRAM_API_ID and TELEGRAM_API_HASH are not set; docs/telegram.md says where they come from"
        return Finding(what="Telegram", status="missing", detail=detail)
    detail = f"application {reach.api_id}, sessions sealed with SESSION_KEY_{vault.newest}"
    return Finding(what="Telegram", status="ok", detail=detail)


def _accounts(catalog: Catalog, tenant: str) -> list[Finding]:
    """The tenant's accounts that are paired, or were lost."""
    return [
        Finding(what=f"account {account.name}", status="ok", detail=f"of tenant {tenant}, active")
        if account.status == "active"
        else Finding(what=f"account {account.name}", status="failed", detail=f"of tenant {tenant}: {account.error}")
        for account in list_accounts(catalog, tenant)
        if account.status != "removed"
    ]


def _model(settings: Settings) -> Finding:
    """What posts are compared by. A model is not loaded for this: that takes seconds, or a download."""
    what, name = "sentence model", settings.embeddings_model
    if name == LEXICAL:
        return Finding(what=what, status="ok", detail="none: words alone (TGSTUDIO_EMBEDDINGS_MODEL)")
    if importlib.util.find_spec("sentence_transformers") is None:
        detail = f"TGSTUDIO_EMBEDDINGS_MODEL is {name}; pip install 'tgstudio[ml]'"
        return Finding(what=what, status="failed", detail=detail)
    return Finding(what=what, status="ok", detail=f"{DEFAULT_MODEL if name == DEFAULT else name}, loaded when used")


def _dagster(settings: Settings) -> Finding:
    path = settings.dagster_socket_path
    if is_socket_taken(path):
        address = f"{_web_as_it_runs(settings).origin}{DAGSTER_PATH}"
        return Finding(what="Dagster", status="ok", detail=f"answers at {path}; operators see it at {address}")
    return Finding(what="Dagster", status="missing", detail=f"not running at {path}; `tgstudio up`")


def _web_as_it_runs(settings: Settings) -> WebSettings:
    """The studio of this home may listen elsewhere than this terminal's variables say."""
    web = web_settings()
    return web.model_copy(update={"port": ports_of_up(settings).get("TGSTUDIO_WEB_PORT", web.port)})


def _web(settings: Settings) -> list[Finding]:
    """Whether the web app runs, and who can sign in."""
    try:
        web, local = _web_as_it_runs(settings), len(LocalAccounts(settings).all())
    except SettingsError as error:
        return [Finding(what="web app", status="failed", detail=str(error))]
    with socket.socket() as probe:
        probe.settimeout(1)
        running = probe.connect_ex(("127.0.0.1", web.port)) == 0
    detail = f"answers at {web.origin}" if running else f"not running at {web.origin}; `tgstudio up`"
    ways = [f"{local} local accounts"] if local else []
    if web.oidc_client_id and web.oidc_client_secret:
        ways.append("Telegram (OpenID Connect)")
    elif web.bot_token and web.bot_name:
        ways.append("Telegram (login widget)")
    return [
        Finding(what="web app", status="ok" if running else "missing", detail=detail),
        Finding(what="sign-in", status="ok", detail=", ".join(ways))
        if ways
        else Finding(what="sign-in", status="missing", detail="nobody yet; `tgstudio up` makes an operator's account"),
    ]


def _extras() -> list[Finding]:
    wanted = {"python_socks": "proxy", "openai": "openai", "redis": "redis", "sentence_transformers": "ml"}
    return [
        Finding(what=f"extra {extra}", status="ok", detail=module)
        if importlib.util.find_spec(module)
        else Finding(what=f"extra {extra}", status="missing", detail=f"optional: pip install 'tgstudio[{extra}]'")
        for module, extra in wanted.items()
    ]
