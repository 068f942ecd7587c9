"""Frames that are kept: made once per version by however many threads, let go when there are too many."""

from __future__ import annotations

import threading
import time
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from tests.builders import messages
from tgstudio_dagster.core.cache import TtlCache
from tgstudio_dagster.lake import read_cache
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.lake.tables.posts import MEDIA, MESSAGES

DAY = date(2026, 3, 9)


@pytest.fixture
def lake(tmp_path: Path) -> TenantLake:
    return Lake(str(tmp_path)).tenant("acme")


def write(lake: TenantLake, day: int = 9) -> None:
    lake.write(MESSAGES, messages({"date": datetime(2026, 3, day, tzinfo=UTC)}), day=date(2026, 3, day))


def test_what_this_process_writes_is_seen_at_once(lake: TenantLake) -> None:
    assert read_cache.versions(lake, MESSAGES) == {}
    write(lake)
    assert list(read_cache.versions(lake, MESSAGES)) == [DAY]
    before = read_cache.stamp(lake, MESSAGES)
    write(lake)
    assert read_cache.stamp(lake, MESSAGES) != before


def test_what_another_process_writes_is_seen_after_a_moment(lake: TenantLake, monkeypatch: pytest.MonkeyPatch) -> None:
    write(lake)
    read_cache.versions(lake, MESSAGES)
    write(lake, 10)
    monkeypatch.setattr(TenantLake, "writes", TenantLake.writes)
    found = read_cache.versions(lake, MESSAGES)
    assert len(found) == 2
    path = Path(lake.paths(MESSAGES, days=[DAY])[0])
    path.unlink()
    assert len(read_cache.versions(lake, MESSAGES)) == 2
    monkeypatch.setattr(read_cache, "_listings", TtlCache(seconds=0))
    assert len(read_cache.versions(lake, MESSAGES)) == 1


def test_a_stamp_tells_tables_and_tenants_apart(lake: TenantLake) -> None:
    other = Lake(lake.root).tenant("other")
    assert (
        len(
            {
                read_cache.stamp(lake, MESSAGES),
                read_cache.stamp(other, MESSAGES),
                read_cache.stamp(lake, MESSAGES, MEDIA),
            }
        )
        == 3
    )


def test_a_frame_is_made_once_however_many_threads_ask(lake: TenantLake) -> None:
    made = []

    def make() -> pl.DataFrame:
        time.sleep(0.05)
        made.append(1)
        return pl.DataFrame({"a": [1]})

    threads = [threading.Thread(target=read_cache.frame, args=(lake, "x", "1", make)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    read_cache.frame(lake, "x", "2", make)
    assert len(made) == 2


def test_a_make_that_fails_is_tried_again(lake: TenantLake) -> None:
    def fail() -> pl.DataFrame:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        read_cache.frame(lake, "x", "1", fail)
    assert read_cache.frame(lake, "x", "1", lambda: pl.DataFrame({"a": [1]})).height == 1


def test_the_frame_that_was_asked_for_longest_ago_goes_first(lake: TenantLake, monkeypatch: pytest.MonkeyPatch) -> None:
    read_cache.forget()
    monkeypatch.setattr(read_cache, "_frames", TtlCache(most=4 * 8_000, weigh=lambda kept: int(kept.estimated_size())))
    made: list[str] = []

    def ask(name: str, rows: int = 1_000) -> None:
        def make() -> pl.DataFrame:
            made.append(name)
            return pl.DataFrame({"a": pl.Series(range(rows), dtype=pl.Int64)})

        read_cache.frame(lake, name, "1", make)

    for name in ("a", "b", "c", "d", "a", "e"):
        ask(name)
    assert made == ["a", "b", "c", "d", "e"]
    ask("a")
    ask("b")
    assert made == ["a", "b", "c", "d", "e", "b"]
    ask("large", 2_000)
    ask("large", 2_000)
    assert made.count("large") == 2
    read_cache.forget()
