"""What a query may not reach: another tenant, files of the machine, tables of DuckDB, and no message tells of them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pytest

from tests.lake.sandbox_lakes import DAY
from tests.lake.sandbox_lakes import acme as acme
from tests.lake.sandbox_lakes import both as both
from tgstudio_dagster.core.errors import QueryError
from tgstudio_dagster.lake.sandbox import open_tenant, run_query
from tgstudio_dagster.lake.store import TenantLake

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


@pytest.mark.parametrize("tenant", ["acme", "globex"])
@pytest.mark.parametrize(
    "sql",
    [
        """SELECT * FROM (WITH "{file}" AS (SELECT 1) FROM "{file}"), "{file}" """,
        """WITH a AS (WITH "{file}" AS (SELECT 1) FROM "{file}") SELECT * FROM "{file}", messages""",
        """SELECT (WITH RECURSIVE "{file}" AS (SELECT 1) SELECT count(*) FROM "{file}"), f.* FROM messages, "{file}" f""",
        """WITH "{file}" AS (SELECT 1), messages AS (SELECT 2) SELECT * FROM (FROM "{file}")""",
        """SELECT * FROM messages WHERE msg_id IN (WITH "{upper}" AS (SELECT 1) FROM "{file}")""",
    ],
)
def test_a_name_of_a_common_table_expression_opens_no_file(
    tmp_path: Path, acme: TenantLake, sql: str, tenant: str
) -> None:
    file = tmp_path / f"lake/messages/tenant={tenant}/date=2026-03-09/part-0.parquet"
    with pytest.raises(QueryError, match="take a name of letters"):
        run_query(acme, sql.format(file=file, upper=str(file).upper()))


@pytest.mark.parametrize("name", ["x.csv", "/etc/passwd", "a.json", "https://x", "*.parquet", "../x", "x\\y", "a.b.db"])
def test_a_common_table_expression_is_not_named_like_a_file(acme: TenantLake, name: str) -> None:
    with pytest.raises(QueryError, match="take a name of letters"):
        run_query(acme, f'WITH "{name}" AS (SELECT 1) FROM "{name}"')


@pytest.mark.parametrize("view", ["duckdb_views", "DUCKDB_VIEWS", "sqlite_master", "pg_views"])
def test_a_name_of_a_common_table_expression_opens_no_view_of_duckdbs_own(acme: TenantLake, view: str) -> None:
    with pytest.raises(QueryError, match="take another"):
        run_query(acme, f"SELECT (WITH {view} AS (SELECT 1 AS x) SELECT x FROM {view}), v.* FROM {view} v, messages")


def test_common_table_expressions_may_have_plain_names(acme: TenantLake) -> None:
    assert run_query(acme, "WITH tables AS (SELECT 1 AS x), messages AS (FROM tables) FROM messages").rows() == [(1,)]


def test_no_message_and_no_plan_tells_where_the_lake_is(tmp_path: Path, acme: TenantLake) -> None:
    plan = run_query(acme, "EXPLAIN ANALYZE SELECT text FROM messages WHERE day = DATE '2026-03-09'")
    assert str(tmp_path) not in plan.write_json()
    (tmp_path / f"lake/messages/tenant=acme/date={DAY}/part-0.parquet").write_bytes(b"PAR1 damaged PAR1")
    with pytest.raises(QueryError) as caught:
        run_query(acme, "SELECT text FROM messages")
    assert str(tmp_path) not in str(caught.value)
