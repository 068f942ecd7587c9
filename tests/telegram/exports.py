"""Builders of what Telegram gives: Desktop exports and Telethon dumps, as files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NOW = datetime(2026, 6, 1, tzinfo=UTC)
START = 1_773_057_600  # 2026-03-09 12:00 UTC


def message(n: int, text: Any = None, /, **given: Any) -> dict[str, Any]:
    """A message of a Desktop export: id n, n minutes after the start."""
    moment = START + 60 * n
    made: dict[str, Any] = {
        "id": n,
        "type": "message",
        "date": f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%S}",
        "date_unixtime": str(moment),
        "from": "World",
        "from_id": "channel1001",
        "text": f"Post {n}" if text is None else text,
        "text_entities": [],
    }
    return {key: value for key, value in (made | given).items() if value is not ...}


def chat(messages: Sequence[Any], **given: Any) -> dict[str, Any]:
    """A chat of a Desktop export."""
    return {"name": "World", "type": "public_channel", "id": 1001, **given, "messages": list(messages)}


def write(folder: Path, document: Any, name: str = "result.json") -> Path:
    """The document as a file of the folder, indented as Telegram Desktop does."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


def telethon(n: int, text: str = "", /, **given: Any) -> dict[str, Any]:
    """A message as Telethon's to_dict() gives it, dates as ISO texts."""
    made: dict[str, Any] = {
        "_": "Message",
        "id": n,
        "peer_id": {"_": "PeerChannel", "channel_id": 1001},
        "date": datetime.fromtimestamp(START + 60 * n, UTC).isoformat(),
        "message": text,
        "entities": [],
        "out": False,
        "views": 100 + n,
        "forwards": n,
    }
    return made | given


def lines(folder: Path, items: Sequence[Any], name: str = "dump.jsonl") -> Path:
    """The items as JSON Lines; a text goes in as it is."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((item if isinstance(item, str) else json.dumps(item)) + "\n" for item in items), "utf-8")
    return path
