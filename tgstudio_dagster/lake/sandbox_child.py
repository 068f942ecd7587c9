"""The process that runs one statement of a stranger: limited by the system, with nothing of its parent's but the question.

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
    asked: dict[str, Any] = json.load(sys.stdin.buffer)
    # Before anything is loaded: whatever this process and its threads take counts.
    resource.setrlimit(resource.RLIMIT_DATA, (asked["memory"], asked["memory"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    seconds = int(asked["seconds"]) * 4 + 10
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    sys.stdout.buffer.write(_answer(asked))
    sys.stdout.buffer.flush()


def _answer(asked: dict[str, Any]) -> bytes:
    import io

    from tgstudio_dagster.core.errors import QueryError, TGStudioError
    from tgstudio_dagster.lake.sandbox import run_query
    from tgstudio_dagster.lake.store import Lake, S3Options

    lake = Lake(asked["root"], s3=S3Options(**asked["s3"]) if asked["s3"] else None).tenant(asked["tenant"])
    try:
        found = run_query(lake, asked["sql"], max_rows=asked["rows"], timeout=asked["seconds"], hidden=asked["hidden"])
        out = io.BytesIO()
        found.write_ipc_stream(out)
        return b"A" + out.getvalue()
    except QueryError as error:
        return b"E" + str(error).encode()
    except TGStudioError as error:
        return b"L" + str(error).encode()
    except MemoryError:
        return b"M"


if __name__ == "__main__":
    main()
