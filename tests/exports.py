"""A small export of Telegram Desktop, as a file, as bytes, or packed with what a zip may hold."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

FIRST = 1_773_050_400
"""2026-03-09 10:00:00 UTC: the date of the first post."""


def desktop_export(posts: int = 5, channel: int = 555) -> bytes:
    """`result.json` of one public channel with so many posts, a second apart."""
    messages: list[dict[str, Any]] = [
        {
            "id": n + 1,
            "type": "message",
            "date": "2026-03-09T10:00:00",
            "date_unixtime": str(FIRST + n),
            "from": "Harbour",
            "from_id": f"channel{channel}",
            "text": f"Post {n + 1}",
            "text_entities": [],
        }
        for n in range(posts)
    ]
    return json.dumps({"name": "Harbour", "type": "public_channel", "id": channel, "messages": messages}).encode()


def packed(**files: bytes) -> bytes:
    """A zip; names may be what a path is not: `{"../../outside.json": b"{}"}`."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as target:
        for name, content in files.items():
            target.writestr(name, content)
    return archive.getvalue()
