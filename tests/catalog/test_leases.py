"""One process holds a lease; a dead one loses it at once, a silent one in time. Tried with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import select, update

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.leases import is_held, lease
from tgstudio_dagster.catalog.models import LeaseRow
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import LeaseHeldError

_HOLD = """
import sys, time
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.leases import is_held, lease
with lease(Catalog(sys.argv[1]), "work", ttl=float(sys.argv[2])) as held:
    print(held.token, flush=True)
    sys.stdin.readline()
    held.check()
"""

_COUNT = """
import sys, time
from pathlib import Path
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.leases import is_held, lease
catalog, file = Catalog(sys.argv[1]), Path(sys.argv[2])
for _ in range(5):
    with lease(catalog, "work", wait=60) as held:
        count = int(file.read_text())
        time.sleep(0.01)
        file.write_text(str(count + 1))
    print(held.token, flush=True)
"""


@contextmanager
def _holder(url: str, ttl: float = 60.0) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lease `work`."""
    command = [sys.executable, "-c", _HOLD, url, str(ttl)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert int(process.stdout.readline()) >= 1
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_lease_is_held_by_one_and_names_its_holder(catalog: Catalog, catalog_url: str) -> None:
    with (
        _holder(catalog_url) as process,
        pytest.raises(LeaseHeldError, match=rf":{process.pid}:"),
        lease(catalog, "work"),
    ):
        pytest.fail("two processes hold the lease")


def test_two_threads_of_one_process_do_not_share_a_lease(catalog: Catalog) -> None:
    with lease(catalog, "work"), pytest.raises(LeaseHeldError), lease(catalog, "work"):
        pytest.fail("held twice")


def test_leases_of_different_names_do_not_meet(catalog: Catalog) -> None:
    with lease(catalog, "import:a") as one, lease(catalog, "import:b") as two:
        assert (one.token, two.token) == (1, 1)


def test_a_lease_given_back_is_free_and_its_token_grows(catalog: Catalog) -> None:
    tokens = []
    for _ in range(3):
        with lease(catalog, "work") as held:
            tokens.append(held.token)
            held.check()
    assert tokens == [1, 2, 3]


def test_a_lease_is_given_back_after_an_error(catalog: Catalog) -> None:
    with pytest.raises(RuntimeError), lease(catalog, "work"):
        raise RuntimeError
    with lease(catalog, "work") as held:
        assert held.token == 2


def test_a_killed_holders_lease_is_taken_over_at_once(catalog: Catalog, catalog_url: str) -> None:
    with _holder(catalog_url) as process:
        os.kill(process.pid, signal.SIGKILL)
        # Not waited for: the dead process stays a zombie, whose id still exists.
        _until_zombie(process.pid)
        with lease(catalog, "work") as held:
            assert held.token == 2


def test_another_process_with_the_dead_ones_id_does_not_hold_its_lease(catalog: Catalog) -> None:
    with lease(catalog, "work"):
        with catalog.session() as session:
            session.execute(update(LeaseRow).values(holder_started=LeaseRow.holder_started - 100))
        with lease(catalog, "work") as held:
            assert held.token == 2


def test_a_holder_on_another_machine_is_believed_until_its_time_is_up(catalog: Catalog) -> None:
    with lease(catalog, "work", ttl=1.0) as first:
        pass
    with catalog.session() as session:
        session.execute(update(LeaseRow).values(holder="elsewhere:1:x", expires_at=utc_now(), token=first.token))
    with lease(catalog, "work", wait=5) as held:
        assert held.token == 2
        with catalog.session() as session:
            expires = session.scalars(select(LeaseRow.expires_at)).one()
            assert expires is not None
            session.execute(update(LeaseRow).values(holder="elsewhere:1:x", token=9))
        with pytest.raises(LeaseHeldError, match="elsewhere:1:x"), lease(catalog, "work"):
            pytest.fail("taken from a holder that may be alive")


def test_a_heartbeat_keeps_a_lease_longer_than_its_time(catalog: Catalog) -> None:
    with lease(catalog, "work", ttl=0.8) as held:
        time.sleep(1.6)
        held.check()
        with pytest.raises(LeaseHeldError), lease(catalog, "work"):
            pytest.fail("taken from a living holder")


def test_a_process_that_stood_still_finds_its_lease_lost(catalog: Catalog, catalog_url: str) -> None:
    with _holder(catalog_url, ttl=1.0) as process:
        os.kill(process.pid, signal.SIGSTOP)
        with lease(catalog, "work", wait=10) as held:
            assert held.token == 2
            os.kill(process.pid, signal.SIGCONT)
            assert "LeaseHeldError: Lease 'work' was lost" in process.communicate("\n")[1]
            held.check()
            with catalog.reading() as session:
                assert session.scalars(select(LeaseRow.holder)).one() == held.holder


def test_processes_that_wait_take_turns_and_lose_no_count(
    catalog: Catalog, catalog_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("count") / "count"
    file.write_text("0")
    command = [sys.executable, "-c", _COUNT, catalog_url, str(file)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    tokens = [int(token) for one in running for token in one.communicate()[0].split()]
    assert file.read_text() == "15"
    assert sorted(tokens) == list(range(1, 16))


def test_whether_a_lease_is_held_is_known_without_taking_it(catalog: Catalog, catalog_url: str) -> None:
    assert not is_held(catalog, "work")
    with _holder(catalog_url) as process:
        assert is_held(catalog, "work")
        assert not is_held(catalog, "other")
        os.kill(process.pid, signal.SIGKILL)
        _until_zombie(process.pid)
        assert not is_held(catalog, "work")
    with lease(catalog, "work"):
        assert is_held(catalog, "work")
    assert not is_held(catalog, "work")


def _until_zombie(pid: int) -> None:
    import psutil

    deadline = time.monotonic() + 10
    while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.01)
