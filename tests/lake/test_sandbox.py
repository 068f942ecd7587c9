"""What the sandbox lets through, and what stops a query: time, memory, rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tests.lake.sandbox_lakes import DAY, fill
from tests.lake.sandbox_lakes import acme as acme
from tests.lake.sandbox_lakes import both as both
from tgstudio_dagster.core.errors import QueryError
from tgstudio_dagster.lake import engine
from tgstudio_dagster.lake.sandbox import run_query, views
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.lake.tables import TABLES
from tgstudio_dagster.lake.tables.topics import TOPICS


def test_a_tenant_sees_its_own_rows_with_their_partition(both: TenantLake) -> None:
    rows = run_query(both, "SELECT tenant, day, count(*) AS posts FROM messages GROUP BY ALL ORDER BY day")
    assert rows.rows() == [("acme", DAY + timedelta(n), 10) for n in range(3)]
    assert run_query(both, "SELECT tenant, order_id FROM exports").rows() == [("acme", "acme-01")]
    assert "SECRET" not in run_query(both, "SELECT * FROM messages").write_json()


def test_a_table_that_was_never_written_is_an_empty_view(both: TenantLake) -> None:
    rows = run_query(both, "SELECT * FROM topics")
    assert rows.is_empty()
    assert rows.columns == [*TOPICS.columns, "tenant", "day"]


@pytest.mark.parametrize("view", sorted(views()))
def test_every_view_of_the_analyst_can_be_read_and_described(both: TenantLake, view: str) -> None:
    columns = run_query(both, f"SELECT * FROM {view} LIMIT 1").columns
    assert run_query(both, f"DESCRIBE {view}")["column_name"].to_list() == columns


def test_all_tables_and_views_are_listed(both: TenantLake) -> None:
    expected = sorted([*TABLES, *views()])
    assert run_query(both, "SHOW TABLES")["name"].to_list() == expected
    listed = run_query(both, "SELECT table_name FROM information_schema.tables ORDER BY ALL")
    assert listed["table_name"].to_list() == expected


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1;",
        "-- a comment\nSELECT 1 -- and ; another",
        "/* ; */ select ';' as x; -- done\n;",
        "select 'привет; мир' as \"столбец;\";",
        "FROM messages",
        "TABLE messages",
        "VALUES (1), (2)",
        "DESCRIBE messages",
        "SHOW messages",
        "DESCRIBE SELECT * FROM messages",
        "SUMMARIZE messages",
        "EXPLAIN SELECT * FROM messages",
        "-- why\nexplain analyze select count(*) from messages;",
        "WITH a AS (FROM messages), b AS (FROM a) SELECT count(*) FROM b",
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) FROM t",
        "SELECT channel, list(msg_id ORDER BY msg_id) FROM main.messages GROUP BY ALL",
        "SELECT x.unnest FROM messages, unnest(hashtags) AS x",
        "SELECT * FROM range(3) UNION SELECT max(views) FROM messages",
        "SELECT row_number() OVER (PARTITION BY lang ORDER BY date) FROM messages",
        "PIVOT messages ON lang IN ('ru', 'en') USING count(*)",
        "SELECT 1 AS a, 2 AS a, 3 AS A",
        "SELECT date - lag(date) OVER (ORDER BY date) AS gap FROM messages",
        "SELECT list_filter([1, 2], lambda x: x > 1), regexp_extract('ab', 'b'), sum(views) FROM messages",
        "SELECT json_extract('{\"a\": 1}', '$.a'), columns('msg_id') FROM messages",
    ],
)
def test_reading_statements_are_let_through(acme: TenantLake, sql: str) -> None:
    assert run_query(acme, sql).width > 0


@pytest.mark.parametrize("error", [MemoryError(), pl.exceptions.ComputeError("too long a text")])
def test_a_result_that_does_not_fit_is_the_querys_error(
    acme: TenantLake, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> pl.DataFrame:
        raise error

    monkeypatch.setattr(engine, "fetch", fail)
    with pytest.raises(QueryError, match=r"needs more than|too long a text"):
        run_query(acme, "SELECT 1")


def test_a_condition_on_the_day_reads_that_day_only(acme: TenantLake) -> None:
    plan = run_query(acme, "EXPLAIN ANALYZE SELECT count(*) FROM messages WHERE day = DATE '2026-03-10'")
    assert "Scanning Files: 1/3" in plan["plan"][0]


def test_only_the_tables_a_query_names_are_read(both: TenantLake, monkeypatch: pytest.MonkeyPatch) -> None:
    tables: list[str] = []
    real: Callable[..., list[str]] = engine.give_table

    def spy(connection: duckdb.DuckDBPyConnection, lake: TenantLake, table: object) -> list[str]:
        tables.append(table.name)  # type: ignore[attr-defined]
        return real(connection, lake, table)

    monkeypatch.setattr(engine, "give_table", spy)
    run_query(both, "SELECT 1")
    run_query(both, "SHOW TABLES")
    assert tables == []
    run_query(both, "SELECT * FROM channel_days")
    assert tables == ["messages"]


def test_more_rows_than_asked_for_are_an_error_not_a_cut(both: TenantLake) -> None:
    assert run_query(both, "SELECT * FROM messages", max_rows=30).height == 30
    with pytest.raises(QueryError, match="more than 29 rows: add LIMIT"):
        run_query(both, "SELECT * FROM messages", max_rows=29)
    with pytest.raises(QueryError, match="more than 5 rows"):
        run_query(both, "SELECT * FROM range(1000000000000)", max_rows=5)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM range(10000000000) a, range(10000000000) b WHERE hash(a.range, b.range) = 1",
        "SELECT * FROM range(100000000000) WHERE hash(range) = 1",
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
    ],
)
def test_a_query_without_end_is_stopped(acme: TenantLake, sql: str) -> None:
    start = datetime.now()
    with pytest.raises(QueryError, match="took longer than 0.3 s"):
        run_query(acme, sql, timeout=0.3)
    assert datetime.now() - start < timedelta(seconds=10)


def test_a_query_that_needs_too_much_memory_is_stopped(acme: TenantLake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MEMORY", "50MB")
    with pytest.raises(QueryError, match="more than 50MB"):
        run_query(acme, "SELECT list(range ORDER BY hash(range)) FROM range(50000000)")


def test_a_root_with_signs_of_a_pattern_is_taken_by_its_letters(tmp_path: Path) -> None:
    (tmp_path / "la").mkdir()
    acme = fill(Lake(str(tmp_path / "la[k]e*'?")))
    assert run_query(acme, "SELECT count(*) AS n FROM messages")["n"].item() == 30


def test_values_that_polars_has_no_type_for_come_as_text(acme: TenantLake) -> None:
    rows = run_query(
        acme,
        "SELECT INTERVAL 1 DAY AS i, [INTERVAL 1 DAY] AS l, 1::HUGEINT AS h, sum(1) AS s, BIT '101' AS b, 1 AS x, 2 AS X",
    )
    assert rows.row(0) == ("1 day", "[1 day]", 1, 1, "101", 1, 2)
    assert rows.columns == ["i", "l", "h", "s", "b", "x", "X_2"]
    assert json.loads(json.dumps(rows.to_dicts()))
