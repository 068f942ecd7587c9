"""Who is taken away: sessions and keys end in the transaction that disables or removes a person, or changes their password.

Nothing of what they did is removed; the audit log and what they ordered stay.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.api_keys import end_keys_of
from tgstudio_dagster.catalog.people.models import AuditEntry, LoginSession, Membership, User
from tgstudio_dagster.core.errors import ConflictError, NotFoundError

REMOVED = "removed"
"""The name of a person who was removed."""


def find_user(catalog: Catalog, named: str) -> User:
    """The user of an id, a login, a Telegram id, a username, or a name that only one has.

    Raises NotFoundError for none, ConflictError for several.
    """
    name = named.strip()
    matches = [User.id == name, User.login == name.lower(), User.username == name.removeprefix("@"), User.name == name]
    if name.isascii() and name.isdigit() and len(name) < 19:
        matches.append(User.telegram_id == int(name))
    with catalog.reading() as session:
        users = list(session.scalars(select(User).where(or_(*matches))))
    exact = [user for user in users if name.lower() in (user.id, user.login)] or users
    if not exact:
        raise NotFoundError(f"There is no user {named!r}; name a login, a Telegram id, @username or a name.")
    if len(exact) > 1:
        ids = ", ".join(sorted(user.id for user in exact))
        raise ConflictError(f"{named!r} is the name of {len(exact)} users; give an id: {ids}.", field="user")
    return exact[0]


def end_access(
    session: Session, user_id: str, now: datetime, *, tenant: str | None = None, kept: str | None = None
) -> tuple[int, int]:
    """End the sessions and keys of a user, of one tenant or of all; returns how many of each. `kept` is a session's hash."""
    living = [LoginSession.user_id == user_id, LoginSession.revoked_at.is_(None)]
    if tenant is not None:
        living.append(LoginSession.tenant == tenant)
    if kept is not None:
        living.append(LoginSession.sid_hash != kept)
    ended = session.connection().execute(update(LoginSession).where(*living).values(revoked_at=now)).rowcount
    return ended, end_keys_of(session, user_id, now, tenant=tenant)


def disable_user(catalog: Catalog, user_id: str, now: datetime) -> tuple[int, int]:
    """Let a user in no more; returns how many sessions and keys ended. Raises NotFoundError."""
    with catalog.session() as session:
        _get(session, user_id).disabled_at = now
        ended = end_access(session, user_id, now)
        _note(session, user_id, "user.disable")
        return ended


def enable_user(catalog: Catalog, user_id: str) -> None:
    """Let a disabled user in again; what ended stays ended. Raises NotFoundError, also for one who was removed."""
    with catalog.session() as session:
        user = _get(session, user_id)
        if user.name == REMOVED and user.login is None and user.telegram_id is None:
            raise NotFoundError("This user was removed; `tgstudio user add` adds them anew.")
        user.disabled_at = None
        _note(session, user_id, "user.enable")


def remove_user(catalog: Catalog, user_id: str, now: datetime) -> tuple[int, int]:
    """Take a person out of this studio for good: their name, login and Telegram id are forgotten, the row stays for the log.

    Returns how many sessions and keys ended. Raises NotFoundError.
    """
    with catalog.session() as session:
        user = _get(session, user_id)
        ended = end_access(session, user_id, now)
        session.execute(delete(Membership).where(Membership.user_id == user_id))
        user.name, user.username, user.telegram_id, user.login, user.account_hash = REMOVED, None, None, None, None
        user.is_operator, user.disabled_at = False, user.disabled_at or now
        _note(session, user_id, "user.remove")
        return ended


def remove_member(catalog: Catalog, tenant: str, user_id: str, now: datetime) -> tuple[int, int]:
    """Take a user out of a tenant; returns how many sessions there and keys ended. Raises NotFoundError for no member."""
    with catalog.tenant_session(tenant, writing=True) as session:
        membership = session.get(Membership, (tenant, user_id))
        if membership is None:
            raise NotFoundError(f"This user is no member of {tenant}.")
        session.delete(membership)
        ended = end_access(session, user_id, now, tenant=tenant)
        session.add(AuditEntry(tenant=tenant, action="member.remove", subject=user_id, detail={}))
        return ended


def changed_account(
    catalog: Catalog, user_id: str, account_hash: str, now: datetime, *, is_operator: bool, kept: str | None = None
) -> tuple[int, int]:
    """Note that a user's local account is another than it was, and end what was opened by it; returns how many of each."""
    with catalog.session() as session:
        user = _get(session, user_id)
        user.account_hash, user.is_operator = account_hash, is_operator
        ended = end_access(session, user_id, now, kept=kept)
        _note(session, user_id, "user.account")
        return ended


def local_users(catalog: Catalog) -> list[User]:
    """The users who sign in by a local account."""
    with catalog.reading() as session:
        return list(session.scalars(select(User).where(User.login.is_not(None))))


def adopt_account(catalog: Catalog, user_id: str, account_hash: str) -> None:
    """Take a local account for what it always was: its user is from before changes were watched."""
    with catalog.session() as session:
        _get(session, user_id).account_hash = account_hash


def living_sessions(catalog: Catalog, now: datetime, *, user_id: str | None = None) -> list[tuple[LoginSession, User]]:
    """The sessions that have not ended, of all people or of one, with whose they are; used last first."""
    query = (
        select(LoginSession, User)
        .join(User, User.id == LoginSession.user_id)
        .where(
            LoginSession.revoked_at.is_(None),
            LoginSession.expires_at > now,
            or_(LoginSession.ends_at.is_(None), LoginSession.ends_at > now),
            User.disabled_at.is_(None),
        )
        .order_by(LoginSession.seen_at.desc())
    )
    if user_id is not None:
        query = query.where(LoginSession.user_id == user_id)
    with catalog.reading() as session:
        return [(row, user) for row, user in session.execute(query)]


def end_one_session(catalog: Catalog, user_id: str, began: str, now: datetime) -> None:
    """End the session of a user whose hash begins so (`session_name`). Raises NotFoundError where they have none."""
    with catalog.session() as session:
        living = [LoginSession.user_id == user_id, LoginSession.revoked_at.is_(None)]
        rows = [row for row in session.scalars(select(LoginSession).where(*living)) if session_name(row) == began]
        if not rows:
            raise NotFoundError("There is no such session; it may have ended.")
        for row in rows:
            row.revoked_at = now


def session_name(row: LoginSession) -> str:
    """What a session is called in lists: no secret, and not enough to sign in with."""
    return row.sid_hash[:12]


def _get(session: Session, user_id: str) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise NotFoundError(f"There is no user {user_id!r}.")
    return user


def _note(session: Session, user_id: str, action: str) -> None:
    session.add(AuditEntry(tenant=None, action=action, subject=user_id, detail={}))
