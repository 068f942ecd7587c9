"""Turns are shared among tenants: one that asks a lot waits for itself."""

from __future__ import annotations

import threading
import time

import pytest

from tgstudio_dagster.core.errors import QuotaError
from tgstudio_dagster.services.turns import Turns


class Line:
    """Threads that take a turn, and the order in which they got it."""

    def __init__(self, turns: Turns) -> None:
        self.turns, self.order, self.go_on = turns, list[str](), threading.Event()
        self.threads: list[threading.Thread] = []

    def come(self, tenant: str) -> None:
        begun = threading.Event()

        def work() -> None:
            begun.set()
            with self.turns.take(tenant):
                self.order.append(tenant)
                self.go_on.wait(30)

        thread = threading.Thread(target=work)
        thread.start()
        self.threads.append(thread)
        begun.wait()
        time.sleep(0.05)

    def finish(self) -> list[str]:
        self.go_on.set()
        for thread in self.threads:
            thread.join(30)
        return self.order


def test_tenants_follow_each_other_however_many_of_one_wait() -> None:
    line = Line(Turns(1))
    for tenant in ("a", "a", "a", "a", "b", "c"):
        line.come(tenant)
    assert line.finish() == ["a", "a", "b", "c", "a", "a"]


def test_a_tenant_has_so_many_at_once_and_leaves_the_rest_to_others() -> None:
    line = Line(Turns(2, each=1))
    for tenant in ("a", "a", "b"):
        line.come(tenant)
    assert line.order == ["a", "b"]
    assert line.finish() == ["a", "b", "a"]


def test_too_many_that_wait_are_sent_away() -> None:
    turns = Turns(1, waiting=2)
    line = Line(turns)
    for _ in range(3):
        line.come("a")
    with pytest.raises(QuotaError, match="wait already"), turns.take("a"):
        pass
    line.come("b")
    assert sorted(line.finish()) == ["a", "a", "a", "b"]


def test_who_holds_a_turn_takes_it_again() -> None:
    turns = Turns(1)
    with turns.take("a"), turns.take("a"):
        pass
    with turns.take("b"):
        pass
