"""Plain names in place of what each run of the demo makes anew: ids, the home's path, and times of the clock.

Ids keep their shape, so that tables keep their widths: orders and imports are numbered in the order of their making.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

ULID = re.compile(r"\b[0-7][0-9a-hjkmnp-tv-z]{25}\b")
UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_SAMPLE = re.compile(r'"[^"]*/(?=sample/(?:desktop|telethon)/)')
_CLOCK_KEYS = re.compile(r'("(?:created_at|started_at|post_time)": )"[^"]*"')


def plain_text(text: str, *, home: str) -> str:
    """The output of commands without what differs from one run of the demo to the next, nor trailing blanks."""
    text = ESCAPE.sub("", text).replace(home, "HOME")
    text = _SAMPLE.sub('"HOME/', text)  # where the demo itself ran: the home may be a copy
    text = _CLOCK_KEYS.sub(r'\1"TIME"', text)
    text = replace(text, numbered(text))
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def numbered(text: str) -> dict[str, str]:
    """A numbered id for each one in the text: ULIDs in the order of their time, UUIDs as they come."""
    ulids = {name: f"{n:026d}" for n, name in enumerate(sorted(set(ULID.findall(text))), 1)}
    uuids = dict.fromkeys(UUID.findall(text))
    return ulids | {name: f"00000000-0000-0000-0000-{n:012d}" for n, name in enumerate(uuids, 1)}


def replace(text: str, names: Mapping[str, str]) -> str:
    """The text with each name in place of what it stands for."""
    if not names:
        return text
    return re.sub("|".join(map(re.escape, names)), lambda match: names[match[0]], text)
