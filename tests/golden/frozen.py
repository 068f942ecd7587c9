"""The frozen files: where they lie, and how what is now differs from them."""

from __future__ import annotations

import difflib
from pathlib import Path

FOLDER = Path(__file__).parent
SHOWN = 80
"""Lines of a difference that are shown; the rest is counted."""


def read(name: str) -> str:
    """A frozen file's text."""
    return (FOLDER / name).read_text(encoding="utf-8")


def freeze(name: str, text: str) -> bool:
    """Write a frozen file; returns whether it changed."""
    path = FOLDER / name
    changed = not path.exists() or read(name) != text
    path.write_text(text, encoding="utf-8")
    return changed


def difference(name: str, text: str) -> str:
    """How the text differs from the frozen file, as a unified diff with advice; empty where it does not."""
    frozen = read(name)
    if frozen == text:
        return ""
    lines = list(
        difflib.unified_diff(frozen.splitlines(), text.splitlines(), f"frozen {name}", "now", lineterm="", n=2)
    )
    more = [f"… and {len(lines) - SHOWN} more lines"] if len(lines) > SHOWN else []
    advice = "Meant? `python -m tests.golden` freezes it anew. The change log says why."
    return "\n".join([*(line[:300] for line in lines[:SHOWN]), *more, advice])
