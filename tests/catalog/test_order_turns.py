"""One run at a time fulfils an order, and a cancel stands. Tried with real processes on both databases."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import update

from tests.builders import make_tenant
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.work.orders import (
    Order,
    abandoned_orders,
    begin_order,
    cancel_order,
    create_order,
    get_order,
    requeue_order,
    settle_order,
)
from tgstudio_dagster.catalog.work.turns import check_run, turn_at
from tgstudio_dagster.core.errors import ConflictError, StoppedError, TakenError
from tgstudio_dagster.core.principal import Principal

NOW = datetime(2026, 3, 15, 9, tzinfo=UTC)
ACME = Principal("acme", None, "owner")

_TAKE = """
import sys
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.work.orders import settle_order
from tgstudio_dagster.catalog.work.turns import turn_at
from tgstudio_dagster.core.errors import TGStudioError
url, order, run, asked_at = sys.argv[1:]
catalog = Catalog(url)
print("ready", flush=True)
sys.stdin.readline()
try:
    with turn_at(catalog, order, run, asked_at=asked_at) as turn:
        print("has it", flush=True)
        sys.stdin.readline()
        turn.check()
    print(settle_order(catalog, order, run, "done").status, flush=True)
except TGStudioError as error:
    print(type(error).__name__, error, flush=True)
"""


class Runner:
    """A process that takes the order when told to go, and ends it when told again."""

    def __init__(self, url: str, order: Order, run: str) -> None:
        command = [sys.executable, "-c", _TAKE, url, order.id, run, order.updated_at.isoformat()]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.says() == "ready"

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def says(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        # Not reaped: the dead process stays a zombie, whose id still exists.
        os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)


@pytest.fixture
def runner(catalog_url: str) -> Iterator[Callable[[Order, str], Runner]]:
    """Starts processes, which end with the test."""
    started: list[Runner] = []

    def start(order: Order, run: str) -> Runner:
        started.append(Runner(catalog_url, order, run))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.communicate()


def order(catalog: Catalog) -> Order:
    make_tenant(catalog, "acme")
    return create_order(
        catalog, ACME, topic_id="t-1", day=date(2026, 3, 15), platforms=["tg"], language="ru", tone="neutral", now=NOW
    )


def test_of_two_processes_that_take_one_order_at_once_one_does_it_and_the_other_names_it(
    catalog: Catalog, runner: Callable[[Order, str], Runner]
) -> None:
    wanted = order(catalog)
    runners = {run: runner(wanted, run) for run in ("r1", "r2")}
    for each in runners.values():
        each.go()
    said = {run: each.says() for run, each in runners.items()}
    (winner,) = [run for run, words in said.items() if words == "has it"]
    (loser,) = set(runners) - {winner}
    assert said[loser].startswith(f"TakenError Order {wanted.id} is being done by run {winner}")
    assert f":{runners[winner].process.pid}:" in said[loser]
    runners[winner].go()
    assert runners[winner].says() == "done"
    done = get_order(catalog, "acme", wanted.id)
    assert (done.status, done.run_id, done.token, done.holder) == ("done", winner, 1, None)


def test_a_run_that_comes_late_to_an_answered_wish_does_nothing(catalog: Catalog) -> None:
    wanted = order(catalog)
    asked = wanted.updated_at.isoformat()
    begin_order(catalog, wanted.id, "r1", asked_at=asked)
    settle_order(catalog, wanted.id, "r1", "done")
    with pytest.raises(TakenError, match="is done, by run r1"):
        begin_order(catalog, wanted.id, "r2", asked_at=asked)
    assert get_order(catalog, "acme", wanted.id).run_id == "r1"
    assert settle_order(catalog, wanted.id, "r2", "failed", asked_at=asked).status == "done"


def test_a_dead_process_loses_the_order_to_the_next_run_and_what_it_made_is_not_stored(
    catalog: Catalog, runner: Callable[[Order, str], Runner]
) -> None:
    wanted = order(catalog)
    first = runner(wanted, "r1")
    first.go()
    assert first.says() == "has it"
    assert abandoned_orders(catalog) == []
    check_run(catalog, wanted.id, "r1")
    first.kill()
    (gone,) = abandoned_orders(catalog)
    assert gone.id == wanted.id
    assert begin_order(catalog, wanted.id, "r2").token == 2
    with pytest.raises(TakenError, match="run r1 has lost it"):
        check_run(catalog, wanted.id, "r1")
    assert settle_order(catalog, wanted.id, "r1", "done").status == "running"


def test_a_dead_process_s_order_can_be_asked_for_again_or_cancelled(
    catalog: Catalog, runner: Callable[[Order, str], Runner]
) -> None:
    wanted = order(catalog)
    first = runner(wanted, "r1")
    first.go()
    assert first.says() == "has it"
    with pytest.raises(ConflictError, match="is running"):
        requeue_order(catalog, ACME, wanted.id, goal="packages", images=0, now=NOW)
    first.kill()
    again = requeue_order(catalog, ACME, wanted.id, goal="packages", images=0, now=NOW + timedelta(hours=1))
    assert (again.status, again.wish, again.holder) == ("queued", 2, None)
    second = runner(again, "r2")
    second.go()
    assert second.says() == "has it"
    second.kill()
    assert cancel_order(catalog, ACME, wanted.id, now=NOW).status == "cancelled"


def test_a_silent_process_of_another_machine_is_believed_until_its_time_is_up(catalog: Catalog) -> None:
    wanted = order(catalog)
    begin_order(catalog, wanted.id, "r1")
    with catalog.session() as session:
        session.execute(update(Order).values(holder="elsewhere:1:x"))
    with pytest.raises(TakenError, match="elsewhere:1:x"):
        begin_order(catalog, wanted.id, "r2")
    with catalog.session() as session:
        session.execute(update(Order).values(held_until=NOW))
    assert begin_order(catalog, wanted.id, "r2").token == 2


def test_a_heartbeat_keeps_a_turn_and_gives_back_nothing_that_was_taken(catalog: Catalog) -> None:
    wanted = order(catalog)
    with turn_at(catalog, wanted.id, "r1", ttl=0.4) as turn:
        first = turn.order.held_until
        beaten = threading.Event()
        for _ in range(50):
            held = get_order(catalog, "acme", wanted.id).held_until
            if first is not None and held is not None and held > first:
                break
            beaten.wait(0.1)
        else:
            pytest.fail("no heartbeat was written")
        with catalog.session() as session:
            session.execute(update(Order).values(run_id="r2", token=2, held_until=NOW))
        turn.beat()
        assert get_order(catalog, "acme", wanted.id).held_until == NOW
        with pytest.raises(TakenError):
            turn.check()


def test_the_steps_of_one_run_keep_one_turn(catalog: Catalog) -> None:
    wanted = order(catalog)
    for _ in range(2):
        with turn_at(catalog, wanted.id, "r1", asked_at=wanted.updated_at.isoformat()) as turn:
            turn.check()
    assert get_order(catalog, "acme", wanted.id).token == 1


@pytest.mark.parametrize("moment", ["before", "while it runs", "after a step", "at its end"])
@pytest.mark.parametrize("ending", ["done", "failed", "cancelled"])
def test_a_cancel_is_never_overwritten(catalog: Catalog, moment: str, ending: str) -> None:
    wanted = order(catalog)
    asked = wanted.updated_at.isoformat()

    def cancel(at: str) -> None:
        if moment == at:
            cancel_order(catalog, ACME, wanted.id, now=NOW)

    cancel("before")
    if moment != "before":
        with turn_at(catalog, wanted.id, "r1", asked_at=asked) as turn:
            cancel("while it runs")
            if moment == "while it runs":
                with pytest.raises(StoppedError):
                    turn.check()
        cancel("after a step")
        if moment == "after a step":
            with pytest.raises(StoppedError):
                begin_order(catalog, wanted.id, "r1", asked_at=asked)
        cancel("at its end")
    for run in ("r1", None):
        settled = settle_order(catalog, wanted.id, run, ending, asked_at=asked, error="?")  # type: ignore[arg-type]
        assert (settled.status, settled.error) == ("cancelled", None)


def test_cancels_and_ends_at_once_leave_a_cancelled_order_cancelled(catalog: Catalog) -> None:
    wanted = order(catalog)
    begin_order(catalog, wanted.id, "r1")
    cancelled: list[Order] = []

    def cancel() -> None:
        try:
            cancelled.append(cancel_order(catalog, ACME, wanted.id, now=NOW))
        except ConflictError:
            return

    threads = [threading.Thread(target=cancel) for _ in range(3)]
    threads.insert(1, threading.Thread(target=lambda: settle_order(catalog, wanted.id, "r1", "done")))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert get_order(catalog, "acme", wanted.id).status == ("cancelled" if cancelled else "done")
