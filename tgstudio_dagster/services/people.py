"""People: who is signed in at a page, where they may work, in which language; and the tenant's members.

How somebody signs in is handled in web/auth/; what a cookie holds, in sessions.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address, ip_network

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.logins import (
    LoginSession,
    read_session,
    read_user,
    set_language,
    switch_tenant,
    tenants_of,
)
from tgstudio_dagster.catalog.people.models import Tenant, User
from tgstudio_dagster.catalog.people.principals import principal_of
from tgstudio_dagster.catalog.people.tenants import list_members
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.services.scope import Credential, Service, does

__all__ = ["Identity", "LoginSession", "People", "Tenant", "User", "identity_in", "inside", "read_session", "set_language",
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


class People(Service):
    """The people of the tenant."""

    @does("people.me")
    def me(self) -> Principal:
        """As whom the visitor acts."""
        return self.scope.principal

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
