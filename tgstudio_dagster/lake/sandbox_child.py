"""The process that parses and runs one user's SQL statement, under system limits, with nothing inherited but the request.

Started by `sandbox_process.py` as `python -m tgstudio_dagster.lake.sandbox_child`: the question comes as JSON on stdin, the
answer goes to stdout: a letter for its kind (see `_answer`), then an Arrow stream or a message.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

_NICER = 5
"""How far it stands back behind the process that serves people."""


def main() -> None:
    """Answer one question."""
    request: dict[str, Any] = json.load(sys.stdin.buffer)
    # Before anything is loaded: whatever this process and its threads take counts.
    resource.setrlimit(resource.RLIMIT_DATA, (request["memory"], request["memory"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (request["cpu"], request["cpu"]))
    signal.alarm(request["wall"])  # it ends by itself where who started it is gone
    os.nice(_NICER)
    sys.stdout.buffer.write(_answer(request))
    sys.stdout.buffer.flush()
    os._exit(0)  # what libraries do at their end is no part of the answer


def _answer(request: dict[str, Any]) -> bytes:
    """`A` and an Arrow stream, `E` and the message of a QueryError, `L` and that of a LakeError, or `M`: out of memory."""
    from tgstudio_dagster.core.errors import QueryError, TGStudioError
    from tgstudio_dagster.lake.sandbox import run_query
    from tgstudio_dagster.lake.store import Lake, S3Options

    lake = Lake(request["root"], s3=S3Options(**request["s3"]) if request["s3"] else None).tenant(request["tenant"])
    try:
        rows = run_query(
            lake,
            request["sql"],
            max_rows=request["rows"],
            timeout=request["seconds"],
            hidden=request["hidden"],
            cut=request["cut"],
        )
        return b"A" + _packed(rows, request["size"], request["values"])
    except QueryError as error:
        return b"E" + str(error).encode(errors="replace")
    except TGStudioError as error:
        return b"L" + str(error).encode(errors="replace")
    except RecursionError:
        return b"Ethe statement is nested too deep; write it simpler."
    except MemoryError:
        return b"M"


def _packed(rows: pl.DataFrame, size: int, values: int) -> bytes:
    """The rows as an Arrow stream. Raises QueryError where they are more bytes, or more values, than is handed back:
    NULLs and truth values take next to no bytes there, and as much as others in who reads them."""
    import io

    from tgstudio_dagster.core.errors import QueryError

    if (count := sum(_values(column) for column in rows)) > values:
        raise QueryError(
            f"the result has {count:,} values; at most {values:,} are handed back: name fewer columns or rows."
        )
    out = io.BytesIO()
    rows.write_ipc_stream(out)
    if out.tell() > size:
        raise QueryError(
            f"the result is {out.tell() / 2**20:.1f} MB large; at most {size / 2**20:.0f} MB are handed back: name fewer "
            "columns or rows, or ask for a bundle."
        )
    return out.getvalue()


def _values(column: pl.Series) -> int:
    """How many values the column holds, those within lists and structs too."""
    import polars as pl

    match column.dtype:
        case pl.Struct():
            return len(column) + sum(_values(column.struct.field(name)) for name in column.struct.fields)
        case pl.List():
            return len(column) + _values(column.list.explode())
        case pl.Array():
            return len(column) + _values(column.arr.explode())
        case _:
            return len(column)


if __name__ == "__main__":
    main()
