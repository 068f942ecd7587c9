"""The servers of the tests serve, and leave nothing behind, even after a kill of the test run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from sqlalchemy import create_engine, text

from tests.servers.postgres import PostgresServer
from tests.servers.s3 import BUCKET, S3Server

_RUN = """
import sys
from tests.servers.{module} import {name}
server = {name}()
print(server._server.pid, server._server.home, flush=True)
sys.stdin.readline()
"""


def test_each_database_is_its_own(postgres: PostgresServer) -> None:
    with postgres.database() as one, postgres.database() as two:
        engine = create_engine(one)
        with engine.begin() as connection:
            connection.execute(text("create table t (a int)"))
        with create_engine(two).connect() as connection:
            assert connection.execute(text("select to_regclass('t')")).scalar() is None
        with engine.connect() as connection:
            assert connection.execute(text("select to_regclass('t')")).scalar() == "t"


def test_an_object_put_is_read_back_and_a_wrong_key_is_refused(s3: S3Server) -> None:
    from botocore.exceptions import ClientError

    client = s3.client()
    client.put_object(Bucket=BUCKET, Key="a/b", Body=b"content")
    assert client.get_object(Bucket=BUCKET, Key="a/b")["Body"].read() == b"content"
    with pytest.raises(ClientError, match=r"InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied"):
        stranger = s3.client(access_key_id="stranger", secret_access_key="wrong")
        stranger.get_object(Bucket=BUCKET, Key="a/b")


@pytest.mark.parametrize(("module", "name"), [("postgres", "PostgresServer"), ("s3", "S3Server")])
def test_a_killed_run_leaves_no_server_and_no_file(module: str, name: str) -> None:
    code = _RUN.format(module=module, name=name)
    run = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert run.stdout is not None
    said, home = run.stdout.readline().split()
    server = psutil.Process(int(said))
    os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    deadline = time.monotonic() + 10
    while (_runs(server) or Path(home).exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(server)
    assert not Path(home).exists()


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
