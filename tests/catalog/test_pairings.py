"""A pairing only goes forward, stays within its tenant, and fails when its process has died."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from tests.builders import make_tenant
from tests.catalog.rows import make_account
from tgstudio_dagster.catalog.accounts.pairings import (
    Pairing,
    PairingStatus,
    fail_orphans,
    get_pairing,
    list_pairings,
    open_pairing,
    pairing_lease,
    update_pairing,
)
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.leases import lease
from tgstudio_dagster.catalog.people.tenants import delete_tenant
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import ConflictError, NotFoundError
from tgstudio_dagster.core.principal import Principal

DEADLINE = datetime(2026, 3, 15, 12, 5, tzinfo=UTC)
ORDER: tuple[PairingStatus, ...] = get_args(PairingStatus)
FINISHED = ("AUTHORIZED", "FAILED", "EXPIRED")

_LEAD = """
import sys
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.leases import lease
with lease(Catalog(sys.argv[1]), sys.argv[2]):
    print("led", flush=True)
    sys.stdin.readline()
"""


def _open(catalog: Catalog, tenant: str = "demo") -> Pairing:
    return open_pairing(catalog, Principal(tenant, None, "operator"), way="qr", deadline=DEADLINE, attempts=3)


def _age(catalog: Catalog, pairing: Pairing, **by: float) -> None:
    with catalog.session() as session:
        created = utc_now() - timedelta(**by)
        session.execute(update(Pairing).where(Pairing.id == pairing.id).values(created_at=created))


def test_a_new_pairing_is_pending(catalog: Catalog) -> None:
    make_tenant(catalog)
    pairing = get_pairing(catalog, "demo", _open(catalog).id)
    assert (pairing.status, pairing.way, pairing.deadline, pairing.attempts_left) == ("PENDING", "qr", DEADLINE, 3)


def test_a_pairing_shows_its_code_until_it_ends(catalog: Catalog) -> None:
    make_tenant(catalog)
    account = make_account(catalog)
    pairing = _open(catalog)
    for n in range(2):
        update_pairing(catalog, "demo", pairing.id, url=f"tg://login?token={n}", url_expires_at=DEADLINE)
        assert get_pairing(catalog, "demo", pairing.id).url == f"tg://login?token={n}"
    update_pairing(catalog, "demo", pairing.id, status="CONFIRM_NEEDED", telegram_id=2**40, name="Ann")
    done = update_pairing(catalog, "demo", pairing.id, status="AUTHORIZED", account_id=account.id)
    assert (done.url, done.url_expires_at, done.name, done.account_id) == (None, None, "Ann", account.id)


@given(moves=st.lists(st.sampled_from(ORDER), max_size=8))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_way_leads_back_or_out_of_an_end(catalog: Catalog, moves: list[PairingStatus]) -> None:
    if not catalog_has_demo(catalog):
        make_tenant(catalog)
    pairing = _open(catalog)
    now: PairingStatus = "PENDING"
    for status in moves:
        if now in FINISHED or ORDER.index(status) < ORDER.index(now):
            with pytest.raises(ConflictError, match=f"is {now} and can't become {status}"):
                update_pairing(catalog, "demo", pairing.id, status=status)
        else:
            now = status
            update_pairing(catalog, "demo", pairing.id, status=status)
    assert get_pairing(catalog, "demo", pairing.id).status == now


def catalog_has_demo(catalog: Catalog) -> bool:
    """Whether an earlier example has made the tenant."""
    try:
        list_pairings(catalog, "demo")
    except NotFoundError:
        return False
    return True


def test_a_finished_pairing_never_changes(catalog: Catalog) -> None:
    make_tenant(catalog)
    pairing = _open(catalog)
    update_pairing(catalog, "demo", pairing.id, status="FAILED", error="too late")
    with pytest.raises(ConflictError, match="is FAILED"):
        update_pairing(catalog, "demo", pairing.id, url="tg://login?token=late")
    assert get_pairing(catalog, "demo", pairing.id).url is None


def test_attempts_are_spent_and_never_given_back(catalog: Catalog) -> None:
    make_tenant(catalog)
    pairing = _open(catalog)
    update_pairing(catalog, "demo", pairing.id, status="PASSWORD_NEEDED", attempts_left=1)
    with pytest.raises(ConflictError, match="has 1"):
        update_pairing(catalog, "demo", pairing.id, attempts_left=3)


def test_a_viewer_pairs_nothing(catalog: Catalog) -> None:
    make_tenant(catalog)
    with pytest.raises(ConflictError, match="viewer"):
        open_pairing(catalog, Principal("demo", None, "viewer"), way="phone", deadline=DEADLINE, attempts=3)
    assert list_pairings(catalog, "demo") == []


def test_another_tenants_pairing_does_not_exist(catalog: Catalog) -> None:
    make_tenant(catalog, "a")
    make_tenant(catalog, "b")
    pairing = _open(catalog, "a")
    with pytest.raises(NotFoundError, match=pairing.id):
        get_pairing(catalog, "b", pairing.id)
    with pytest.raises(NotFoundError, match=pairing.id):
        update_pairing(catalog, "b", pairing.id, status="FAILED")
    assert list_pairings(catalog, "b") == []
    assert get_pairing(catalog, "a", pairing.id).status == "PENDING"


def test_a_pairing_whose_process_was_killed_fails_at_once(catalog: Catalog, catalog_url: str) -> None:
    make_tenant(catalog)
    pairing = _open(catalog)
    process = subprocess.Popen(
        [sys.executable, "-c", _LEAD, catalog_url, pairing_lease(pairing.id)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "led\n"
    update_pairing(catalog, "demo", pairing.id, url="tg://login?token=x")
    assert fail_orphans(catalog) == 0
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert fail_orphans(catalog) == 1
    failed = get_pairing(catalog, "demo", pairing.id)
    assert (failed.status, failed.url) == ("FAILED", None)
    assert "process that led this pairing has ended" in str(failed.error)
    assert fail_orphans(catalog) == 0


def test_a_pairing_that_is_just_being_started_is_left_alone(catalog: Catalog) -> None:
    make_tenant(catalog)
    pairing = _open(catalog)
    assert fail_orphans(catalog) == 0
    _age(catalog, pairing, minutes=2)
    assert fail_orphans(catalog) == 1


def test_finished_led_and_deleted_tenants_pairings_are_no_orphans(catalog: Catalog) -> None:
    for tenant in ("demo", "gone"):
        make_tenant(catalog, tenant)
    finished, led, gone = _open(catalog), _open(catalog), _open(catalog, "gone")
    for pairing in (finished, led, gone):
        _age(catalog, pairing, hours=1)
    update_pairing(catalog, "demo", finished.id, status="EXPIRED")
    delete_tenant(catalog, "gone")
    with lease(catalog, pairing_lease(led.id)):
        assert fail_orphans(catalog) == 0
    assert fail_orphans(catalog) == 1
    assert get_pairing(catalog, "demo", finished.id).status == "EXPIRED"
