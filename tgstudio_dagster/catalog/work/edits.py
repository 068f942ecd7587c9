"""Edits: people's versions of packages. A version is added, never changed; the newest one counts.

What a platform takes is handled in `newsroom/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.plans import lock_tenant
from tgstudio_dagster.catalog.people.audit import audit
from tgstudio_dagster.catalog.work.models import Order, PackageEdit
from tgstudio_dagster.core.errors import ForbiddenError, NotFoundError
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.vocabulary import PlatformName

__all__ = ["PackageEdit", "add_edit", "edits_of", "latest_edits"]


def add_edit(
    catalog: Catalog,
    principal: Principal,
    *,
    order_id: str,
    platform: PlatformName,
    text: str,
    hashtags: Sequence[str],
    image: int | None,
    now: datetime,
) -> PackageEdit:
    """The next version of the package; one that says what the newest says already is that one.

    Raises NotFoundError for an unknown order, ForbiddenError for a viewer.
    """
    if not principal.may_edit:
        raise ForbiddenError("a viewer may read, not edit; ask an editor or an owner of the tenant.", field="role")
    newest = (
        select(PackageEdit)
        .where(PackageEdit.order_id == order_id, PackageEdit.platform == platform)
        .order_by(PackageEdit.n.desc())
        .limit(1)
    )
    with catalog.tenant_session(principal, writing=True) as session:
        lock_tenant(session, principal)
        if session.get(Order, order_id) is None:
            raise NotFoundError(f"There is no order {order_id!r}; `tgstudio orders` names the tenant's orders.")
        last = session.scalar(newest)
        if last is not None and (last.text, last.hashtags, last.image) == (text, list(hashtags), image):
            return last
        edit = PackageEdit(
            tenant=principal.tenant,
            order_id=order_id,
            platform=platform,
            n=last.n + 1 if last else 1,
            text=text,
            hashtags=list(hashtags),
            image=image,
            created_by=principal.user_id,
            created_at=now,
        )
        session.add(edit)
        audit(session, principal, "package.edit", f"{order_id}-{platform}", {"n": edit.n})
        return edit


def edits_of(catalog: Catalog, tenant: Principal | str, order_id: str, platform: str) -> list[PackageEdit]:
    """All versions of one package, newest first."""
    query = (
        select(PackageEdit)
        .where(PackageEdit.order_id == order_id, PackageEdit.platform == platform)
        .order_by(PackageEdit.n.desc())
    )
    with catalog.tenant_session(tenant) as session:
        return list(session.scalars(query))


def latest_edits(
    catalog: Catalog, tenant: Principal | str, order_ids: Sequence[str] | None = None
) -> dict[tuple[str, str], PackageEdit]:
    """The newest version of each package of the orders (None: of all) that was edited, by order and platform."""
    newest = select(PackageEdit.order_id, PackageEdit.platform, func.max(PackageEdit.n).label("n")).group_by(
        PackageEdit.order_id, PackageEdit.platform
    )
    if order_ids is not None:
        newest = newest.where(PackageEdit.order_id.in_(order_ids))
    last = newest.subquery()
    query = select(PackageEdit).join(
        last,
        (PackageEdit.order_id == last.c.order_id)
        & (PackageEdit.platform == last.c.platform)
        & (PackageEdit.n == last.c.n),
    )
    with catalog.tenant_session(tenant) as session:
        return {(edit.order_id, edit.platform): edit for edit in session.scalars(query)}
