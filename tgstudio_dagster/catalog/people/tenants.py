"""Tenants, their settings, and the users who belong to them.

What may be set stands in tenant_settings.py; who may do what in principals.py.
"""

from __future__ import annotations

import re

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from tgstudio_dagster.catalog.base import SLUG_LENGTH
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.models import Membership, Tenant, TenantSettingsRow, User
from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import ConflictError, FieldError, NotFoundError, SettingsError
from tgstudio_dagster.core.vocabulary import MemberRole

__all__ = [
    "Tenant",
    "User",
    "add_member",
    "add_tenant",
    "add_user",
    "delete_tenant",
    "get_tenant",
    "list_members",
    "list_tenants",
    "put_settings",
    "tenant_settings",
]


def add_tenant(catalog: Catalog, slug: str, name: str, *, settings: TenantSettings | None = None) -> Tenant:
    """Add a tenant. Raises SettingsError for a bad slug, ConflictError for one that is or was in use."""
    if len(slug) > SLUG_LENGTH or not re.fullmatch(r"[a-z0-9]+", slug):
        raise FieldError("slug", f"{slug!r} must be 1 to {SLUG_LENGTH} letters a-z and digits, for example news1.")
    if not name.strip():
        raise FieldError("name", "it is empty; give the tenant a name that people read.")
    try:
        with catalog.session() as session:
            known = session.get(Tenant, slug)
            if known is not None:
                raise _slug_taken(slug, deleted=known.deleted_at is not None)
            tenant = Tenant(slug=slug, name=name.strip())
            session.add(tenant)
            session.flush()
            if settings is not None:
                session.add(TenantSettingsRow(tenant=slug, value=settings.model_dump(mode="json")))
            return tenant
    except IntegrityError as error:
        raise _slug_taken(slug, deleted=False) from error


def list_tenants(catalog: Catalog) -> list[Tenant]:
    """All tenants that are not deleted, by slug."""
    with catalog.reading() as session:
        return list(session.scalars(select(Tenant).where(Tenant.deleted_at.is_(None)).order_by(Tenant.slug)))


def get_tenant(catalog: Catalog, slug: str) -> Tenant:
    """The tenant. Raises NotFoundError where there is none, or it was deleted."""
    with catalog.tenant_session(slug) as session:
        return session.get_one(Tenant, slug)


def delete_tenant(catalog: Catalog, slug: str) -> None:
    """End a tenant: nobody acts in it any more, nothing is scheduled for it. Its rows and its slug stay.

    Raises NotFoundError where there is none, or it was deleted already.
    """
    with catalog.tenant_session(slug, writing=True) as session:
        session.get_one(Tenant, slug).deleted_at = utc_now()


def tenant_settings(catalog: Catalog, slug: str) -> TenantSettings:
    """What the tenant has set, the defaults for the rest.

    Raises NotFoundError for an unknown tenant, SettingsError where what is stored is no longer valid.
    """
    with catalog.tenant_session(slug) as session:
        row = session.get(TenantSettingsRow, slug)
    try:
        return TenantSettings() if row is None else TenantSettings.model_validate(row.value)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"Settings of tenant {slug!r}, {field}: {first['msg']}. Set it anew.") from error


def put_settings(catalog: Catalog, slug: str, settings: TenantSettings) -> None:
    """Replace what the tenant has set. Raises NotFoundError for an unknown tenant."""
    with catalog.tenant_session(slug, writing=True) as session:
        session.merge(TenantSettingsRow(tenant=slug, value=settings.model_dump(mode="json")))


def add_user(
    catalog: Catalog,
    name: str,
    *,
    telegram_id: int | None = None,
    username: str | None = None,
    is_operator: bool = False,
) -> User:
    """Add a person who belongs to no tenant yet. Raises ConflictError where the Telegram id is known already."""
    try:
        with catalog.session() as session:
            user = User(name=name, telegram_id=telegram_id, username=username, is_operator=is_operator)
            session.add(user)
            session.flush()
            return user
    except IntegrityError as error:
        raise ConflictError(f"a user with {telegram_id} exists already.", field="telegram_id") from error


def add_member(catalog: Catalog, tenant: str, user_id: str, role: MemberRole) -> None:
    """Give a user a role in a tenant, in place of the one they may have.

    Raises NotFoundError for an unknown tenant or user.
    """
    with catalog.tenant_session(tenant, writing=True) as session:
        if session.get(User, user_id) is None:
            raise NotFoundError(f"There is no user {user_id!r}.")
        session.merge(Membership(tenant=tenant, user_id=user_id, role=role))


def name_of(catalog: Catalog, user_id: str) -> str | None:
    """What a person is called; None for one that is not known."""
    with catalog.reading() as session:
        user = session.get(User, user_id)
        return None if user is None else user.name


def list_members(catalog: Catalog, tenant: str) -> list[tuple[User, str]]:
    """The tenant's users with their roles, by name."""
    with catalog.tenant_session(tenant) as session:
        query = (
            select(User, Membership.role).join(Membership, Membership.user_id == User.id).order_by(User.name, User.id)
        )
        return [(user, role) for user, role in session.execute(query)]


def _slug_taken(slug: str, *, deleted: bool) -> ConflictError:
    if deleted:
        return ConflictError(f"{slug!r} belonged to a tenant that was deleted, and is never used again.", field="slug")
    return ConflictError(f"there is a tenant {slug!r} already.", field="slug")
