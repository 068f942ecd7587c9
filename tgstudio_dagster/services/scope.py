"""In what scope a service works: who asks, the tenant and its lake, and what the process has open.

Every noun's class is made on a `Scope` and its public methods are `does("noun.method")`: the policy is asked before the
method runs, whichever door it is called through. No noun belongs here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.switches import switched_off
from tgstudio_dagster.catalog.people.models import ApiKey, Tenant
from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.catalog.people.tenants import get_tenant, tenant_settings
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import RecentSignInError, SettingsError
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.scopes import Scopes
from tgstudio_dagster.core.settings import Settings, settings
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.services import policy

if TYPE_CHECKING:
    from tgstudio_dagster.catalog.accounts.vault import Vault
    from tgstudio_dagster.search.find import Search
    from tgstudio_dagster.services.runs import RunsClient
    from tgstudio_dagster.telegram.accounts.pairing_desk import PairingDesk

P = ParamSpec("P")
T = TypeVar("T")


def _open_vault() -> Vault:
    import os

    from tgstudio_dagster.catalog.accounts.vault import Vault

    return Vault.from_environment(os.environ)


def _no_desk() -> PairingDesk:
    raise SettingsError("Pairings are led by the web app or by `tgstudio login`; begin one there.")


def open_search(lake: TenantLake) -> Search:
    """Search of one tenant's lake, with its local copy in this machine's home."""
    from tgstudio_dagster.search.find import Search
    from tgstudio_dagster.topics.sentence import open_encoder

    return Search(lake, settings().home.resolve(), open_encoder(settings()))


RECENT = timedelta(minutes=10)
"""What opens a door is done by a session that signed in at most so long ago."""


@dataclass(frozen=True)
class Credential:
    """By what somebody asks: a `key`, or a session that signed in at `signed_in_at`; neither of them at the command line."""

    key: ApiKey | None = None
    signed_in_at: datetime | None = None
    sid: str | None = None
    ip: str | None = None
    """From where; None where that is not known."""


COMMAND_LINE = Credential()


@dataclass(frozen=True)
class Scope:
    """One principal's view of the platform.

    `scopes` are the visitor's at a route or a tool, None where no scope is asked for. Without `runs` it is told by what runs
    have left in the lake how far they have come. `turn` is held while much of the lake is read,
    `statement_turn` while the process of a user's SQL runs.
    """

    principal: Principal
    tenant: Tenant
    catalog: Catalog
    lake: TenantLake
    runs: RunsClient | None = None
    scopes: Scopes | None = None
    clock: Callable[[], datetime] = utc_now
    turn: Callable[[], AbstractContextManager[object]] = nullcontext
    statement_turn: Callable[[], AbstractContextManager[object]] = nullcontext
    open_vault: Callable[[], Vault] = _open_vault
    open_desk: Callable[[], PairingDesk] = _no_desk
    open_search: Callable[[TenantLake], Search] = open_search
    machine: Callable[[], Settings] = settings
    off: Callable[[], frozenset[str]] = frozenset
    """The capabilities that the tenant does not have."""
    read_settings: Callable[[Catalog, str], TenantSettings] = tenant_settings
    credential: Credential = COMMAND_LINE

    @classmethod
    def open(cls, principal: Principal, catalog: Catalog, lake: Lake, *, runs: RunsClient | None = None) -> Scope:
        """The scope of a command or a test, whose process serves nobody else. Raises NotFoundError for an unknown tenant."""
        tenant = get_tenant(catalog, principal.tenant)
        off = switched_off(catalog, principal)
        return cls(principal, tenant, catalog, lake.tenant(tenant.slug), runs, off=lambda: off)

    def settings(self) -> TenantSettings:
        """What the tenant has set. Asks for no right: whatever is done is done by it."""
        return self.read_settings(self.catalog, self.tenant.slug)

    def may(self, action: str) -> bool:
        """Whether the policy lets the principal do this: what a page asks to show a control."""
        return policy.may(action, self.principal, self.scopes, off=self.off())

    def allow(self, action: str) -> None:
        """Raises ForbiddenError where the policy does not let the principal do this, NotFoundError where it is switched off."""
        policy.allowed(action, self.principal, self.scopes, off=self.off())
        began = self.credential.signed_in_at
        if policy.POLICY[action].recent and began is not None and self.clock() - began > RECENT:
            minutes = RECENT // timedelta(minutes=1)
            raise RecentSignInError(f"sign in again: this needs a session that began in the last {minutes} minutes.")


class Service:
    """What may be done with one noun in a scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope


S = TypeVar("S", bound=Service)


def does(
    action: str,
) -> Callable[[Callable[Concatenate[S, P], T]], Callable[Concatenate[S, P], T]]:
    """The method is this action: it runs where the policy allows it, and in a turn where the policy says so."""
    row = policy.POLICY[action]

    def decorate(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
        @wraps(method)
        def checked(service: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
            service.scope.allow(row.name)
            with service.scope.turn() if row.turn else nullcontext():
                return method(service, *args, **kwargs)

        checked.__dict__["action"] = row.name
        return checked

    return decorate
