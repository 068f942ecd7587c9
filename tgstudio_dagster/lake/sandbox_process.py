"""The only door to users' SQL: a process of its own parses and runs it, with limits that no statement gets around.

Nothing here reads the statement: a parser backtracks, and what one process parses all its threads wait for. DuckDB's own
limit of memory does not count what one scalar function builds. Which statements are allowed is decided in `sandbox.py`;
how many run at a time, by whoever calls this.
"""

from __future__ import annotations

import io
import json
import math
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import polars as pl

from tgstudio_dagster.core.errors import LakeError, QueryError
from tgstudio_dagster.lake.engine import THREADS
from tgstudio_dagster.lake.store import TenantLake

MAX_LENGTH = 20_000
"""Characters of a statement."""
MEMORY = 2**30 + 2**29
"""Bytes a query's process may take: DuckDB's 1 GB, and what Python, Polars and the answer need."""
SIZE = 8 * 2**20
"""Bytes of the answer."""
VALUES = 1_000_000
"""Values of the answer, those within lists and structs too."""
TIMEOUT = 30.0
"""Seconds of a statement from a terminal."""
GRACE = 5.0
"""Seconds beyond the query's own: to start the process, to read the lake's list of objects, to write the answer."""
ENVIRONMENT = frozenset(
    {"PATH", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR", "TGSTUDIO_CAPABILITIES"}
)
"""All that the process may have of this one's environment: none of it is a secret."""
_AWS_CHAIN = frozenset(
    {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"}
    | {"AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"}
    | {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "HOME"}
)
"""What a lake on S3 without a key of its own is reached by."""
_FEW_THREADS = {
    "POLARS_MAX_THREADS": str(THREADS),
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "PYTHONDONTWRITEBYTECODE": "1",
}
_PROJECT = Path(__file__).resolve().parents[2]
_COMPLAINT = 2**16
_CHUNK = 2**16


def run_sql(
    lake: TenantLake,
    sql: str,
    *,
    rows: int,
    seconds: float,
    memory: int = MEMORY,
    size: int = SIZE,
    hidden: Collection[str] = frozenset(),
    cut: bool = False,
) -> pl.DataFrame:
    """As `sandbox.run_query`, in a process that is ended when its time is up or its memory is.

    Raises QueryError as that does, and where the answer is larger than `size` bytes; LakeError where the lake can't be
    read.
    """
    if rows < 1 or seconds <= 0:
        raise QueryError("rows, seconds: both are at least 1.")
    if len(sql) > MAX_LENGTH:
        raise QueryError(
            f"the query is {len(sql)} characters long; the limit is {MAX_LENGTH}. Join a table instead of listing."
        )
    if sql.encode(errors="replace").decode() != sql:
        raise QueryError("the query is not text: it holds half a character.")
    s3 = lake.s3_options
    wall = math.ceil(seconds + GRACE)
    request = {
        "root": lake.root,
        "s3": asdict(s3) if s3 else None,
        "tenant": lake.tenant,
        "sql": sql,
        "rows": rows,
        "seconds": seconds,
        "memory": memory,
        "cpu": wall * THREADS,
        "wall": wall,
        "size": size,
        "values": VALUES,
        "hidden": sorted(hidden),
        "cut": cut,
    }
    names = ENVIRONMENT | (_AWS_CHAIN if s3 is not None and s3.access_key_id is None else frozenset())
    with tempfile.TemporaryFile() as question:
        question.write(json.dumps(request).encode())
        question.seek(0)
        process = subprocess.Popen(
            [sys.executable, "-m", "tgstudio_dagster.lake.sandbox_child"],
            stdin=question,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=_PROJECT,
            env={name: os.environ[name] for name in names if name in os.environ} | _FEW_THREADS,
            start_new_session=True,
        )
    with process:
        try:
            answer, complaint = _outcome(process, deadline=time.monotonic() + wall, size=size)
        except TimeoutError as error:
            raise _too_slow(seconds) from error
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return _read(answer, complaint, process.returncode, memory, seconds)


def _outcome(process: subprocess.Popen[bytes], *, deadline: float, size: int) -> tuple[bytes, bytes]:
    """What the process writes to stdout, and the beginning of what it writes to stderr, until it ends.

    Raises TimeoutError at the deadline, QueryError where it writes more than an answer of `size` bytes.
    """
    assert process.stdout is not None
    assert process.stderr is not None
    answer, complaint = bytearray(), bytearray()
    with selectors.DefaultSelector() as pipes:
        for pipe in (process.stdout, process.stderr):
            pipes.register(pipe, selectors.EVENT_READ)
        while pipes.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            for key, _ in pipes.select(left):
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    pipes.unregister(key.fileobj)
                elif key.fd == process.stdout.fileno():
                    answer += chunk
                elif len(complaint) < _COMPLAINT:
                    complaint += chunk
            if len(answer) > size + 1:
                raise QueryError(f"the result is larger than {size / 2**20:.0f} MB: name fewer columns or rows.")
    try:
        process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        raise TimeoutError from error
    return bytes(answer), bytes(complaint)


def _read(answer: bytes, complaint: bytes, code: int, memory: int, seconds: float) -> pl.DataFrame:
    kind, body = answer[:1], answer[1:]
    if code == 0:
        if kind == b"A":
            return pl.read_ipc_stream(io.BytesIO(body))
        if kind == b"E":
            raise QueryError(body.decode())
        if kind == b"L":
            raise LakeError(body.decode())
    if code in (-signal.SIGXCPU, -signal.SIGALRM):
        raise _too_slow(seconds)
    # A process out of memory may say so itself, or die of it in whichever library asked last.
    if kind == b"M" or code in (-signal.SIGABRT, -signal.SIGKILL, -signal.SIGSEGV) or _of_memory(complaint):
        raise QueryError(
            f"the query needs more than {memory / 2**30:.1f} GB: ask for fewer days, columns or rows, or write it simpler."
        )
    raise QueryError(f"the query's process ended with code {code}; ask for less at once.")


def _too_slow(seconds: float) -> QueryError:
    return QueryError(
        f"the query took longer than {seconds:g} s: ask for fewer days (day >= DATE '…'), or write it simpler."
    )


def _of_memory(complaint: bytes) -> bool:
    text = complaint.lower()
    return any(word in text for word in (b"memory", b"bad_alloc", b"allocat"))
