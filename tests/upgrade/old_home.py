"""The old home, unpacked, and its commands. Nothing of the product is imported but through the tests' own helpers."""

from __future__ import annotations

import json
import os
import sqlite3
import tarfile
from pathlib import Path
from typing import Any

from tests.servers.ready import COMMAND, ready_python

FOLDER = Path(__file__).parent
ARCHIVE = FOLDER / "home-0.1.0.tar.gz"
EXPECTED = FOLDER / "expected.json"
SESSION_KEY = "ERERERERERERERERERERERERERERERERERERERERERE="
"""What sealed the accounts' sessions."""
API_SECRET = "tgs_lOnfxt5Jo7JbnOI23Hnjt48DUMP_sCRlS5ntbxTAzm0"
LOGIN, PASSWORD = "vera", "correct horse battery"
LANDED = "2026-03-15"
"""The day whose landing was not merged yet."""

BEFORE = (
    "feed --limit 100",
    "feed --lang ru --type photo",
    "top --window 7d",
    "top --window 24h --by message",
    "top --day 2026-03-13",
    "topics",
    "topics --changes",
    "search Аурелия",
    "orders",
    "packages",
    "rules",
    "subscriptions",
    "accounts",
    "imports",
    'sql "select channel_id, msg_id, version, text from message_versions order by all"',
    'sql "select channel_id, msg_id, kind, status, sha256 from media order by all"',
    'sql "select channel_id, msg_id, observed_at, views, forwards, reactions from message_stats order by all"',
)
"""Commands that read the tenant `acme`, each with --json, before anything is materialized."""
AFTER = ("feed --limit 100", "top --window 7d", "topics", "topics --changes", "orders", "packages")
"""Those that are asked again once the landed day is materialized."""


class OldHome:
    """A copy of the home, as the version 0.1.0 left it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with tarfile.open(ARCHIVE) as archive:
            archive.extractall(folder)
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("TELEGRAM_", "SESSION_KEY_"))
        }
        self.environment = clean | {"TGSTUDIO_HOME": str(folder), "PYTHONUTF8": "1", "SESSION_KEY_1": SESSION_KEY}

    def run(self, *arguments: str) -> str:
        """What a `tgstudio` command prints."""
        process = ready_python().start(COMMAND, *arguments, env=self.environment)
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, f"tgstudio {' '.join(arguments)}: {err[-3000:]}"
        return out

    def ask(self, command: str, tenant: str = "acme") -> Any:
        """The JSON that a command prints; a query in double quotes is one argument."""
        name, quoted, query = command.partition(' "')
        words = [*name.split(), query.rstrip('"')] if quoted else name.split()
        return json.loads(self.run(*words, "--tenant", tenant, "--json"))

    def counts(self) -> dict[str, int]:
        """Rows of each of the catalog's tables."""
        with sqlite3.connect(self.folder / "catalog.sqlite") as catalog:
            names = [
                name for (name,) in catalog.execute("select name from sqlite_master where type = 'table' order by 1")
            ]
            return {name: catalog.execute(f'select count(*) from "{name}"').fetchone()[0] for name in names}

    def objects(self, kind: str) -> dict[str, bytes]:
        """The lake's objects whose path begins so, by path."""
        lake = self.folder / "lake"
        found = (path for path in sorted(lake.rglob("*")) if path.is_file())
        return {
            name: path.read_bytes() for path in found if (name := path.relative_to(lake).as_posix()).startswith(kind)
        }


def answers(home: OldHome, commands: tuple[str, ...]) -> dict[str, Any]:
    """What the commands answer, by command."""
    return {command: home.ask(command) for command in commands}


def expected() -> dict[str, Any]:
    """What version 0.1.0 answered."""
    found: dict[str, Any] = json.loads(EXPECTED.read_text(encoding="utf-8"))
    return found
