"""Who a principal is, as the catalog says: the operator in a tenant, or a user with the role of their membership."""

from __future__ import annotations

from sqlalchemy import select

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.models import Membership, User
from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.core.principal import Principal


def operator(catalog: Catalog, tenant: str) -> Principal:
    """The operator of this machine, acting in a tenant. Raises NotFoundError for an unknown tenant."""
    with catalog.tenant_session(tenant):
        return Principal(tenant, None, "operator")


def principal_of(catalog: Catalog, user_id: str, tenant: str) -> Principal:
    """The user within the tenant: with the role of their membership, or as operator where they are one.

    Raises NotFoundError, the same one whether the tenant, the user or the membership is missing or ended.
    """
    with catalog.tenant_session(tenant) as session:
        user = session.get(User, user_id)
        role = session.scalar(select(Membership.role).where(Membership.user_id == user_id))
    if user is not None and user.disabled_at is None:
        if user.is_operator:
            return Principal(tenant, user_id, "operator")
        match role:
            case "owner" | "editor" | "viewer":
                return Principal(tenant, user_id, role)
    raise NotFoundError(f"There is no tenant {tenant!r}; `tgstudio tenant list` names those that exist.")
