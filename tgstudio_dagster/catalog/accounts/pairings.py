"""Pairings: attempts to pair a Telegram account, as every process sees them. The live client is in one of them.

That process holds the lease `pairing_lease(id)` for as long as it leads the pairing. How it talks to Telegram is
telegram/'s matter; no phone number, code or password comes here.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, TypedDict, Unpack

from sqlalchemy import select

from tgstudio_dagster.catalog.accounts.models import Pairing
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.leases import is_held
from tgstudio_dagster.catalog.models import LeaseRow
from tgstudio_dagster.catalog.people.models import Tenant
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import ConflictError, NotFoundError
from tgstudio_dagster.core.ids import new_id
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.vocabulary import PAIRING_ENDS

__all__ = [
    "Pairing",
    "PairingStatus",
    "fail_orphans",
    "get_pairing",
    "list_pairings",
    "open_pairing",
    "pairing_lease",
    "update_pairing",
]

PairingStatus = Literal[
    "PENDING", "CODE_NEEDED", "PASSWORD_NEEDED", "CONFIRM_NEEDED", "AUTHORIZED", "FAILED", "EXPIRED"
]

_MOVES: dict[str, frozenset[str]] = {
    "PENDING": frozenset({"PENDING", "CODE_NEEDED", "PASSWORD_NEEDED", "CONFIRM_NEEDED"}) | PAIRING_ENDS,
    "CODE_NEEDED": frozenset({"CODE_NEEDED", "PASSWORD_NEEDED", "CONFIRM_NEEDED"}) | PAIRING_ENDS,
    "PASSWORD_NEEDED": frozenset({"PASSWORD_NEEDED", "CONFIRM_NEEDED"}) | PAIRING_ENDS,
    "CONFIRM_NEEDED": frozenset({"CONFIRM_NEEDED"}) | PAIRING_ENDS,
}
_TO_START = timedelta(seconds=60)
"""How long a new pairing may be without its process's lease before it counts as abandoned."""
_ORPHAN = "The process that led this pairing has ended (a restart, or a crash); start a new pairing."


class PairingChanges(TypedDict, total=False):
    """What may change about a pairing."""

    status: PairingStatus
    url: str | None
    url_expires_at: datetime | None
    attempts_left: int
    telegram_id: int | None
    name: str | None
    error: str | None
    account_id: str | None


def pairing_lease(pairing_id: str) -> str:
    """Name of the lease that the process leading the pairing holds (leases.py)."""
    return f"pairing/{pairing_id}"


def open_pairing(
    catalog: Catalog, principal: Principal, *, way: Literal["qr", "phone"], deadline: datetime, attempts: int
) -> Pairing:
    """A new pairing, PENDING. Raises ConflictError for a viewer."""
    if not principal.may_edit:
        raise ConflictError(
            "a viewer may read, not pair an account; ask an editor or an owner of the tenant.", field="role"
        )
    pairing = Pairing(
        id=new_id(),
        tenant=principal.tenant,
        way=way,
        status="PENDING",
        deadline=deadline,
        attempts_left=attempts,
        created_by=principal.user_id,
    )
    with catalog.tenant_session(principal, writing=True) as session:
        session.add(pairing)
    return pairing


def update_pairing(catalog: Catalog, tenant: str, pairing_id: str, **changes: Unpack[PairingChanges]) -> Pairing:
    """Write down how the pairing goes on; what it shows (`url`) goes with its end.

    Raises NotFoundError, or ConflictError where it is finished, would go back, or would get attempts back.
    """
    with catalog.tenant_session(tenant, writing=True) as session:
        pairing = session.get(Pairing, pairing_id, with_for_update=True)
        if pairing is None:
            raise _unknown(pairing_id)
        status = changes.get("status", pairing.status)
        if status not in _MOVES.get(pairing.status, ()):
            raise ConflictError(f"Pairing {pairing_id} is {pairing.status} and can't become {status}; start a new one.")
        if changes.get("attempts_left", 0) > pairing.attempts_left:
            raise ConflictError(
                f"pairing {pairing_id} has {pairing.attempts_left}, and gets none back.", field="attempts_left"
            )
        for name, value in changes.items():
            setattr(pairing, name, value)
        if status in PAIRING_ENDS:
            pairing.url, pairing.url_expires_at = None, None
        return pairing


def get_pairing(catalog: Catalog, tenant: Principal | str, pairing_id: str) -> Pairing:
    """The tenant's pairing. Raises NotFoundError where there is none of this id, or it is another tenant's."""
    with catalog.tenant_session(tenant) as session:
        pairing = session.get(Pairing, pairing_id)
    if pairing is None:
        raise _unknown(pairing_id)
    return pairing


def list_pairings(catalog: Catalog, tenant: Principal | str) -> list[Pairing]:
    """The tenant's pairings, newest first."""
    with catalog.tenant_session(tenant) as session:
        return list(session.scalars(select(Pairing).order_by(Pairing.created_at.desc(), Pairing.id.desc())))


def fail_orphans(catalog: Catalog) -> int:
    """Fail every unfinished pairing, of any tenant, whose process no longer lives; returns how many there were."""
    query = (
        select(Pairing.tenant, Pairing.id)
        .join(Tenant, Tenant.slug == Pairing.tenant)
        .where(Pairing.status.not_in(PAIRING_ENDS), Tenant.deleted_at.is_(None))
        .order_by(Pairing.id)
    )
    with catalog.reading() as session:
        unfinished = session.execute(query).all()
    return sum(_fail_orphan(catalog, tenant, pairing_id) for tenant, pairing_id in unfinished)


def _fail_orphan(catalog: Catalog, tenant: str, pairing_id: str) -> bool:
    name = pairing_lease(pairing_id)
    with catalog.tenant_session(tenant, writing=True) as session:
        # Locked before the lease is looked at: its process writes the end of a pairing while it holds the lease.
        pairing = session.get_one(Pairing, pairing_id, with_for_update=True)
        if pairing.status in PAIRING_ENDS or is_held(catalog, name):
            return False
        started = session.scalar(select(LeaseRow.token).where(LeaseRow.name == name, LeaseRow.token > 0))
        if started is None and utc_now() < pairing.created_at + _TO_START:
            return False
        pairing.status, pairing.error, pairing.url, pairing.url_expires_at = "FAILED", _ORPHAN, None, None
        return True


def _unknown(pairing_id: str) -> NotFoundError:
    return NotFoundError(f"There is no pairing {pairing_id!r}; `tgstudio login` starts one.")
