"""The posts of a Desktop export of tests/telegram/cases as a MESSAGES frame, with languages detected."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from tests import builders
from tgstudio_dagster.posts.language import detect

CASES = Path(__file__).parent / "telegram" / "cases"


def posts(name: str) -> pl.DataFrame:
    """All messages of all chats; a text of parts is joined."""
    document = json.loads((CASES / name / "result.json").read_text(encoding="utf-8"))
    chats = document["chats"]["list"] if "chats" in document else [document]
    rows = [
        {
            "channel_id": chat["id"],
            "msg_id": message["id"],
            "date": datetime.fromtimestamp(int(message["date_unixtime"]), UTC),
            "sender_id": int(message["from_id"][4:]) if message["from_id"].startswith("user") else None,
            "reply_to": message.get("reply_to_message_id"),
            "text": "".join(part if isinstance(part, str) else part["text"] for part in message["text"]),
        }
        for chat in chats
        for message in chat["messages"]
    ]
    frame = builders.messages(*rows)
    return frame.with_columns(lang=detect(frame["text"]))
