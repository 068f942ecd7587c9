"""What the web app's process has open: the catalog, the lake, its keys, and the desks that it leads.

Who asks is not known here (who.py); a page that runs in this process finds it all by `current()`.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.switches import switched_off
from tgstudio_dagster.catalog.people.api_requests import History
from tgstudio_dagster.catalog.people.logins import ended_among
from tgstudio_dagster.catalog.people.tenants import get_tenant, tenant_settings
from tgstudio_dagster.core.cache import TtlCache
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.scopes import Scopes
from tgstudio_dagster.core.settings import Settings, WebSettings, settings, telegram_settings, web_settings
from tgstudio_dagster.core.settings.machine import DAGSTER_PATH
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.services.account_watch import notice_changes
from tgstudio_dagster.services.calls import Calls
from tgstudio_dagster.services.limits import Limiter
from tgstudio_dagster.services.local_accounts import LocalAccounts
from tgstudio_dagster.services.runs import RunsClient
from tgstudio_dagster.services.scope import COMMAND_LINE, Credential, Scope, open_search
from tgstudio_dagster.services.sessions import Signer
from tgstudio_dagster.services.staged import StagedFiles
from tgstudio_dagster.services.studio import Studio
from tgstudio_dagster.services.turns import Turns
from tgstudio_dagster.telegram.accounts.pairing_desk import PairingDesk

if TYPE_CHECKING:
    from tgstudio_dagster.search.find import Search

_TURNS = max(2, os.cpu_count() or 1)
"""Questions to the lake that are answered at a time: more of them only hold each other up (benchmarks/api.py)."""
_WAITING = 20
"""Questions of a tenant that wait for a turn, each with a thread: half of those that the process answers requests with."""
_STATEMENTS_WAITING = 3
"""Statements of a tenant that wait for the one that runs."""
_BELIEVED_SECONDS, _BELIEVED = 1.0, 2_000
"""How long what the catalog said is believed, and how many answers are kept: a busy program asks it ten things a call."""
_WATCH_SECONDS = 0.5
"""How long the local accounts' file is believed."""
_KEPT = 256
"""Searches kept open: each has its tenant's index mapped."""


@dataclass(frozen=True)
class Platform:
    """Everything that the app, its pages and its tools share. One per process."""

    settings: Settings
    web_settings: WebSettings
    catalog: Catalog
    lake: Lake
    signer: Signer
    limiter: Limiter
    turns: Turns = field(default_factory=lambda: Turns(_TURNS, waiting=_WAITING), repr=False)
    """Taken where the lake is read, whoever asks: a route, a page or a tool."""
    statement_turns: Turns = field(
        default_factory=lambda: Turns(_TURNS, each=1, waiting=_STATEMENTS_WAITING), repr=False
    )
    """Taken while the process of a user's SQL runs."""
    _searches: TtlCache[str] = field(default_factory=lambda: TtlCache(most=_KEPT), repr=False)

    _watched: TtlCache[str] = field(default_factory=lambda: TtlCache(seconds=_WATCH_SECONDS, most=1), repr=False)

    @classmethod
    def open(cls, machine: Settings, web: WebSettings) -> Platform:
        """Open what the settings name. Raises SettingsError that names the variable."""
        return cls(
            machine, web, Catalog.open(machine), Lake.open(machine), Signer.open(machine, web), Limiter(web.redis_url)
        )

    @property
    def ttl(self) -> timedelta:
        """How long a session lasts that is not used."""
        return timedelta(hours=self.web_settings.session_hours)

    @property
    def longest(self) -> timedelta:
        """How long a session lasts however it is used."""
        return timedelta(days=self.web_settings.session_days)

    def notice_accounts(self) -> None:
        """End what was opened by local accounts that were changed since; looked at once a second, however often it is asked."""
        self._watched.get("accounts", lambda: notice_changes(self.catalog, LocalAccounts(self.settings)))

    @cached_property
    def vault(self) -> Vault:
        """The keys of Telegram sessions. Raises SettingsError where none is set."""
        return Vault.from_environment(os.environ)

    @cached_property
    def desk(self) -> PairingDesk:
        """Where pairings are begun; opened when first asked for. Raises SettingsError that says what is not set."""
        return PairingDesk(self.catalog, self.vault, telegram_settings())

    @cached_property
    def runs(self) -> RunsClient:
        """What Dagster says of runs."""
        return RunsClient(self.settings.dagster_socket_path, f"{self.web_settings.origin}{DAGSTER_PATH}")

    @cached_property
    def remembered(self) -> TtlCache[str]:
        """What the catalog said a moment ago, by what was asked: never from before this process's last write to it."""
        return TtlCache(seconds=_BELIEVED_SECONDS, most=_BELIEVED, version=lambda: self.catalog.writes)

    @cached_property
    def calls(self) -> Calls:
        """Where programs' calls are counted."""
        return Calls(self.catalog)

    @cached_property
    def history(self) -> History:
        """Where programs' calls are noted."""
        return History(self.catalog)

    @cached_property
    def staged(self) -> StagedFiles:
        """Files that browsers are handing in."""
        return StagedFiles(self.settings.home.resolve() / "staged", self.web_settings.upload_megabytes * 2**20)

    def csrf_token(self, sid: str) -> str:
        """What a session's forms carry as `csrf`, its scripts as `X-CSRF-Token`."""
        return self.signer.csrf(sid)

    def studio(
        self, principal: Principal, scopes: Scopes | None = None, credential: Credential = COMMAND_LINE
    ) -> Studio:
        """The principal's studio; `scopes` are those of who comes by a route or a tool. Raises NotFoundError."""
        slug = principal.tenant
        tenant = self.remembered.get(f"tenant {slug}", lambda: get_tenant(self.catalog, slug))
        return Studio(
            Scope(
                principal,
                tenant,
                self.catalog,
                self.lake.tenant(slug),
                self.runs,
                scopes,
                turn=lambda: self.turns.take(slug),
                statement_turn=lambda: self.statement_turns.take(slug),
                open_vault=lambda: self.vault,
                open_desk=lambda: self.desk,
                open_search=self.search,
                machine=lambda: self.settings,
                off=lambda: self.off(slug),
                read_settings=lambda catalog, slug: self.remembered.get(
                    f"settings {slug}", lambda: tenant_settings(catalog, slug)
                ),
                credential=credential,
            )
        )

    def off(self, tenant: str) -> frozenset[str]:
        """The capabilities that the tenant does not have. Raises NotFoundError."""
        return self.remembered.get(f"off {tenant}", lambda: switched_off(self.catalog, tenant))

    def search(self, lake: TenantLake) -> Search:
        """Search of a tenant's lake; the same one as before, where it was asked for lately."""
        return self._searches.get(lake.tenant, lambda: open_search(lake))

    def warm(self) -> None:
        """Open what the first who asks would else wait for: a connection to the catalog, the client of Dagster."""
        ended_among(self.catalog, {""}, utc_now())
        self.runs  # noqa: B018 - made when first asked for

    def close(self) -> None:
        """End the pairings at work, and close connections."""
        for name in ("desk", "runs", "history", "calls"):
            if name in self.__dict__:
                getattr(self, name).close()
        self.catalog.close()


_current: Platform | None = None
_opening = threading.Lock()


def current() -> Platform:
    """This process's platform; opened from the environment where the web app has not opened it."""
    global _current  # noqa: PLW0603 - Streamlit's scripts are handed nothing
    with _opening:
        if _current is None:
            _current = Platform.open(settings(), web_settings())
        return _current


def use(platform: Platform | None) -> None:
    """Have `current()` give this one."""
    global _current  # noqa: PLW0603
    with _opening:
        _current = platform
