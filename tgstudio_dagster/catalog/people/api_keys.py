"""API keys: what programs identify themselves with, in one tenant, for one user, for chosen scopes.

Only hashes are stored. What a call must pass (rates, addresses) is checked by the web app (web/who.py).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_network

from sqlalchemy import select

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.audit import audit
from tgstudio_dagster.catalog.people.models import ApiKey
from tgstudio_dagster.catalog.people.principals import principal_of
from tgstudio_dagster.core.errors import FieldError, ForbiddenError, NotFoundError, SignInError
from tgstudio_dagster.core.principal import Principal, Role
from tgstudio_dagster.core.scopes import RANK, SCOPES, scopes_of

__all__ = ["ApiKey", "create_key", "find_key", "list_keys", "revoke_key"]

_SEEN = timedelta(minutes=1)


def create_key(
    catalog: Catalog,
    principal: Principal,
    name: str,
    scopes: Iterable[str],
    *,
    rate_per_minute: int | None = None,
    ips: Iterable[str] | None = None,
    user_agents: Iterable[str] | None = None,
    tools: Iterable[str] | None = None,
    expires_at: datetime | None = None,
    now: datetime,
) -> tuple[ApiKey, str]:
    """A new key and its secret (`tgs_…`), which can't be seen again.

    `user_agents` are beginnings of the header; `tools` names of the tools that it may use. Raises SettingsError that names
    the field, ForbiddenError for a scope that the principal's role has not.
    """
    wanted = frozenset(scopes)
    if principal.user_id is None:
        raise ForbiddenError("A key acts for a user; the operator of the command line is none. Make it signed in.")
    if not name.strip() or len(name) > 200:
        raise FieldError("name", "give the key a name of 1 to 200 characters that tells what uses it.")
    if not wanted or not wanted <= set(SCOPES):
        raise FieldError("scopes", f"choose one or more of {', '.join(SCOPES)}.")
    if beyond := sorted(wanted - scopes_of(principal.role)):
        raise ForbiddenError(f"a {principal.role} may not {', '.join(beyond)}; leave that out.", field="scopes")
    if rate_per_minute is not None and rate_per_minute < 1:
        raise FieldError("rate_per_minute", "at least 1, or leave it out for the plan's.")
    if expires_at is not None and expires_at <= now:
        raise FieldError("expires_at", "it is past; choose a later time, or leave it out.")
    networks = list(ips) if ips else None
    for network in networks or ():
        try:
            ip_network(network, strict=False)
        except ValueError as error:
            raise FieldError(
                "ips", f"{network!r} is no address or network; write 192.0.2.7 or 192.0.2.0/24."
            ) from error
    secret = f"tgs_{secrets.token_urlsafe(32)}"
    key = ApiKey(
        tenant=principal.tenant,
        name=name.strip(),
        prefix=secret[:10],
        key_hash=_hash(secret),
        role="owner" if principal.role == "operator" else principal.role,
        scopes=[scope for scope in SCOPES if scope in wanted],
        rate_per_minute=rate_per_minute,
        ips=networks,
        user_agents=[agent for agent in user_agents if agent] or None if user_agents else None,
        tools=list(tools) if tools is not None else None,
        user_id=principal.user_id,
        created_at=now,
        expires_at=expires_at,
    )
    with catalog.tenant_session(principal, writing=True) as session:
        session.add(key)
        session.flush()
        audit(session, principal, "key.create", key.id, {"name": key.name, "scopes": key.scopes})
    return key, secret


def find_key(catalog: Catalog, secret: str, now: datetime) -> tuple[ApiKey, Principal]:
    """The key of a secret, and whom it acts for: never more than its user may, never as operator.

    Raises SignInError, the same one for a key that never was, was revoked, has expired, or whose user may no longer act.
    """
    with catalog.reading() as session:
        key = session.scalar(select(ApiKey).where(ApiKey.key_hash == _hash(secret)))
    refused = SignInError("API key: it is unknown, revoked or expired; make another in Settings.")
    if key is None or key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        raise refused
    try:
        user = principal_of(catalog, key.user_id, key.tenant)
    except NotFoundError:
        raise refused from None
    if key.last_used_at is None or now - key.last_used_at >= _SEEN:
        with catalog.tenant_session(key.tenant, writing=True) as writing:
            writing.get_one(ApiKey, key.id).last_used_at = now
    role: Role = key.role if RANK[key.role] < RANK[user.role] else user.role  # type: ignore[index, assignment]
    return key, Principal(key.tenant, key.user_id, role)


def list_keys(catalog: Catalog, principal: Principal) -> list[ApiKey]:
    """The keys that the principal may see, newest first: their own; those of all users for an owner."""
    query = select(ApiKey).order_by(ApiKey.created_at.desc(), ApiKey.id.desc())
    if "admin" not in scopes_of(principal.role):
        query = query.where(ApiKey.user_id == principal.user_id)
    with catalog.tenant_session(principal) as session:
        return list(session.scalars(query))


def revoke_key(catalog: Catalog, principal: Principal, key_id: str, *, now: datetime) -> None:
    """End a key at once. Raises NotFoundError where the principal sees no key of this id."""
    with catalog.tenant_session(principal, writing=True) as session:
        key = session.get(ApiKey, key_id)
        if key is None or (key.user_id != principal.user_id and "admin" not in scopes_of(principal.role)):
            raise NotFoundError(f"There is no key {key_id!r}; Settings lists yours.")
        if key.revoked_at is None:
            key.revoked_at = now
            audit(session, principal, "key.revoke", key.id, {"name": key.name})


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
