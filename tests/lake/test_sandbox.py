"""What the sandbox lets through and, above all, what it does not: files, other tenants, settings, Python, time, rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tests.builders import frame, landing, messages
from tgstudio_dagster.core.errors import QueryError
from tgstudio_dagster.lake import engine
from tgstudio_dagster.lake.sandbox import check, open_tenant, run_query, views
from tgstudio_dagster.lake.store import Lake, S3Options, TenantLake
from tgstudio_dagster.lake.tables import TABLES
from tgstudio_dagster.lake.tables.newsroom import EXPORTS
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.lake.tables.topics import TOPICS

DAY = date(2026, 3, 9)
Root = tuple[str, dict[str, str] | None]


def fill(lake: Lake) -> TenantLake:
    """Three days of messages and an order for acme, and a secret for globex."""
    acme = lake.tenant("acme")
    for n in range(3):
        rows = messages(*({"msg_id": i + 1, "lang": "ru" if i % 2 else "en", "views": i} for i in range(10)))
        acme.write(MESSAGES, rows.with_columns(pl.col("date") + timedelta(days=n)), day=DAY + timedelta(n))
    export = frame(EXPORTS, [{"format": "csv", "uri": "u", "sha256": "s", "bytes": 1, "packages": 1}])
    acme.write(EXPORTS, export, order="acme-01")
    acme.land(landing({"text": "waiting"}))
    lake.tenant("globex").write(MESSAGES, messages({"text": "SECRET"}), day=DAY)
    return acme


@pytest.fixture
def both(lake_root: Root) -> TenantLake:
    root, options = lake_root
    return fill(Lake(root, s3=S3Options(**options) if options else None))


@pytest.fixture
def acme(tmp_path: Path) -> TenantLake:
    return fill(Lake(str(tmp_path / "lake")))


def test_a_tenant_sees_its_own_rows_with_their_partition(both: TenantLake) -> None:
    found = run_query(both, "SELECT tenant, day, count(*) AS posts FROM messages GROUP BY ALL ORDER BY day")
    assert found.rows() == [("acme", DAY + timedelta(n), 10) for n in range(3)]
    assert run_query(both, "SELECT tenant, order_id FROM exports").rows() == [("acme", "acme-01")]
    assert "SECRET" not in run_query(both, "SELECT * FROM messages").write_json()


def test_a_table_that_was_never_written_is_an_empty_view(both: TenantLake) -> None:
    found = run_query(both, "SELECT * FROM topics")
    assert found.is_empty()
    assert found.columns == [*TOPICS.columns, "tenant", "day"]


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


OUT_OF_BOUNDS = [
    # other kinds of statement
    "COPY messages TO '{tmp}/out.csv'",
    "COPY (SELECT * FROM messages) TO '{part}'",
    "COPY messages FROM '{part}'",
    "EXPORT DATABASE '{tmp}/out'",
    "IMPORT DATABASE '{tmp}/out'",
    "ATTACH '{tmp}/x.duckdb'",
    "ATTACH ':memory:' AS x",
    "DETACH memory",
    "USE memory",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{tmp}/evil.duckdb_extension'",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "SET allowed_directories = ['/']",
    "SET VARIABLE x = 1",
    "RESET memory_limit",
    "PRAGMA database_list",
    "PRAGMA enable_profiling",
    "CALL pragma_version()",
    "CREATE TABLE t AS SELECT 1",
    "CREATE TEMP TABLE t (x INT)",
    "CREATE OR REPLACE VIEW messages AS SELECT 1",
    "CREATE MACRO f(x) AS x",
    "CREATE SECRET s (TYPE s3, KEY_ID 'x', SECRET 'y')",
    "CREATE TYPE t AS ENUM ('a')",
    "CREATE SEQUENCE s",
    "DROP VIEW messages",
    "ALTER VIEW messages RENAME TO m",
    "INSERT INTO messages SELECT * FROM messages",
    "DELETE FROM messages",
    "UPDATE messages SET text = ''",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "DEALLOCATE p",
    "BEGIN",
    "COMMIT",
    "CHECKPOINT",
    "VACUUM",
    "ANALYZE",
    "COMMENT ON VIEW messages IS 'x'",
    # more than one
    "SELECT 1; SELECT 2",
    "SELECT 1; COPY messages TO '{tmp}/out.csv'",
    "",
    "-- nothing",
    ";",
    # writing within what is called a SELECT
    "WITH a AS (COPY messages TO '{tmp}/out.csv') SELECT 1",
    "WITH a AS (COPY (SELECT 1) TO '{part}') SELECT 1",
    "WITH a AS (INSERT INTO messages SELECT * FROM messages RETURNING *) FROM a",
    "WITH a AS (DELETE FROM messages RETURNING *) FROM a",
    "WITH a AS (UPDATE messages SET text = '' RETURNING *) FROM a",
    "SELECT * FROM (WITH a AS (COPY messages TO '{tmp}/out.csv') SELECT 1)",
    "EXPLAIN COPY messages TO '{tmp}/out.csv'",
    "EXPLAIN ANALYZE COPY messages TO '{tmp}/out.csv'",
    "EXPLAIN ANALYZE WITH a AS (COPY messages TO '{tmp}/out.csv') SELECT 1",
    "EXPLAIN (ANALYZE) COPY messages TO '{tmp}/out.csv'",
    "EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1",
    "EXPLAIN SET threads = 1",
    # files
    "SELECT * FROM '{part}'",
    "SELECT * FROM '{other}'",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM '{tmp}/lake/messages/tenant=acme/../tenant=globex/date=2026-03-09/part-0.parquet'",
    'SELECT * FROM "{other}"',
    "SELECT * FROM read_parquet('{part}')",
    "SELECT * FROM read_parquet('{other}')",
    "SELECT * FROM parquet_scan('{other}')",
    "SELECT * FROM read_parquet('{tmp}/lake/landing/tenant=acme/*/*.parquet')",
    "SELECT * FROM read_parquet(['{part}', '{other}'])",
    "SELECT * FROM parquet_metadata('{part}')",
    "SELECT * FROM parquet_schema('{other}')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('{part}')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_csv_auto('/etc/passwd')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM read_json('/etc/passwd')",
    "SELECT * FROM read_ndjson_objects('/etc/passwd')",
    "SELECT * FROM read_duckdb('{tmp}/x.duckdb')",
    "SELECT * FROM glob('{tmp}/**')",
    "SELECT * FROM glob('*')",
    "SELECT * FROM READ_TEXT('/etc/passwd')",
    "SELECT * FROM \"read_text\"('/etc/passwd')",
    "SELECT * FROM main.read_text('/etc/passwd')",
    "SELECT * FROM system.main.read_text('/etc/passwd')",
    "SELECT * FROM 'https://example.com/x.parquet'",
    "SELECT * FROM read_parquet('s3://lake/messages/x.parquet')",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    "SELECT * FROM messages WHERE text IN (SELECT content FROM read_text('/etc/passwd'))",
    "SELECT * FROM messages ORDER BY (SELECT count(*) FROM glob('/*'))",
    "SELECT 1 UNION ALL SELECT size FROM read_blob('/etc/passwd')",
    "WITH a AS (SELECT * FROM read_text('/etc/passwd')) SELECT 1",
    "DESCRIBE '/etc/passwd'",
    "DESCRIBE SELECT * FROM read_csv('/etc/passwd')",
    "SUMMARIZE '{other}'",
    "EXPLAIN SELECT * FROM read_text('/etc/passwd')",
    "WITH \"/etc/passwd\" AS (SELECT 1) SELECT * FROM read_csv('/etc/passwd')",
    # SQL made of text, and what tells of the machine
    "SELECT * FROM query('COPY messages TO ''{tmp}/out.csv''')",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('messages')",
    "SELECT * FROM query_table(['{other}'])",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "SELECT json_serialize_plan('SELECT * FROM ''/etc/passwd''')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_views()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM duckdb_databases()",
    "SELECT * FROM duckdb_functions()",
    "SELECT * FROM pragma_database_list",
    "SELECT * FROM information_schema.views",
    "SELECT * FROM pg_catalog.pg_views",
    "SELECT * FROM sqlite_master",
    "SELECT pg_get_viewdef(1)",
    "SELECT current_setting('allowed_paths')",
    "SELECT getenv('HOME')",
    "SELECT list_transform(['HOME'], lambda x: getenv(x))",
    "SELECT pg_sleep(1000)",
    "SELECT sleep_ms(1000000)",
    "SHOW VARIABLES",
    "SHOW DATABASES",
    "SHOW ALL DATABASES",
    # Python, and what does not exist
    "SELECT * FROM python_secret",
    "SELECT * FROM MESSAGES_FRAME",
    "SELECT * FROM globex.main.messages",
    "SELECT * FROM landing",
    "SELECT * FROM python_map_function()",
    "SELECT * FROM pandas_scan(1)",
    "SELECT * FROM arrow_scan(1, 2, 3)",
    "SELECT nothing FROM messages",
    "SELEC 1",
]

MESSAGES_FRAME = pl.DataFrame({"leak": ["python"]})


@pytest.mark.parametrize("sql", OUT_OF_BOUNDS)
def test_out_of_bounds(tmp_path: Path, acme: TenantLake, sql: str) -> None:
    python_secret = pl.DataFrame({"leak": ["python"]})
    part, other = (
        tmp_path / f"lake/messages/tenant={tenant}/date=2026-03-09/part-0.parquet" for tenant in ("acme", "globex")
    )
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    with pytest.raises(QueryError):
        run_query(acme, sql.format(tmp=tmp_path, part=part, other=other))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")} == before
    assert [path.name for path in tmp_path.iterdir()] == ["lake"]
    assert python_secret.height == 1


SECOND_WALL: list[str] = [
    "SELECT * FROM read_parquet('{other}')",
    "SELECT * FROM '{other}'",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM glob('{tmp}/**')",
    "SELECT * FROM read_parquet('{tmp}/lake/landing/tenant=acme/*/*.parquet')",
    "SELECT * FROM read_parquet('{tmp}/lake/messages/tenant=acme/../tenant=globex/date=2026-03-09/part-0.parquet')",
    "COPY messages TO '{tmp}/out.csv'",
    "WITH a AS (COPY messages TO '{tmp}/out.csv') SELECT 1",
    "EXPORT DATABASE '{tmp}/out'",
    "ATTACH '{tmp}/x.duckdb'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "SET allowed_paths = ['{other}']",
    "SET allowed_directories = ['/']",
    "SET python_enable_replacements = true",
    "SET memory_limit = '100GB'",
    "RESET max_execution_time",
    "SELECT * FROM python_secret",
    "SELECT * FROM MESSAGES_FRAME",
    "CREATE PERSISTENT SECRET s (TYPE s3)",
]


@pytest.mark.parametrize("sql", SECOND_WALL)
def test_the_connection_itself_reaches_nothing_else(tmp_path: Path, acme: TenantLake, sql: str) -> None:
    python_secret = pl.DataFrame({"leak": ["python"]})
    other = tmp_path / "lake/messages/tenant=globex/date=2026-03-09/part-0.parquet"
    with open_tenant(acme) as connection:
        with pytest.raises(duckdb.Error):
            connection.execute(sql.format(tmp=tmp_path, other=other)).fetchall()
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (30,)
    assert [path.name for path in tmp_path.iterdir()] == ["lake"]
    assert python_secret.height == 1


def test_a_name_of_a_common_table_expression_opens_no_file(tmp_path: Path, acme: TenantLake) -> None:
    other = tmp_path / "lake/messages/tenant=globex/date=2026-03-09/part-0.parquet"
    with pytest.raises(QueryError):
        run_query(acme, f"""SELECT * FROM (WITH "{other}" AS (SELECT 1) FROM "{other}"), "{other}" """)


@pytest.mark.parametrize("view", ["duckdb_views", "DUCKDB_VIEWS", "sqlite_master", "pg_views"])
def test_a_name_of_a_common_table_expression_opens_no_view_of_duckdbs_own(acme: TenantLake, view: str) -> None:
    with pytest.raises(QueryError, match="take another"):
        run_query(acme, f"SELECT (WITH {view} AS (SELECT 1 AS x) SELECT x FROM {view}), v.* FROM {view} v, messages")


def test_common_table_expressions_may_have_plain_names(acme: TenantLake) -> None:
    assert run_query(acme, "WITH tables AS (SELECT 1 AS x), messages AS (FROM tables) FROM messages").rows() == [(1,)]


@pytest.mark.parametrize("error", [MemoryError(), pl.exceptions.ComputeError("too long a text")])
def test_a_result_that_does_not_fit_is_the_querys_error(
    acme: TenantLake, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> pl.DataFrame:
        raise error

    monkeypatch.setattr(engine, "fetch", fail)
    with pytest.raises(QueryError, match=r"needs more than|too long a text"):
        run_query(acme, "SELECT 1")


def test_no_message_and_no_plan_tells_where_the_lake_is(tmp_path: Path, acme: TenantLake) -> None:
    plan = run_query(acme, "EXPLAIN ANALYZE SELECT text FROM messages WHERE day = DATE '2026-03-09'")
    assert str(tmp_path) not in plan.write_json()
    (tmp_path / f"lake/messages/tenant=acme/date={DAY}/part-0.parquet").write_bytes(b"PAR1 damaged PAR1")
    with pytest.raises(QueryError) as caught:
        run_query(acme, "SELECT text FROM messages")
    assert str(tmp_path) not in str(caught.value)


def test_a_condition_on_the_day_reads_that_day_only(acme: TenantLake) -> None:
    plan = run_query(acme, "EXPLAIN ANALYZE SELECT count(*) FROM messages WHERE day = DATE '2026-03-10'")
    assert "Scanning Files: 1/3" in plan["plan"][0]


def test_only_the_tables_a_query_names_are_read(both: TenantLake, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real: Callable[..., list[str]] = engine.give_table

    def spy(connection: duckdb.DuckDBPyConnection, lake: TenantLake, table: object) -> list[str]:
        asked.append(table.name)  # type: ignore[attr-defined]
        return real(connection, lake, table)

    monkeypatch.setattr(engine, "give_table", spy)
    run_query(both, "SELECT 1")
    run_query(both, "SHOW TABLES")
    assert asked == []
    run_query(both, "SELECT * FROM channel_days")
    assert asked == ["messages"]


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
    found = run_query(
        acme,
        "SELECT INTERVAL 1 DAY AS i, [INTERVAL 1 DAY] AS l, 1::HUGEINT AS h, sum(1) AS s, BIT '101' AS b, 1 AS x, 2 AS X",
    )
    assert found.row(0) == ("1 day", "[1 day]", 1, 1, "101", 1, 2)
    assert found.columns == ["i", "l", "h", "s", "b", "x", "X_2"]
    assert json.loads(json.dumps(found.to_dicts()))


def test_a_query_too_long_to_parse_in_time_is_refused() -> None:
    with pytest.raises(QueryError, match="characters long"):
        check("SELECT 1 FROM messages WHERE " + " OR ".join(["views = 1"] * 5_000))
