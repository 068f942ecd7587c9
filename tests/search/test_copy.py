"""The local copy: filled once, kept up to date, made anew where it is damaged, shared by processes, on S3 as well."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from tests import builders
from tests.search import lakes
from tests.search.lakes import DAY, ids, of_texts
from tests.servers.s3 import S3Server
from tgstudio_dagster.core.errors import LakeError
from tgstudio_dagster.lake.store import Lake, S3Options
from tgstudio_dagster.lake.tables.search import SEARCH_INDEX
from tgstudio_dagster.search import copy
from tgstudio_dagster.search.copy import LocalCopy
from tgstudio_dagster.search.find import Search


def copies(folder: Path) -> list[Path]:
    """Files of the one copy in the home, without the state."""
    return sorted(path for path in (folder / "home").rglob("words/*") if not path.name.startswith("."))


def test_a_day_written_again_with_the_same_content_is_not_taken_in_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = of_texts(tmp_path, "закон")
    assert ids(search.find("закон")) == [1]
    lake = Lake(str(tmp_path / "lake")).tenant("acme")
    lake.write(SEARCH_INDEX, lake.read(SEARCH_INDEX), day=DAY)
    monkeypatch.setattr("tgstudio_dagster.search.index.WordIndex.replace_day", lambda *_: pytest.fail("taken in"))
    assert ids(search.find("закон")) == [1]


def test_a_day_that_left_the_lake_leaves_the_copy(tmp_path: Path) -> None:
    search = of_texts(tmp_path, "закон")
    assert ids(search.find("закон")) == [1]
    (tmp_path / "lake" / "search_index" / "tenant=acme" / f"date={DAY}" / "part-0.parquet").unlink()
    page = search.find("закон")
    assert (page.hits, page.gaps.missing) == ([], (DAY,))


@pytest.mark.parametrize("damage", ["garbage", "empty", "gone", "a few bytes"])
def test_a_damaged_copy_is_made_anew(tmp_path: Path, damage: str) -> None:
    assert ids(of_texts(tmp_path, "закон", "бюджет").find("закон")) == [1]
    for path in copies(tmp_path):
        if damage == "gone":
            path.unlink()
        elif damage == "a few bytes":
            held = path.read_bytes()
            path.write_bytes(held[: len(held) // 2] + b"\xff" * 4 + held[len(held) // 2 + 4 :])
        else:
            path.write_bytes(b"garbage" * 9 if damage == "garbage" else b"")
    search = Search(Lake(str(tmp_path / "lake")).tenant("acme"), tmp_path / "home")
    assert (ids(search.find("закон")), ids(search.find("бюджет"))) == ([1], [2])


def test_a_copy_that_vanishes_while_it_is_open_is_made_anew(tmp_path: Path) -> None:
    search = of_texts(tmp_path, "закон", "бюджет")
    assert ids(search.find("закон")) == [1]
    shutil.rmtree(tmp_path / "home")
    assert ids(search.find("закон")) == [1]
    lakes.materialized(Lake(str(tmp_path / "lake")).tenant("acme"), {"text": "поправка"})
    assert ids(search.find("поправка")) == [1]


@pytest.mark.parametrize("content", [b"", b"{", b'{"lake": "elsewhere"}', b'{"lake": 1, "days": []}'])
def test_a_copy_whose_state_is_lost_or_another_lakes_is_made_anew(tmp_path: Path, content: bytes) -> None:
    assert ids(of_texts(tmp_path, "закон").find("закон")) == [1]
    next((tmp_path / "home").rglob(copy.STATE)).write_bytes(content)
    lake = Lake(str(tmp_path / "lake")).tenant("acme")
    assert ids(Search(lake, tmp_path / "home").find("закон")) == [1]


def test_a_day_that_cannot_be_read_in_the_lake_is_said_and_the_others_are_searched(tmp_path: Path) -> None:
    rows = [{"text": "закон", "date": builders.FIRST + timedelta(days=n)} for n in range(3)]
    lake = lakes.materialized(Lake(str(tmp_path)).tenant("acme"), *rows)
    (tmp_path / "search_index" / "tenant=acme" / f"date={DAY}" / "part-0.parquet").write_bytes(b"PAR1 garbage")
    search = Search(lake, tmp_path / "home")
    for _ in range(2):
        page = search.find("закон")
        assert ids(page) == [3, 2]
        assert "Materialize it again" in page.gaps.damaged[DAY]
    lakes.materialized(lake, rows[0])
    page = search.find("закон")
    assert (len(page.hits), page.gaps.damaged) == (3, {})


def test_a_home_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    search = of_texts(tmp_path, "закон")
    (tmp_path / "home").write_text("a file")
    with pytest.raises(LakeError, match="set TGSTUDIO_HOME"):
        search.find("закон")


def _fill(root: str, home: str, delay: float) -> None:
    plain = copy.LocalCopy._write

    def slow(self: LocalCopy, state: copy.State) -> None:
        time.sleep(delay)
        plain(self, state)

    copy.LocalCopy._write = slow  # type: ignore[method-assign]
    copy.BATCH = 1
    Search(Lake(root).tenant("acme"), Path(home)).refresh()


def test_a_filling_that_is_killed_is_finished_by_the_next_search(tmp_path: Path) -> None:
    rows = [{"text": "закон", "date": builders.FIRST + timedelta(days=n)} for n in range(8)]
    lake = lakes.materialized(Lake(str(tmp_path)).tenant("acme"), *rows)
    filling = multiprocessing.get_context("spawn").Process(target=_fill, args=(str(tmp_path), str(tmp_path / "h"), 0.2))
    filling.start()
    end = time.monotonic() + 120
    while not any(b"2026-03-10" in path.read_bytes() for path in (tmp_path / "h").rglob(copy.STATE)):
        assert time.monotonic() < end and filling.is_alive()
        time.sleep(0.02)
    os.kill(filling.pid or 0, signal.SIGKILL)
    filling.join()
    assert len(Search(lake, tmp_path / "h").find("закон").hits) == 8


def test_two_processes_fill_one_copy_and_both_see_it_whole(tmp_path: Path) -> None:
    rows = [{"text": "закон", "date": builders.FIRST + timedelta(days=n)} for n in range(8)]
    lake = lakes.materialized(Lake(str(tmp_path)).tenant("acme"), *rows)
    other = multiprocessing.get_context("spawn").Process(target=_fill, args=(str(tmp_path), str(tmp_path / "h"), 0.1))
    other.start()
    end = time.monotonic() + 120
    while not any((tmp_path / "h").rglob(copy.STATE)):
        assert time.monotonic() < end and other.is_alive()
        time.sleep(0.02)
    search = Search(lake, tmp_path / "h")
    assert len(search.find("закон").hits) == 8
    other.join()
    assert other.exitcode == 0
    assert search.find("закон").total == 8


def test_one_search_may_be_used_by_many_threads_while_days_change(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path)).tenant("acme")
    search = Search(lakes.materialized(lake, *({"text": "закон"} for _ in range(5))), tmp_path / "home")

    def ask(n: int) -> int | None:
        if n % 10 == 0:
            lakes.materialized(lake, *({"text": f"закон {n}"} for _ in range(5)))
        return search.find("закон").total

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ask, range(60))) == {5}


def test_a_lake_on_s3_is_copied_once_and_then_searched_here(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(f"s3://lake/{tmp_path.name}", s3=S3Options(**s3.options)).tenant("acme")
    rows = [{"text": "закон", "date": builders.FIRST + timedelta(days=n)} for n in range(3)]
    search = Search(lakes.materialized(lake, *rows), tmp_path / "home")
    assert ids(search.find("закон")) == [3, 2, 1]
    monkeypatch.setattr(type(lake), "read", lambda *_args, **_options: pytest.fail("read again"))
    assert ids(search.find("закон")) == [3, 2, 1]
