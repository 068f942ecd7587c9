"""Who is signed in: people by Telegram or by a local login, their sessions, and the proofs that were used up.

How a proof is checked is the web app's matter (web/auth/), as are cookies; no password and no key is here.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.models import LoginSession, Membership, Tenant, UsedLogin, User
from tgstudio_dagster.catalog.people.principals import principal_of
from tgstudio_dagster.core.errors import ConflictError, ForbiddenError, NotFoundError
from tgstudio_dagster.core.principal import Principal

__all__ = [
    "LoginSession",
    "burn",
    "end_session",
    "end_sessions_of",
    "ended_among",
    "local_user",
    "open_session",
    "own_tenant",
    "read_session",
    "read_user",
    "session_hash",
    "set_language",
    "sign_in_telegram",
    "switch_tenant",
    "tenants_of",
]

Way = Literal["oidc", "widget", "local"]
_SLIDE = timedelta(minutes=1)
"""A session's end is moved at most this often, so that a busy page is no busy writer."""
_KEPT_AFTER_END = timedelta(days=30)
"""How long the row of a session stays after its end, for whoever asks later where somebody was signed in."""
_AGENT_LENGTH = 300


def sign_in_telegram(
    catalog: Catalog, telegram_id: int, name: str, username: str | None, *, sign_up: bool, now: datetime
) -> User:
    """The one user of this Telegram id, with the name and username that Telegram says now.

    With `sign_up` a new person gets a tenant of their own, on the free plan, as its owner. Raises ForbiddenError, naming
    the id for the operator, for an unknown person without it, for one who belongs to no tenant, and for one who was
    disabled.
    """
    try:
        return _telegram_user(catalog, telegram_id, name, username, sign_up=sign_up, now=now)
    except IntegrityError:
        # Signed in twice at once for the first time: the other one has made the user.
        return _telegram_user(catalog, telegram_id, name, username, sign_up=sign_up, now=now)


def _telegram_user(
    catalog: Catalog, telegram_id: int, name: str, username: str | None, *, sign_up: bool, now: datetime
) -> User:
    with catalog.session() as session:
        user = session.scalar(select(User).where(User.telegram_id == telegram_id))
        if user is None:
            if not sign_up:
                raise _unknown(telegram_id)
            user = User(telegram_id=telegram_id, created_at=now)
            session.add(user)
        user.name, user.username = (name.strip() or str(telegram_id))[:200], username
        session.flush()
        if user.disabled_at is not None:
            raise ForbiddenError(f"Telegram user {telegram_id} was disabled; ask the operator of this studio.")
        if not user.is_operator and not _memberships(session, user.id):
            if not sign_up:
                raise _unknown(telegram_id)
            slug = f"tg{telegram_id}"
            if session.get(Tenant, slug) is not None:
                raise ForbiddenError(f"Telegram user {telegram_id}: the tenant {slug} was closed; ask the operator.")
            session.add(Tenant(slug=slug, name=user.name, created_at=now))
            session.flush()
            session.add(Membership(tenant=slug, user_id=user.id, role="owner", created_at=now))
        return user


def local_user(catalog: Catalog, login: str, name: str, *, is_operator: bool, account_hash: str | None = None) -> User:
    """The user of a local login, created where there is none yet. Raises ForbiddenError for one who was disabled.

    `account_hash` is what the account is now: what a later change is told from.
    """
    with catalog.session() as session:
        user = session.scalar(select(User).where(User.login == login))
        if user is None:
            user = User(login=login, name=name, is_operator=is_operator)
            session.add(user)
            session.flush()
        user.name, user.is_operator = name, is_operator
        user.account_hash = account_hash or user.account_hash
        if user.disabled_at is not None:
            raise ForbiddenError(f"{login} was disabled; ask the operator of this studio.")
        return user


def open_session(
    catalog: Catalog,
    user_id: str,
    way: Way,
    *,
    tenant: str | None,
    now: datetime,
    ttl: timedelta,
    longest: timedelta = timedelta(days=30),
    user_agent: str | None,
) -> str:
    """Begin a session that ends when it is not used for `ttl`, and after `longest` however it is used.

    Returns its secret id, which is stored hashed only.
    """
    sid = secrets.token_urlsafe(32)
    with catalog.session() as session:
        session.execute(delete(LoginSession).where(LoginSession.expires_at < now - _KEPT_AFTER_END))
        session.add(
            LoginSession(
                sid_hash=session_hash(sid),
                user_id=user_id,
                tenant=tenant,
                way=way,
                user_agent=user_agent[:_AGENT_LENGTH] if user_agent else None,
                created_at=now,
                seen_at=now,
                expires_at=now + min(ttl, longest),
                ends_at=now + longest,
            )
        )
    return sid


def read_session(
    catalog: Catalog, sid: str, now: datetime, ttl: timedelta, *, slide: bool = True
) -> LoginSession | None:
    """The session, its end moved to `ttl` from now if it is to `slide`; None where it has ended, or its user was disabled."""
    query = (
        select(LoginSession)
        .join(User, User.id == LoginSession.user_id)
        .where(
            LoginSession.sid_hash == session_hash(sid),
            LoginSession.revoked_at.is_(None),
            LoginSession.expires_at > now,
            or_(LoginSession.ends_at.is_(None), LoginSession.ends_at > now),
            User.disabled_at.is_(None),
        )
    )
    with catalog.reading() as session:
        found = session.scalar(query)
    if found is None or not slide or now - found.seen_at < _SLIDE:
        return found
    with catalog.session() as session:
        row = session.get_one(LoginSession, found.sid_hash)
        if row.revoked_at is not None:
            return None
        row.seen_at, row.expires_at = now, min(now + ttl, row.ends_at or now + ttl)
        return row


def read_user(catalog: Catalog, user_id: str) -> User:
    """The user. Raises NotFoundError where there is none."""
    with catalog.reading() as session:
        user = session.get(User, user_id)
    if user is None:
        raise NotFoundError(f"There is no user {user_id!r}.")
    return user


def end_session(catalog: Catalog, sid: str, now: datetime) -> None:
    """End a session; every page that it has open ends with it."""
    with catalog.session() as session:
        session.execute(
            update(LoginSession)
            .where(LoginSession.sid_hash == session_hash(sid), LoginSession.revoked_at.is_(None))
            .values(revoked_at=now)
        )


def end_sessions_of(catalog: Catalog, user_id: str, now: datetime) -> None:
    """End all sessions of a user."""
    with catalog.session() as session:
        session.execute(
            update(LoginSession)
            .where(LoginSession.user_id == user_id, LoginSession.revoked_at.is_(None))
            .values(revoked_at=now)
        )


def ended_among(catalog: Catalog, sid_hashes: set[str], now: datetime) -> set[str]:
    """Those of the sessions (by `session_hash`) that have ended, or whose user was disabled."""
    query = (
        select(LoginSession.sid_hash)
        .join(User, User.id == LoginSession.user_id)
        .where(
            LoginSession.sid_hash.in_(sid_hashes),
            LoginSession.revoked_at.is_(None),
            LoginSession.expires_at > now,
            or_(LoginSession.ends_at.is_(None), LoginSession.ends_at > now),
            User.disabled_at.is_(None),
        )
    )
    with catalog.reading() as session:
        return sid_hashes - set(session.scalars(query))


def switch_tenant(catalog: Catalog, sid: str, tenant: str) -> Principal:
    """Have a session work in another tenant; returns who its user is there.

    Raises NotFoundError where its user does not belong to that tenant, or the session has ended.
    """
    with catalog.reading() as session:
        row = session.get(LoginSession, session_hash(sid))
    if row is None:
        raise NotFoundError("This session has ended; sign in again.")
    principal = principal_of(catalog, row.user_id, tenant)
    with catalog.session() as session:
        session.get_one(LoginSession, row.sid_hash).tenant = tenant
    return principal


def tenants_of(catalog: Catalog, user: User) -> list[Tenant]:
    """The tenants that a user may work in, by slug: all of them for an operator."""
    query = select(Tenant).where(Tenant.deleted_at.is_(None)).order_by(Tenant.slug)
    with catalog.reading() as session:
        if not user.is_operator:
            query = query.where(Tenant.slug.in_(_memberships(session, user.id)))
        return list(session.scalars(query))


def own_tenant(catalog: Catalog, user: User) -> str | None:
    """Where a user goes on: the tenant of their last session, else their first one; None where they have none."""
    slugs = [tenant.slug for tenant in tenants_of(catalog, user)]
    query = (
        select(LoginSession.tenant)
        .where(LoginSession.user_id == user.id, LoginSession.tenant.is_not(None))
        .order_by(LoginSession.seen_at.desc())
        .limit(1)
    )
    with catalog.reading() as session:
        last = session.scalar(query)
    return last if last in slugs else next(iter(slugs), None)


def set_language(catalog: Catalog, user_id: str, language: Literal["ru", "en"] | None) -> None:
    """What the user reads the studio in; None: their browser's. Raises NotFoundError for an unknown user."""
    with catalog.session() as session:
        user = session.get(User, user_id)
        if user is None:
            raise NotFoundError(f"There is no user {user_id!r}.")
        user.language = language


def burn(catalog: Catalog, proof: str, expires_at: datetime, now: datetime) -> None:
    """Use up a proof of who somebody is, until it would expire by itself. Raises ConflictError where it was used before."""
    try:
        with catalog.session() as session:
            session.execute(delete(UsedLogin).where(UsedLogin.expires_at < now))
            session.add(UsedLogin(proof_hash=session_hash(proof), used_at=now, expires_at=expires_at))
    except IntegrityError as error:
        raise ConflictError("This sign-in was used before; sign in again.") from error


def session_hash(secret: str) -> str:
    """What the catalog knows a session or a proof by: SHA-256, as the secrets are long and random."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _memberships(session: Session, user_id: str) -> list[str]:
    query = (
        select(Membership.tenant)
        .join(Tenant, Tenant.slug == Membership.tenant)
        .where(Membership.user_id == user_id, Tenant.deleted_at.is_(None))
    )
    return list(session.scalars(query))


def _unknown(telegram_id: int) -> ForbiddenError:
    return ForbiddenError(
        f"Telegram user {telegram_id} belongs to no tenant here. Give this number to the operator of this studio: "
        f"`tgstudio user add NAME --tenant TENANT --telegram-id {telegram_id}`."
    )
