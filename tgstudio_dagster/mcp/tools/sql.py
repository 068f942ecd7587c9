"""The tool that asks the tenant's tables a question in SQL, read-only."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tgstudio_dagster.core.errors import QueryError
from tgstudio_dagster.mcp.envelope import Answer, Item
from tgstudio_dagster.mcp.tool import Arguments, Call, Tool

MAX_ROWS = 200
SECONDS = 10.0


class SqlArguments(Arguments):
    """The question."""

    query: Annotated[
        str,
        Field(
            min_length=1,
            max_length=10_000,
            description="One SELECT (DuckDB's dialect), or SHOW TABLES, DESCRIBE table. Select few columns and add LIMIT.",
        ),
    ]


def _sql(call: Call, given: SqlArguments) -> Answer:
    try:
        found = call.studio.posts.sql(given.query, rows=MAX_ROWS, seconds=SECONDS)
    except QueryError as error:
        # DuckDB quotes the value that it could not convert: a stranger's words.
        return Answer({"refused": True}, {"error": str(error)}, failed=422)
    items = [Item({}, row) for row in found.to_dicts()]
    facts = {"rows": found.height, "columns": [str(dtype) for dtype in found.dtypes]}
    return Answer(facts, {"columns": found.columns}, items)


SQL = Tool(
    name="sql",
    title="SQL",
    about=(
        "Runs one read-only SQL statement on the tenant's own tables (messages, topics, rankings, media, packages and "
        f"views; SHOW TABLES lists them), for at most {SECONDS:g} s. More than {MAX_ROWS} rows are refused: aggregate, or "
        "page with LIMIT and OFFSET."
    ),
    arguments=SqlArguments,
    run=_sql,
)
