"""`python -m tests.servers.telegram [--port N] [--control N] [--key FILE]`: the small Telegram as a process.

Prints one JSON line (`{"port": …, "control": …}`) once it listens, and takes JSON lines on the control port.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

from tests.servers.telegram.control import serve_control
from tests.servers.telegram.rsa import RsaKey
from tests.servers.telegram.server import TelegramServer


async def _run(port: int, control: int, key: Path | None) -> None:
    server = TelegramServer(rsa=RsaKey(key), port=port).start()
    print(json.dumps({"port": server.port, "control": await serve_control(server, control)}), flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Run until killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.telegram")
    parser.add_argument("--port", type=int, default=0, help="port of data centre 2; 0: a free one")
    parser.add_argument("--control", type=int, default=0, help="port of the JSON lines; 0: a free one")
    parser.add_argument("--key", type=Path, help="file of the RSA key (PEM); it is made if it does not exist")
    given = parser.parse_args()
    asyncio.run(_run(given.port, given.control, given.key))


if __name__ == "__main__":
    main()
