"""A stranger's query in a process of its own: the same answers, and an end to what no limit of DuckDB's ends."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

import psutil
import pytest

from tests.lake.sandbox_lakes import Root, fill
from tgstudio_dagster.core.errors import QueryError
from tgstudio_dagster.lake.sandbox import run_query
from tgstudio_dagster.lake.sandbox_process import _FEW_THREADS, ENVIRONMENT, run_sql
from tgstudio_dagster.lake.store import Lake, S3Options, TenantLake


@pytest.fixture
def acme(tmp_path: Path) -> TenantLake:
    return fill(Lake(str(tmp_path / "lake")))


def test_the_answer_is_the_one_that_a_query_in_this_process_gives(lake_root: Root) -> None:
    root, options = lake_root
    lake = fill(Lake(root, s3=S3Options(**options) if options else None))
    sql = "SELECT day, lang, count(*) AS posts, list(msg_id ORDER BY msg_id) AS ids FROM messages GROUP BY ALL ORDER BY ALL"
    assert run_sql(lake, sql, rows=100, seconds=30).equals(run_query(lake, sql))


def test_an_empty_answer_keeps_its_columns(acme: TenantLake) -> None:
    rows = run_sql(acme, "SELECT msg_id, text FROM messages WHERE false", rows=10, seconds=30)
    assert (rows.height, rows.columns) == (0, ["msg_id", "text"])


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DROP VIEW messages", "refused"),
        ("SELECT * FROM globex", "no such view"),
        ("SELECT nosuch FROM messages", "nosuch"),
        ("SELECT * FROM range(11)", "more than 10 rows"),
        ("SELECT 1; SELECT 2", "one statement"),
    ],
)
def test_what_is_refused_or_fails_says_the_same(acme: TenantLake, sql: str, said: str) -> None:
    with pytest.raises(QueryError, match=said):
        run_sql(acme, sql, rows=10, seconds=30)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT length(repeat('x', 900000000)) AS n",
        "SELECT length(concat(repeat('x', 300000000), repeat('y', 300000000), repeat('z', 300000000))) AS n",
        "SELECT repeat('x', 1000000) AS t FROM range(1000)",
        "SELECT list(range) FROM range(300000000)",
    ],
)
def test_a_query_that_builds_too_much_ends_within_its_memory(acme: TenantLake, sql: str) -> None:
    with pytest.raises(QueryError, match=r"needs more than|took longer"):
        run_sql(acme, sql, rows=10_000, seconds=20, memory=600 * 2**20)


def test_a_query_that_takes_too_long_is_ended_and_leaves_no_process(acme: TenantLake) -> None:
    started = time.monotonic()
    with pytest.raises(QueryError, match="took longer than 1 s"):
        run_sql(acme, "SELECT count(*) FROM range(1000000000000)", rows=10, seconds=1)
    assert time.monotonic() - started < 15
    children = psutil.Process(os.getpid()).children(recursive=True)
    assert not [child for child in children if "sandbox_child" in " ".join(child.cmdline())]


def test_the_process_knows_none_of_this_one_s_secrets(acme: TenantLake, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("SESSION_KEY_1", "TELEGRAM_API_HASH", "TGSTUDIO_S3_SECRET_ACCESS_KEY", "TGSTUDIO_DATABASE_URL")
    others = ("POSTGRES_PASSWORD", "S3_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY", "ANYTHING_ELSE")
    for name in (*names, *others):
        monkeypatch.setenv(name, f"secret {name}")
    seen: list[dict[str, str]] = []
    asking = threading.Thread(
        target=lambda: run_sql(acme, "SELECT sum(range) FROM range(3000000000)", rows=1, seconds=30)
    )
    asking.start()
    while asking.is_alive() and not seen:
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.Error):
                if "tgstudio_dagster.lake.sandbox_child" in child.cmdline():
                    seen.append(child.environ())
    asking.join()
    assert seen and set(seen[0]) <= ENVIRONMENT | set(_FEW_THREADS)
    assert not [value for value in seen[0].values() if value.startswith("secret")]


def test_a_query_too_long_to_parse_in_time_is_refused(acme: TenantLake) -> None:
    with pytest.raises(QueryError, match="characters long"):
        run_sql(acme, "SELECT 1 FROM messages WHERE " + " OR ".join(["views = 1"] * 5_000), rows=1, seconds=5)


def test_half_a_character_is_no_fault(acme: TenantLake) -> None:
    with pytest.raises(QueryError, match="not text"):
        run_sql(acme, "SELECT '\ud800'", rows=1, seconds=5)


def test_limits_below_one_are_refused(acme: TenantLake) -> None:
    for rows, seconds in ((0, 1.0), (1, 0.0)):
        with pytest.raises(QueryError, match="at least 1"):
            run_sql(acme, "SELECT 1", rows=rows, seconds=seconds)
