"""`python -m tgstudio_dagster.reader`: the process that reads Telegram, until SIGTERM or SIGINT ends it."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.core.errors import FieldError, TGStudioError
from tgstudio_dagster.core.health import Health
from tgstudio_dagster.core.private import keep_private
from tgstudio_dagster.core.settings import reader_settings, settings
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.reader.access import Telegram
from tgstudio_dagster.reader.process import Reader
from tgstudio_dagster.reader.reports import DagsterReports

_THREADS = 16
"""Threads for the lake: a store that answers one tenant slowly must not hold up another."""
_LOG = logging.getLogger("tgstudio_dagster.reader")


def main() -> None:
    """Read until a signal ends it; exits with 1 and the reason where it can't."""
    keep_private()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        asyncio.run(_read())
    except TGStudioError as error:
        _LOG.error("%s", error)
        raise SystemExit(1) from error


async def _read() -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS))
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    own = reader_settings()
    catalog = Catalog.open(settings())
    reader = Reader(
        catalog,
        Lake.open(settings()),
        Telegram.open(settings()),
        listens=own.listen,
        reports=DagsterReports(settings().dagster_socket_path),
    )
    health = Health(reader.state)
    try:
        port = await health.start(own.host, own.port)
    except OSError as error:
        raise FieldError("TGSTUDIO_READER_PORT", f"{own.port} is taken on {own.host}; set another.") from error
    _LOG.info("reading; health at http://%s:%d/healthz", own.host, port)
    try:
        await reader.run(stop)
    finally:
        await health.stop()
        catalog.close()


if __name__ == "__main__":
    main()
