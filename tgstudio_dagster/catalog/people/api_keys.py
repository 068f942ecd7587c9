"""API keys: what programs identify themselves with, in one tenant, for one user, for chosen scopes.

Only hashes are stored. What a call must pass (rates, addresses) is checked by the web app (web/who.py).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_network

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.audit import audit
from tgstudio_dagster.catalog.people.key_limits import Narrowed, within
from tgstudio_dagster.catalog.people.models import ApiKey, Tenant
from tgstudio_dagster.catalog.people.principals import principal_of
from tgstudio_dagster.core.errors import FieldError, ForbiddenError, LimitError, NotFoundError, SignInError
from tgstudio_dagster.core.principal import Principal, Role
from tgstudio_dagster.core.scopes import RANK, SCOPES, scopes_of

__all__ = ["MAX_KEYS", "ApiKey", "create_key", "end_keys_of", "find_key", "list_keys", "revoke_key", "with_parents"]

MAX_KEYS = 100
"""Keys of a tenant that have not ended."""
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
    parent: ApiKey | None = None,
    now: datetime,
) -> tuple[ApiKey, str]:
    """A new key and its secret (`tgs_…`), which can't be seen again.

    `user_agents` are beginnings of the header; `tools` names of the tools that it may use. With a `parent`, the key that asks
    for it, it has what is left out from the parent, and ends with it. Raises SettingsError that names the field, ForbiddenError
    for what the principal's role or the parent has not, LimitError where the tenant has MAX_KEYS.
    """
    wanted = frozenset(scopes)
    if principal.user_id is None:
        raise ForbiddenError("A key acts for a user; the operator of the command line is none. Make it signed in.")
    if not name.strip() or len(name) > 200:
        raise FieldError("name", "give the key a name of 1 to 200 characters that tells what uses it.")
    if not wanted or not wanted <= set(SCOPES):
        raise FieldError("scopes", f"choose one or more of {', '.join(SCOPES)}.")
    if beyond := sorted(wanted - scopes_of(principal.role)):
        raise ForbiddenError(f"the role {principal.role} may not {', '.join(beyond)}; leave that out.", field="scopes")
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
    agents = [agent for agent in user_agents if agent] or None if user_agents else None
    allowed = Narrowed(
        wanted, rate_per_minute, networks, agents, list(tools) if tools is not None else None, expires_at
    )
    if parent is not None:
        allowed = within(allowed, parent)
    secret = f"tgs_{secrets.token_urlsafe(32)}"
    role: Role = "owner" if principal.role == "operator" else principal.role
    key = ApiKey(
        tenant=principal.tenant,
        name=name.strip(),
        prefix=secret[:10],
        key_hash=_hash(secret),
        role=role,
        scopes=[scope for scope in SCOPES if scope in wanted],
        rate_per_minute=allowed.rate_per_minute,
        ips=allowed.ips,
        user_agents=allowed.user_agents,
        tools=allowed.tools,
        user_id=principal.user_id,
        parent_id=parent.id if parent is not None else None,
        created_at=now,
        expires_at=allowed.expires_at,
    )
    with catalog.tenant_session(principal, writing=True) as session:
        # Locked, so that keys created at once are counted one after another.
        session.get(Tenant, principal.tenant, with_for_update=True)
        if parent is not None and session.get_one(ApiKey, parent.id).revoked_at is not None:
            raise ForbiddenError("this key was revoked; it creates no other.", field="key")
        living = ApiKey.revoked_at.is_(None) & (ApiKey.expires_at.is_(None) | (ApiKey.expires_at > now))
        if (session.scalar(select(func.count()).select_from(ApiKey).where(living)) or 0) >= MAX_KEYS:
            raise LimitError(f"the tenant has {MAX_KEYS} keys; revoke one that is not used.", field="keys")
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


def with_parents(catalog: Catalog, key: ApiKey) -> list[ApiKey]:
    """The key, the one that created it, the one that created that, and so on."""
    keys = [key]
    with catalog.tenant_session(key.tenant) as session:
        while keys[-1].parent_id is not None:
            keys.append(session.get_one(ApiKey, keys[-1].parent_id))
    return keys


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
        _revoke(session, principal, [key], now)


def end_keys_of(session: Session, user_id: str, now: datetime, *, tenant: str | None = None) -> int:
    """End the keys of a user, of one tenant or of all, and those that they created; returns how many."""
    query = select(ApiKey).where(ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None))
    if tenant is not None:
        query = query.where(ApiKey.tenant == tenant)
    keys = list(session.scalars(query))
    return sum(_revoke(session, key.tenant, [key], now) for key in keys)


def _revoke(session: Session, who: Principal | str, keys: list[ApiKey], now: datetime) -> int:
    ended = 0
    while keys:
        key = keys.pop()
        keys += session.scalars(select(ApiKey).where(ApiKey.parent_id == key.id, ApiKey.tenant == key.tenant))
        if key.revoked_at is None:
            key.revoked_at = now
            ended += 1
            audit(session, who, "key.revoke", key.id, {"name": key.name})
    return ended


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
