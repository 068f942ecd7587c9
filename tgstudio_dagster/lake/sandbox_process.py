"""The third wall around users' SQL: a process of its own, with a limit of memory that no function of SQL gets around.

DuckDB's own limit does not count what one scalar function builds. Which statements are allowed is decided in `sandbox.py`.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import polars as pl

from tgstudio_dagster.core.errors import LakeError, QueryError
from tgstudio_dagster.lake.sandbox import check
from tgstudio_dagster.lake.store import TenantLake

MEMORY = 2**30 + 2**29
"""Bytes a query's process may take: DuckDB's 1 GB, and what Python, Polars and the answer need."""
GRACE = 5.0
"""Seconds beyond the query's own: to start the process, to read the lake's list of objects, to write the answer."""
_PROJECT = Path(__file__).resolve().parents[2]
_SECRET = ("TGSTUDIO_", "SESSION_KEY_", "TELEGRAM_")
_KEPT = "TGSTUDIO_CAPABILITIES"
"""No secret: which tables there are."""


def run_sql(
    lake: TenantLake,
    sql: str,
    *,
    rows: int,
    seconds: float,
    memory: int = MEMORY,
    hidden: Collection[str] = frozenset(),
    cut: bool = False,
) -> pl.DataFrame:
    """As `sandbox.run_query`, in a process that is ended when its time is up or its memory is.

    Raises QueryError as that does, LakeError where the lake can't be read.
    """
    if rows < 1 or seconds <= 0:
        raise QueryError("rows, seconds: both are at least 1.")
    # What is refused is refused at once; the process checks it again.
    check(sql, hidden)
    s3 = lake.s3_options
    request = {
        "root": lake.root,
        "s3": asdict(s3) if s3 else None,
        "tenant": lake.tenant,
        "sql": sql,
        "rows": rows,
        "seconds": seconds,
        "memory": memory,
        "hidden": sorted(hidden),
        "cut": cut,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tgstudio_dagster.lake.sandbox_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=_PROJECT,
        env={name: value for name, value in os.environ.items() if name == _KEPT or not name.startswith(_SECRET)}
        | _FEW_THREADS,
        start_new_session=True,
    )
    try:
        answer, complaint = process.communicate(json.dumps(request).encode(), timeout=seconds + GRACE)
    except subprocess.TimeoutExpired as error:
        raise QueryError(f"the query took longer than {seconds:g} s: ask for fewer days (day >= DATE '…').") from error
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    return _read(answer, complaint, process.returncode, memory)


_FEW_THREADS = {
    "POLARS_MAX_THREADS": "2",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def _read(answer: bytes, complaint: bytes, code: int, memory: int) -> pl.DataFrame:
    kind, body = answer[:1], answer[1:]
    if kind == b"A":
        return pl.read_ipc_stream(io.BytesIO(body))
    if kind == b"E":
        raise QueryError(body.decode())
    if kind == b"L":
        raise LakeError(body.decode())
    # A process out of memory may say so itself, or die of it in whichever library asked last.
    if kind == b"M" or code in (-signal.SIGABRT, -signal.SIGKILL, -signal.SIGSEGV) or _of_memory(complaint):
        raise QueryError(f"the query needs more than {memory / 2**30:.1f} GB: ask for fewer days, columns or rows.")
    raise QueryError(f"the query's process ended with code {code}; ask for less at once.")


def _of_memory(complaint: bytes) -> bool:
    text = complaint.lower()
    return any(word in text for word in (b"memory", b"bad_alloc", b"allocat"))
