"""Strangers' names and texts where a person sees them: terminal, pages, files for people.

What is stored stays as it came; each door shows `visible` of it. Pure functions on texts.
"""

from __future__ import annotations

import html
import re

# Control characters but tab and line feed (a terminal obeys them), embeddings, overrides and isolates of text direction
# (they make `gpj.exe` look like `exe.jpg` and turn round what stands beside them), halves of surrogate pairs, and invisible
# tags, which belong behind the black flag of England, Scotland and Wales only. Marks of direction (LRM, RLM, ALM) stay:
# Hebrew and Arabic texts use them, and they move nothing but their neighbour; joiners stay, as scripts and emoji need them.
HARMFUL = (
    r"[\x{00}-\x{08}\x{0b}\x{0c}\x{0e}-\x{1f}\x{7f}-\x{9f}"
    r"\x{202a}-\x{202e}\x{2066}-\x{206f}\x{fff9}-\x{fffb}\x{feff}]"
)
"""The characters as a pattern of Polars. Files keep carriage returns; `visible` takes these, surrogates and tags too."""
_HARMFUL = re.compile(re.sub(r"\\x\{([0-9a-f]{2})\}", r"\\x\1", re.sub(r"\\x\{([0-9a-f]{4})\}", r"\\u\1", HARMFUL)))
_TAGS = re.compile("(\U0001f3f4[\U000e0020-\U000e007f]+)|[\U000e0000-\U000e007f]")
_HALVES = re.compile("[\ud800-\udfff]")
_IN_JSON = re.compile("[\x7f-\x9f\u202a-\u202e\u2066-\u206f\ufff9-\ufffb\ufeff\ud800-\udfff]")


def visible(text: str) -> str:
    """The text without what moves a cursor, turns the direction, or hides: nothing it holds changes what stands beside it."""
    if text.isascii() and text.isprintable():
        return text
    text = harmless(text).replace("\r", "")
    return _HALVES.sub("\N{REPLACEMENT CHARACTER}", _TAGS.sub(lambda found: found.group(1) or "", text))


def harmless(text: str) -> str:
    """The text without HARMFUL, for files."""
    return _HARMFUL.sub("", text)


def escape(text: str, quote: bool = True) -> str:
    """The text as HTML shows it, `visible`."""
    return html.escape(visible(text), quote)


def visible_json(document: str) -> str:
    """A JSON document with the same values in which such characters stand as escapes."""
    return _IN_JSON.sub(lambda found: f"\\u{ord(found.group()):04x}", document)
