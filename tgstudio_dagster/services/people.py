"""People: who is signed in at a page, where they may work, in which language; and the tenant's members.

How somebody signs in is handled in web/auth/; what a cookie holds, in sessions.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address, ip_network

from pydantic import SecretStr

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.departures import (
    changed_account,
    end_one_session,
    living_sessions,
    session_name,
)
from tgstudio_dagster.catalog.people.logins import (
    LoginSession,
    read_session,
    read_user,
    session_hash,
    set_language,
    switch_tenant,
    tenants_of,
)
from tgstudio_dagster.catalog.people.models import Tenant, User
from tgstudio_dagster.catalog.people.principals import principal_of
from tgstudio_dagster.catalog.people.tenants import list_members
from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.services.local_accounts import LocalAccounts
from tgstudio_dagster.services.scope import Credential, Service, does

__all__ = ["Identity", "LoginSession", "OwnSession", "People", "Tenant", "User", "identity_in", "inside",
           "read_session", "set_language",
           "switch_tenant", "tenants_of"]  # fmt: skip


@dataclass(frozen=True)
class Identity:
    """A person who is signed in, as whom they act, and the secret id of their session."""

    user: User
    principal: Principal
    sid: str
    signed_in_at: datetime

    @property
    def credential(self) -> Credential:
        """By what they ask."""
        return Credential(None, self.signed_in_at, self.sid)


@dataclass(frozen=True)
class OwnSession:
    """A browser in which somebody is signed in. It ends at `ends` if it is not used; `here` is the one that asks."""

    name: str
    way: str
    user_agent: str | None
    began: datetime
    seen: datetime
    ends: datetime
    here: bool


class People(Service):
    """The people of the tenant."""

    @does("people.me")
    def me(self) -> Principal:
        """As whom the visitor acts."""
        return self.scope.principal

    @does("people.sessions")
    def sessions(self) -> list[OwnSession]:
        """Where the principal is signed in, used last first; nothing at the command line."""
        scope = self.scope
        if scope.principal.user_id is None:
            return []
        here = session_hash(scope.credential.sid) if scope.credential.sid else None
        rows = living_sessions(scope.catalog, scope.clock(), user_id=scope.principal.user_id)
        return [
            OwnSession(
                session_name(row), row.way, row.user_agent, row.created_at, row.seen_at,
                min(row.expires_at, row.ends_at or row.expires_at), row.sid_hash == here,
            )
            for row, _ in rows
        ]  # fmt: skip

    @does("people.end_session")
    def end_session(self, name: str) -> None:
        """End one of the principal's sessions, by its name. Raises NotFoundError where they have none of it."""
        scope = self.scope
        end_one_session(scope.catalog, scope.principal.user_id or "", name, scope.clock())

    @does("people.change_password")
    def change_password(self, current: SecretStr, new: SecretStr) -> tuple[int, int]:
        """Set the principal's own local password; ends their other sessions and all of their keys, and returns how many.

        Raises SignInError for a wrong current one, FieldError for a new one that is too easy, NotFoundError for who signs
        in by Telegram.
        """
        scope = self.scope
        user = read_user(scope.catalog, scope.principal.user_id or "")
        if user.login is None:
            raise NotFoundError("You sign in by Telegram; there is no password here.")
        accounts = LocalAccounts(scope.machine())
        account = accounts.check(user.login, current)
        accounts.put(account.login, account.name, new, operator=account.is_operator)
        return changed_account(
            scope.catalog, user.id, accounts.hashes()[account.login], scope.clock(), is_operator=account.is_operator,
            kept=session_hash(scope.credential.sid) if scope.credential.sid else None,
        )  # fmt: skip

    @does("people.members")
    def members(self) -> list[tuple[User, str]]:
        """The tenant's users with their roles, by name."""
        return list_members(self.scope.catalog, self.scope.tenant.slug)


def identity_in(catalog: Catalog, session: LoginSession, sid: str) -> Identity:
    """Who a session is of, in the tenant that it works in. Raises NotFoundError for one who belongs there no more."""
    principal = principal_of(catalog, session.user_id, session.tenant or "")
    return Identity(read_user(catalog, session.user_id), principal, sid, session.created_at)


def inside(ip: str, networks: Iterable[str]) -> bool:
    """Whether an address is in one of the networks; what is no address is in none."""
    try:
        address = ip_address(ip)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return any(mapped in ip_network(network, strict=False) for network in networks)
