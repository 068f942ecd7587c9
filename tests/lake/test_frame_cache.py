"""What a run has read: each object is decoded once, a replaced one again, and the room is bounded."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from tests.builders import messages
from tgstudio_dagster.lake.frame_cache import FrameCache
from tgstudio_dagster.lake.objects import LocalObjects
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.lake.tables.posts import MESSAGES

DAY = date(2026, 3, 14)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each object was opened."""
    times: Counter[str] = Counter()
    real = LocalObjects.open

    def counted(self: LocalObjects, path: str) -> object:
        times[path] += 1
        return real(self, path)

    monkeypatch.setattr(LocalObjects, "open", counted)
    return times


def lake(folder: Path, cache: FrameCache | None) -> TenantLake:
    return Lake(str(folder), cache=cache).tenant("acme")


def write(store: TenantLake, day: date, *rows: dict[str, object]) -> None:
    store.write(MESSAGES, messages(*rows), day=day)


def test_windows_that_overlap_read_each_day_once(tmp_path: Path, opened: Counter[str]) -> None:
    store = lake(tmp_path, FrameCache())
    days = [DAY + timedelta(days=n) for n in range(9)]
    for n, day in enumerate(days):
        write(store, day, {"msg_id": n + 1})
    for last in range(7, 10):
        assert store.read(MESSAGES, days=days[last - 7 : last]).height == 7
    assert set(opened.values()) == {1} and len(opened) == 9


def test_columns_and_conditions_are_as_without_a_cache(tmp_path: Path) -> None:
    plain, cached = lake(tmp_path, None), lake(tmp_path, FrameCache())
    write(plain, DAY, {"msg_id": 1, "views": 5}, {"msg_id": 2, "views": 9})
    asked = {"days": [DAY], "columns": ["msg_id", "views"], "where": [pl.col("views") > 6], "with_partition": True}
    for _ in range(2):
        assert cached.read(MESSAGES, **asked).equals(plain.read(MESSAGES, **asked))  # type: ignore[arg-type]


def test_an_object_that_was_replaced_is_read_again(tmp_path: Path) -> None:
    store = lake(tmp_path, FrameCache())
    write(store, DAY, {"msg_id": 1})
    assert store.read(MESSAGES, days=[DAY])["msg_id"].to_list() == [1]
    write(lake(tmp_path, None), DAY, {"msg_id": 2})
    assert store.read(MESSAGES, days=[DAY])["msg_id"].to_list() == [2]


def test_what_was_not_asked_for_the_longest_goes_first_and_the_room_is_kept() -> None:
    frame = pl.DataFrame({"n": range(100)})
    cache = FrameCache(limit=frame.estimated_size() * 4)
    for name in "abcd":
        cache.put(name, "1", frame)
    assert cache.get("a", "1") is not None
    cache.put("e", "1", frame)
    assert cache.get("b", "1") is None and cache.get("a", "1") is not None
    assert cache.bytes == frame.estimated_size() * 4
    cache.put("a", "2", frame)
    assert cache.get("a", "1") is None and cache.bytes == frame.estimated_size() * 4


def test_a_frame_that_would_push_out_most_others_is_not_kept() -> None:
    cache = FrameCache(limit=100)
    cache.put("large", "1", pl.DataFrame({"n": range(100)}))
    assert cache.get("large", "1") is None and cache.bytes == 0
