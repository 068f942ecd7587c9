"""Cutting a text to a limit that is counted by any measure, at the best place.

Pure string work: sentence ends first, then words; never inside a URL, a surrogate pair or a combined character.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

from tgstudio_dagster.ai.text import URL, open_quotes, quoted_spans

Measure = Callable[[str], int]


def fit(text: str, limit: int, measure: Measure) -> str:
    """The longest beginning of the text that `measure` puts at `limit` or less; empty where nothing fits.

    Cut after a sentence where one fits, else after a word, with … and the closing quotation marks still owed; a single
    endless word is cut between characters, a URL that does not fit is left out. Lone surrogates become U+FFFD.
    """
    text = clean(text)
    if measure(text) <= limit:
        return text
    spans = quoted_spans(text)
    ends = [match.end() for match in re.finditer(r"[.!?…]+[»”“\"')\]’]*(?=\s)|\S(?=\n)", text)]
    whole = [end for end in ends if not any(left < end < right for left, right in spans)]
    return (
        _longest((text[:end].rstrip() for end in reversed(whole)), limit, measure)
        or _longest((_elided(text[:end]) for end in reversed(_word_ends(text))), limit, measure)
        or _longest((_elided(text[:end]) for end in reversed(_characters(text))), limit, measure)
    )


def clean(text: str) -> str:
    """The text without lone surrogates and outer white space."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()


def _longest(candidates: Iterator[str], limit: int, measure: Measure) -> str:
    return next((candidate for candidate in candidates if candidate and measure(candidate) <= limit), "")


def _word_ends(text: str) -> list[int]:
    return [match.start() for match in re.finditer(r"(?<=\S)\s", text)]


def _elided(text: str) -> str:
    text = text.rstrip().rstrip(",;:—–-(«“„").rstrip()
    if not text:
        return ""
    if URL.search(text.rsplit(maxsplit=1)[-1]):
        return text
    return f"{text}…{open_quotes(text)}"


def _characters(text: str) -> list[int]:
    """Places in the first word between characters that stand alone: none in a URL, none before a combining mark."""
    word = re.match(r"\S*", text)
    first = word.group() if word else ""
    if URL.match(first):
        return []
    return [
        place
        for place in range(1, len(first))
        if not unicodedata.combining(first[place])
        and first[place] not in "\u200d\ufe0f\ufe0e\u20e3"
        and first[place - 1] != "\u200d"
        and not 0x1F3FB <= ord(first[place]) <= 0x1F3FF
        and not (0x1F1E6 <= ord(first[place]) <= 0x1F1FF and 0x1F1E6 <= ord(first[place - 1]) <= 0x1F1FF)
    ]
