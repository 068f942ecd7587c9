"""What counts as a word in search, in posts and in queries alike: where it stands and the stem it is found by.

Stop words are kept here, other than in topics: a phrase may hold them. Scripts that set no space between words
(core/letters.py) are cut into syllables, Chinese and Japanese into signs: a word of such a script is a phrase.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache

from tgstudio_dagster.core.letters import SPACED_LETTERS, SYLLABLE, is_simple, one_spelling
from tgstudio_dagster.topics.words import STOP_WORDS, stem

MAX_TERM = 64  # characters: what is longer is no word, and would only swell the dictionary
_SIMPLE = re.compile(r"\d+|[^\W\d_]+(?:['’][^\W\d_]+)*")
_ANY = re.compile(rf"\d+|{SPACED_LETTERS}(?:['’]{SPACED_LETTERS})*|{SYLLABLE}")
_URL_TAIL = re.compile(r"(https?://[^\s/]+)/\S*")


Span = tuple[int, int, str]
"""Where a word of a text starts and ends, and its stem."""


def spans(text: str) -> list[Span]:
    """Every word and number of the text: where it starts and ends, and its stem; emoji and signs are none."""
    return [(*match.span(), stem) for match in _words(text).finditer(text) if (stem := term(match[0]))]


def terms(text: str) -> list[str]:
    """The stems of the text in order, without what follows the host in a link: nobody looks for that."""
    shown = _URL_TAIL.sub(r"\1", text)
    return [stem for word in _words(shown).findall(shown) if (stem := term(word))]


def written(text: str) -> list[str]:
    """The words of the text in order as they are written, but in lower case and with ё as е."""
    return [lowered for word in _words(text).findall(text) if (lowered := _lowered(word))]


@lru_cache(maxsize=400_000)
def term(word: str) -> str:
    """The stem that a word as written is found by; empty where it is a sign that lengthens words, standing alone."""
    return stem(_lowered(word))


def says_nothing(word: str) -> bool:
    """Whether a word, as `written` gives it, is a stop word."""
    return word in STOP_WORDS


@cache
def stop_stems() -> frozenset[str]:
    """The stems of the stop words."""
    return frozenset(stem(word) for word in STOP_WORDS)


def _words(text: str) -> re.Pattern[str]:
    """What a word is in the text."""
    return _SIMPLE if is_simple(text) else _ANY


def _lowered(word: str) -> str:
    # Some signs that are one letter are a space and a mark in their plain form.
    joined = "".join(unicodedata.normalize("NFKC", word).split())
    plain = one_spelling(joined).lower().replace("ё", "е").replace("’", "'")
    return plain[:MAX_TERM]
