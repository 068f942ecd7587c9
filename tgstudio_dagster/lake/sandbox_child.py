"""The process that runs one user's SQL statement, under system limits, with nothing inherited but the request.

Started by `sandbox_process.py` as `python -m tgstudio_dagster.lake.sandbox_child`: the question comes as JSON on stdin, the
answer goes to stdout: `A` and an Arrow stream, or `E` and the message of a QueryError.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any


def main() -> None:
    """Answer one question."""
    request: dict[str, Any] = json.load(sys.stdin.buffer)
    # Before anything is loaded: whatever this process and its threads take counts.
    resource.setrlimit(resource.RLIMIT_DATA, (request["memory"], request["memory"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    seconds = int(request["seconds"]) * 4 + 10
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    sys.stdout.buffer.write(_answer(request))
    sys.stdout.buffer.flush()


def _answer(request: dict[str, Any]) -> bytes:
    import io

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
        out = io.BytesIO()
        rows.write_ipc_stream(out)
        return b"A" + out.getvalue()
    except QueryError as error:
        return b"E" + str(error).encode()
    except TGStudioError as error:
        return b"L" + str(error).encode()
    except MemoryError:
        return b"M"


if __name__ == "__main__":
    main()
