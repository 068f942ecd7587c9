"""What strangers wrote, made fit for a prompt: nothing invisible, nothing endless, and fenced so that it can't pass for
the product's own words.

Pure functions. A fence is a hint to a model, not the wall: what a model answers has no field for links, authors or states,
and every sentence of it is checked against the posts (`newsroom/claims.py`).
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from dataclasses import dataclass

MAX_TEXT = 16_000
"""Characters of a post: four times what Telegram takes of an ordinary one. An album's texts come joined."""
MAX_NAME = 160
"""Characters of a channel's title, of a file's name, of a link's: Telegram's own limit for titles is 128."""
_CUT = "…"
# Joiners hold emoji together and belong to Persian and Indic words: the only format characters that are content.
_KEPT = frozenset("\n\t\u200c\u200d")
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*){2,}")
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn")


@dataclass(frozen=True)
class Fence:
    """A mark that a post's author can't know, made anew for every call."""

    mark: str

    @classmethod
    def new(cls) -> Fence:
        """A fence that nobody can guess."""
        return cls(secrets.token_hex(4))

    def around(self, text: str, label: str) -> str:
        """The text as quoted data: between two lines that carry the mark and its label, each line behind the mark.

        The mark is taken out of the text first, so that no text can close its own fence.
        """
        inside = "\n".join(f"{self.mark}| {line}" for line in text.replace(self.mark, "").split("\n"))
        return f"<<{self.mark} {name(label)}>>\n{inside}\n<<{self.mark} end>>"


def post(text: str) -> str:
    """A post's text as it may enter a prompt: as `plain`, at most MAX_TEXT characters."""
    return plain(text, MAX_TEXT)


def name(text: str) -> str:
    """A name that a stranger chose, on one line: as `plain`, at most MAX_NAME characters."""
    return plain(" ".join(text.split()), MAX_NAME)


def plain(text: str, limit: int) -> str:
    """The text without characters that nobody sees, without runs of blank lines, cut at a word's end after `limit`.

    Control characters, marks of direction, tag characters and private or unassigned code points go; line breaks, tabs and
    the joiners of emoji stay.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    seen = "".join(char for char in lines if char in _KEPT or unicodedata.category(char) not in _UNSEEN)
    seen = _BLANK_LINES.sub("\n\n", seen)
    if len(seen) <= limit:
        return seen
    start = seen[: limit - len(_CUT)]
    place = max(start.rfind(" "), start.rfind("\n"))
    return (start[:place] if place > limit // 2 else start).rstrip() + _CUT
