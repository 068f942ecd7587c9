"""The one cache: answers go with their time, their number and what they were made of, and no refusal is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.builders import make_tenant
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.plans import set_plan
from tgstudio_dagster.catalog.people.tenants import get_tenant
from tgstudio_dagster.core.cache import TtlCache


def counting(made: list[str], name: str = "x") -> Callable[[], int]:
    def make() -> int:
        made.append(name)
        return len(made)

    return make


def test_an_answer_is_made_once_until_what_it_was_made_of_changes() -> None:
    made: list[str] = []
    version = [1]
    cache = TtlCache[str](version=lambda: version[0])
    assert [cache.get("a", counting(made)) for _ in range(3)] == [1, 1, 1]
    version[0] = 2
    assert [cache.get("a", counting(made)) for _ in range(2)] == [2, 2]


def test_an_answer_that_was_made_while_something_was_written_is_not_believed() -> None:
    version = [1]

    def write_meanwhile() -> str:
        version[0] += 1
        return "old"

    cache = TtlCache[str](version=lambda: version[0])
    assert cache.get("a", write_meanwhile) == "old"
    assert cache.get("a", lambda: "new") == "new"


def test_an_answer_is_believed_for_its_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    made: list[str] = []
    cache = TtlCache[str](seconds=5)
    cache.get("a", counting(made))
    now[0] += 4.9
    assert cache.get("a", counting(made)) == 1
    now[0] += 0.2
    assert cache.get("a", counting(made)) == 2


def test_those_asked_for_last_are_kept() -> None:
    made: list[str] = []
    cache = TtlCache[str](most=2)
    for key in ("a", "b", "a", "c", "a", "b"):
        cache.get(key, counting(made, key))
    assert made == ["a", "b", "c", "b"] and len(cache) == 2


def test_answers_are_let_go_by_their_weight_and_a_heavy_one_is_not_kept() -> None:
    cache = TtlCache[str](most=100, weigh=len)
    for key, size in (("a", 25), ("b", 25), ("c", 25), ("d", 25), ("e", 10), ("heavy", 26)):
        assert len(cache.get(key, lambda size=size: "x" * size)) == size  # type: ignore[misc]
    assert (len(cache), cache.weight) == (4, 85)
    cache.get("b", lambda: "y", "another version")
    assert (len(cache), cache.weight) == (4, 61)
    cache.clear()
    assert (len(cache), cache.weight) == (0, 0)


def test_threads_that_ask_for_one_thing_have_it_made_once() -> None:
    cache = TtlCache[str]()
    made: list[str] = []

    def slow() -> int:
        time.sleep(0.05)
        return counting(made)()

    with ThreadPoolExecutor(8) as threads:
        assert {task.result() for task in [threads.submit(cache.get, "a", slow) for _ in range(8)]} == {1}


def test_a_refusal_is_not_kept_and_nothing_is_an_answer_too() -> None:
    cache = TtlCache[str]()
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 // 0)
    made: list[str] = []
    assert [cache.get("a", lambda: made.append("x")) for _ in range(2)] == [None, None]
    assert made == ["x"]
    cache.forget("a")
    cache.get("a", lambda: made.append("y"))
    assert made == ["x", "y"]


def test_a_slow_answer_holds_up_no_other() -> None:
    cache = TtlCache[str]()
    with ThreadPoolExecutor(2) as threads:
        slow = threads.submit(cache.get, "slow", lambda: threads.submit(cache.get, "quick", lambda: 1).result(10))
        assert slow.result(20) == 1


def test_a_changed_plan_is_seen_at_once_in_the_process_that_changed_it(catalog: Catalog) -> None:
    make_tenant(catalog)
    cache = TtlCache[str](version=lambda: catalog.writes)
    assert cache.get("tenant", lambda: get_tenant(catalog, "demo")).plan is None
    set_plan(catalog, "demo", "pro")
    assert cache.get("tenant", lambda: get_tenant(catalog, "demo")).plan == "pro"
