"""What counts as a word in search, in posts and in queries alike: where it stands and the stem it is found by.

Stop words are kept here, other than in topics: a phrase may hold them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache

from tgstudio_dagster.topics.words import STOP_WORDS, stem

MAX_TERM = 64  # characters: what is longer is no word, and would only swell the dictionary
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
# Chinese and Japanese set no space between words: each sign is a word there, and a run of them a phrase.
# Combining marks belong to their letter (й may be written as two signs).
_WORD = re.compile(rf"[{_CJK}]|\d+|(?:[^\W\d_{_CJK}][\u0300-\u036f]*)+(?:['’](?:[^\W\d_{_CJK}][\u0300-\u036f]*)+)*")
_URL_TAIL = re.compile(r"(https?://[^\s/]+)/\S*")


def spans(text: str) -> list[tuple[int, int, str]]:
    """Every word and number of the text: where it starts and ends, and its stem; emoji and signs are none."""
    return [(match.start(), match.end(), term(match[0])) for match in _WORD.finditer(text)]


def terms(text: str) -> list[str]:
    """The stems of the text in order, without what follows the host in a link: nobody looks for that."""
    return [term(word) for word in _WORD.findall(_URL_TAIL.sub(r"\1", text))]


def written(text: str) -> list[str]:
    """The words of the text in order as they are written, but in lower case and with ё as е."""
    return [_lowered(word) for word in _WORD.findall(text)]


@lru_cache(maxsize=400_000)
def term(word: str) -> str:
    """The stem that a word as written is found by."""
    return stem(_lowered(word))


def says_nothing(word: str) -> bool:
    """Whether a word, as `written` gives it, is a stop word."""
    return word in STOP_WORDS


@cache
def stop_stems() -> frozenset[str]:
    """The stems of the stop words."""
    return frozenset(stem(word) for word in STOP_WORDS)


def _lowered(word: str) -> str:
    # Some signs that are one letter are a space and a mark in their plain form.
    plain = "".join(unicodedata.normalize("NFKC", word).split()).lower().replace("ё", "е").replace("’", "'")
    return plain[:MAX_TERM]
