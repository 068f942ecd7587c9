"""What users ask of their lake in their own SQL: read-only, on their tenant's views, with nothing else in reach.

Only `sandbox_child.py` calls this: a statement is parsed where limits of the system hold, never in a process that serves
others (DuckDB's parser takes 26 s and 11 GB for 96 characters, and holds Python's lock). Two walls, each enough by itself
for what it covers. Before a statement runs, its syntax tree is read: one SELECT (or EXPLAIN of one), from known views, with
no function that reads anything else. While it runs, DuckDB itself may open the partitions it was given and no other file,
with its configuration locked and memory, threads, time and rows limited.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from tgstudio_dagster.core.errors import QueryError
from tgstudio_dagster.lake import engine
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables import TABLES

VIEWS = Path(__file__).resolve().parents[2] / "sql" / "views"
MAX_ROWS = 10_000
TIMEOUT = 30.0

TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", "json_each", "json_tree", "repeat"})
CATALOG = frozenset({("information_schema", "tables"), ("information_schema", "columns")})
# They tell of the machine, run SQL that was not read here, or wait without being interruptible.
REFUSED_FUNCTIONS = frozenset(
    {"current_setting", "getenv", "json_serialize_plan", "pg_get_viewdef", "pg_sleep", "sleep_ms", "write_log"}
)
# DuckDB would take a name with an extension for a file, wherever the common table expression of that name is out of scope.
_PLAIN_NAME = re.compile(r"[\w $-]+")
QUERY_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE"})
_EXPLAIN = re.compile(r"EXPLAIN(\s+ANALYZE)?\b", re.IGNORECASE)


@dataclass
class Needs:
    """What a statement reads: relations with their rows, relations of which only the columns, and the list of all."""

    rows: set[str] = field(default_factory=set)
    columns: set[str] = field(default_factory=set)
    everything: bool = False


def run_query(
    lake: TenantLake,
    sql: str,
    *,
    max_rows: int = MAX_ROWS,
    timeout: float = TIMEOUT,
    hidden: Collection[str] = frozenset(),
    cut: bool = False,
) -> pl.DataFrame:
    """The result of one read-only statement on the tenant's views, of at most `max_rows` rows, in `timeout` seconds.

    With `cut`, a longer one is no error: its first `max_rows` rows and one more, which says that there are others.
    Tables that are `hidden`, and views that rest on them, are not there.

    Raises QueryError, which says what was refused or what failed: another kind of statement, a file or function out of
    bounds, a syntax error, too many rows, too much time or memory.
    """
    needs = check(sql, hidden)
    sql = _only_statement(sql)
    with _explained(timeout, lake.root), open_tenant(lake, needs, timeout=timeout, hidden=hidden) as connection:
        if _EXPLAIN.match(sql):
            plan = connection.execute(sql).fetchall()
            return pl.DataFrame({"plan": [str(text).replace(lake.root, "") for _, text in plan]})
        rows = engine.fetch(connection, sql, limit=max_rows + 1)
    if rows.height > max_rows and not cut:
        raise QueryError(f"the result has more than {max_rows} rows: add LIMIT, aggregate, or raise the limit.")
    return rows


def check(sql: str, hidden: Collection[str] = frozenset()) -> Needs:
    """What the statement reads. Raises QueryError unless it is one SELECT, DESCRIBE, SHOW TABLES, SUMMARIZE or EXPLAIN
    of known views that do not rest on a `hidden` table."""
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise QueryError(f"the query is not valid SQL: {_first_line(error)}") from error
    if len(statements) != 1:
        raise QueryError(f"write one statement, not {len(statements)}.")
    kind = statements[0].type.name
    if kind not in {"SELECT", "EXPLAIN"}:
        raise QueryError(
            f"{kind} is refused: only SELECT, DESCRIBE, SHOW TABLES, SUMMARIZE and EXPLAIN are let through "
            "(a PIVOT needs its values listed: ON column IN (…))."
        )
    body = _only_statement(sql)
    if kind == "EXPLAIN":
        body = _EXPLAIN.sub("", body, count=1)
    needs = Needs()
    _read(_tree(body), needs)
    for name in sorted(needs.rows | needs.columns):
        if _rests_on(name, hidden):
            raise _no_view(name)
    return needs


def open_tenant(
    lake: TenantLake,
    needs: Needs | None = None,
    *,
    timeout: float = TIMEOUT,
    hidden: Collection[str] = frozenset(),
) -> duckdb.DuckDBPyConnection:
    """A locked connection that holds the tenant's views and can open their files only; default: all views.

    Only what `check` has let through may run on it: SQL that writes could still write over the files it reads.
    """
    needs = needs or Needs(rows={*TABLES, *views()})
    rows, columns = set(_tables(needs.rows)), set(_tables(needs.columns))
    connection = engine.connect()
    try:
        files: list[str] = []
        for name in sorted(TABLES.keys() - hidden):
            if name in rows:
                files += engine.give_table(connection, lake, TABLES[name])
            elif name in columns or needs.everything:
                engine.give_columns(connection, lake, TABLES[name])
        everything = [name for name in views() if not _rests_on(name, hidden)]
        for name in _in_order(everything if needs.everything else [*needs.rows, *needs.columns]):
            connection.execute(f"CREATE VIEW {name} AS {views()[name]}")
        for setting in (
            f"allowed_paths = [{', '.join(map(engine.quoted, files))}]",
            "enable_external_access = false",
            "autoload_known_extensions = false",
            "autoinstall_known_extensions = false",
            "python_enable_replacements = false",
            f"max_execution_time = {max(1, round(timeout * 1000))}",
            "lock_configuration = true",
        ):
            connection.execute(f"SET {setting}")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _explained(timeout: float, root: str) -> Iterator[None]:
    """Turn DuckDB's errors into QueryErrors that say the mend, without the lake's place on this machine."""
    try:
        yield
    except duckdb.InterruptException as error:
        raise QueryError(f"the query took longer than {timeout:g} s: ask for fewer days (day >= DATE '…').") from error
    except (duckdb.OutOfMemoryException, MemoryError) as error:
        raise QueryError(f"the query needs more than {engine.MEMORY}: ask for fewer days or columns.") from error
    except (duckdb.Error, pl.exceptions.PolarsError) as error:
        if "out of memory" in str(error).lower():  # DuckDB's, by way of the Arrow stream
            raise QueryError(f"the query needs more than {engine.MEMORY}: ask for fewer days or columns.") from error
        raise QueryError(_first_line(error).replace(root, "")) from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n\n")[0]


@cache
def views() -> dict[str, str]:
    """The analyst's views by name, each the SELECT of its file in `sql/views/`."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(VIEWS.glob("*.sql"))}


def _only_statement(sql: str) -> str:
    """The text without what stands before the first word and from the first semicolon on."""
    text = sql.encode()
    # DuckDB counts bytes.
    tokens = [offset for offset, kind in duckdb.tokenize(sql) if kind is not duckdb.token_type.comment]
    ends = [offset for offset in tokens if text[offset : offset + 1] == b";"]
    return text[tokens[0] if tokens else 0 : ends[0] if ends else len(text)].decode()


def _tree(sql: str) -> dict[str, Any]:
    """DuckDB's own syntax tree of one SELECT."""
    with engine.connect() as connection:
        row = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    tree: dict[str, Any] = json.loads(row[0]) if row else {"error": True}
    if tree["error"] or len(tree["statements"]) != 1:
        raise QueryError(f"only SELECT can be run or explained: {tree.get('error_message', 'nothing else is')}")
    return tree


def _read(tree: dict[str, Any], needs: Needs) -> None:
    """Collect what the tree reads; raises QueryError at the first node that is out of bounds."""
    within = {entry["key"].lower() for node in _nodes(tree) for entry in node.get("cte_map", {}).get("map", [])}
    if shadowed := sorted(within & _engines_own()):
        raise QueryError(f"WITH {shadowed[0]}: is a name of DuckDB's own views; take another.")
    if named := sorted(name for name in within if not _PLAIN_NAME.fullmatch(name)):
        raise QueryError(f"WITH {named[0]!r}: take a name of letters, digits and underscores.")
    for node in _nodes(tree):
        kind = node.get("type")
        if isinstance(kind, str) and kind.endswith("_NODE") and kind not in QUERY_NODES:
            # A common table expression may COPY, INSERT, UPDATE or DELETE within what DuckDB calls a SELECT.
            raise QueryError(f"{kind.removesuffix('_NODE').removesuffix('_QUERY')} within a query is refused.")
        function = str(node.get("function_name", "")).lower()
        if function in REFUSED_FUNCTIONS:
            raise QueryError(f"the function {function} is refused.")
        if kind == "TABLE_FUNCTION":
            _check_table_function(node)
        elif kind == "SHOW_REF":
            _read_show(node, needs)
        elif kind == "BASE_TABLE":
            _read_relation([part.lower() for part in node["qualified_name"]["path"]], within, needs)


def _check_table_function(node: dict[str, Any]) -> None:
    name = str(node["function"].get("function_name", "")).lower()
    if name not in TABLE_FUNCTIONS:
        raise QueryError(
            f"the table function {name} is refused: only {', '.join(sorted(TABLE_FUNCTIONS))} are let through."
        )


def _read_show(node: dict[str, Any], needs: Needs) -> None:
    if node["query"] is not None:
        return
    name = node["table_name"].strip('"').lower()
    if name in {*TABLES, *views()}:
        needs.columns.add(name)
    elif name in {"tables", "__show_tables_expanded"}:
        needs.everything = True
    else:
        raise QueryError(f"SHOW {name} is refused: SHOW TABLES lists the views, DESCRIBE shows the columns of one.")


def _read_relation(path: list[str], within: set[str], needs: Needs) -> None:
    names = {*TABLES, *views()}
    if tuple(path) in CATALOG:
        needs.everything = True
    elif path[-1] in names and path[:-1] in ([], ["main"], ["memory", "main"]):
        needs.rows.add(path[-1])
    elif len(path) != 1 or path[0] not in within:
        raise _no_view(".".join(path))


def _no_view(name: str) -> QueryError:
    return QueryError(f"{name}: no such view; SHOW TABLES lists them.")


def _rests_on(name: str, tables: Collection[str]) -> bool:
    return not _tables([name]).isdisjoint(tables)


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of the tree, parents first."""
    if isinstance(tree, dict):
        yield tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for child in tree:
            yield from _nodes(child)


@cache
def _engines_own() -> frozenset[str]:
    """Names of DuckDB's own views, which tell where files lie. Outside its scope the name of a common table expression
    would mean them, and the names in a tree don't tell their scope."""
    with engine.connect() as connection:
        own = "SELECT lower(view_name) FROM duckdb_views() WHERE internal AND schema_name <> 'information_schema'"
        return frozenset(name for (name,) in connection.execute(own).fetchall())


@cache
def _reads(view: str) -> frozenset[str]:
    """The relations a view of `sql/views/` reads."""
    needs = Needs()
    _read(_tree(views()[view]), needs)
    return frozenset(needs.rows)


def _in_order(names: Iterable[str]) -> list[str]:
    """The views among the names and those they rest on, each after what it rests on."""
    ordered: list[str] = []
    for name in sorted(names):
        if name in views():
            ordered += [other for other in [*_in_order(_reads(name)), name] if other not in ordered]
    return ordered


def _tables(names: Iterable[str]) -> set[str]:
    """The tables among the names and those that the views among them rest on."""
    needed = set(names)
    for view in _in_order(needed):
        needed |= _reads(view)
    return needed & set(TABLES)
