"""Texts to sparse features: hashed stems and hashed character 3-5-grams within words, side by side in one vector.

Weights here are raw: 1 + ln of the count, halved for what the lead (the first line or two) doesn't hold. News says what
happened first: without the halving two long posts of one event lie far apart. Measured on two days of Russian news:
strict pairwise F1 of events .79 to .82 and .75 to .80; leads of 120 to 240 characters and halves of .3 to .7 are alike.
IDF and normalisation need the window and belong to vectors.py.
Both kinds together beat each alone where channels share words (Russian news: .95 beside .91 and .93). Posts that tell
one event in other words, or in another language, share few features and stay apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from tgstudio_dagster.core.letters import one_spelling
from tgstudio_dagster.topics.words import stem, tokens_and_lead

BITS = 20
STEMS = 1 << BITS  # stems hash into [0, STEMS), character n-grams into [STEMS, 2 * STEMS)
DIMENSIONS = 2 * STEMS
NGRAMS = (3, 4, 5)
MAX_CHARS = 4096  # Telegram's own limit of a text; what is longer came from elsewhere and is cut
LEAD_CHARS = 160
SHORT_LINE = 40  # a first line this short is a heading: the lead goes on into the second
OUTSIDE_LEAD = 0.5
_MIXED = re.compile("[а-я][a-z]|[a-z][а-я]")
_MIXED_WORD = re.compile("[a-z]*[а-я][a-zа-я]*")
_LOOKALIKES = str.maketrans("aceopxykmtbh", "асеорхукмтвн")
_SPACES = re.compile("[ \u00a0\u202f]")
# What stands before is looked at after the first digit: a pattern that begins with a look behind is tried at each letter.
_GROUPS = re.compile(r"\d(?<![\d.,]\d)\d{0,2}(?:[ \u00a0\u202f]\d{3})+(?!\d)")
_THOUSANDS = re.compile(r"(\d(?<![\d.,]\d)\d{0,2})[ \u00a0\u202f]?(?:тыс|тис)[а-яіь]*\.?")
_BATCH = 1000  # texts at a time: bounds memory at some 100 MB

Ints = NDArray[np.unsignedinteger[Any]]


@dataclass(frozen=True)
class Features:
    """Sparse rows: row i holds `indices` and `values` from `bounds[i]` to `bounds[i + 1]`, indices rising."""

    bounds: NDArray[np.int64]
    indices: NDArray[np.uint32]
    values: NDArray[np.float32]


def features(texts: Sequence[str]) -> Features:
    """Features of each text; a text without a letter or digit has none."""
    parts = [_batch(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
    counts = np.concatenate([np.zeros(1, np.int64), *(np.diff(part.bounds) for part in parts)])
    return Features(
        bounds=np.cumsum(counts),
        indices=np.concatenate([np.zeros(0, np.uint32), *(part.indices for part in parts)]),
        values=np.concatenate([np.zeros(0, np.float32), *(part.values for part in parts)]),
    )


def _batch(texts: Sequence[str]) -> Features:
    lines = [
        [" ".join(line.split()) for line in spelled(one_spelling(text[:MAX_CHARS]).lower()).split("\n")]
        for text in texts
    ]
    lowered = [" ".join(line for line in of_text if line) for of_text in lines]
    leads = [_lead([line for line in of_text if line]) for of_text in lines]
    words, in_lead = [], []
    for text, lead in zip(lowered, leads, strict=True):
        of_text, of_lead = tokens_and_lead(text, lead)
        words.append(of_text)
        in_lead.append(of_lead)
    # A text of punctuation alone would otherwise be "similar" to every other such text.
    padded = [f" {text} " if has_words else "" for text, has_words in zip(lowered, words, strict=True)]
    keys = np.concatenate([_stem_keys(words, in_lead), *_ngram_keys(padded, leads)])
    keys.sort()
    feature = keys >> np.uint64(1)  # the lowest bit tells those outside the lead: a feature's first key has it least
    starts = np.flatnonzero(np.concatenate([np.ones(min(1, len(keys)), bool), feature[1:] != feature[:-1]]))
    counts = np.diff(np.append(starts, len(keys)))
    outside = (keys[starts] & np.uint64(1)).astype(bool)
    unique = feature[starts]
    rows = unique >> np.uint64(BITS + 1)
    bounds = np.searchsorted(rows, np.arange(len(texts) + 1, dtype=np.uint64))
    return Features(
        bounds=bounds.astype(np.int64),
        indices=(unique & np.uint64(DIMENSIONS - 1)).astype(np.uint32),
        values=((1 + np.log(counts)) * np.where(outside, OUTSIDE_LEAD, 1.0)).astype(np.float32),
    )


def spelled(lowered: str) -> str:
    """The text with one spelling for what is written in several: ё, Latin letters that stand for Cyrillic ones, thousands.

    Some write "кyрение" with a Latin y so that copies aren't found; "98 000" and "98 тысяч" are one number. Same-story-
    ignored F1 of a day of 545 posts .855 to .887; two others as they were.
    """
    text = lowered.replace("ё", "е")
    if _MIXED.search(text):
        text = _MIXED_WORD.sub(lambda word: word.group().translate(_LOOKALIKES), text)
    return _THOUSANDS.sub(r"\g<1>000", _GROUPS.sub(lambda number: _SPACES.sub("", number.group()), text))


def _lead(lines: Sequence[str]) -> int:
    """How many characters of the lines, joined by a space, are the lead."""
    if not lines:
        return 0
    short = len(lines[0]) < SHORT_LINE and len(lines) > 1
    return min(LEAD_CHARS, len(lines[0]) + (1 + len(lines[1]) if short else 0))


def _stem_keys(words: Sequence[Sequence[str]], in_lead: Sequence[int]) -> NDArray[np.uint64]:
    """One key (row, feature, outside the lead) for each token."""
    sizes = [len(row) for row in words]
    total = sum(sizes)
    numbers = np.fromiter((_word_number(word) for row in words for word in row), np.uint64, total)
    rows = np.repeat(np.arange(len(words), dtype=np.uint64), sizes)
    place = np.arange(total) - np.repeat(np.cumsum([0, *sizes])[:-1], sizes)
    outside = place >= np.repeat(np.array(in_lead, dtype=np.int64), sizes)
    keys: NDArray[np.uint64] = (((rows << np.uint64(BITS + 1)) | numbers) << np.uint64(1)) | outside
    return keys


def stem_number(root: str) -> int:
    """The feature of a stem."""
    return crc32(root.encode()) & (STEMS - 1)


@lru_cache(maxsize=200_000)
def _word_number(word: str) -> int:
    return stem_number(stem(word))


def _ngram_keys(padded: Sequence[str], leads: Sequence[int]) -> list[NDArray[np.uint64]]:
    """Keys of the n-grams that cross no space, the space at a word's ends counted in (char_wb)."""
    sizes = [len(text) for text in padded]
    chars = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    place = np.arange(len(chars)) - np.repeat(np.cumsum([0, *sizes])[:-1], sizes)
    outside = place > np.repeat(np.array(leads, dtype=np.int64), sizes)
    head = (np.repeat(np.arange(len(padded), dtype=np.uint64), sizes) << np.uint64(BITS + 2)) | outside
    head |= np.uint64(STEMS << 1)
    spaces = np.concatenate([np.zeros(1, np.int32), np.cumsum(chars == ord(" "), dtype=np.int32)])
    hashed = chars.copy()
    keys = []
    for n in range(2, max(NGRAMS) + 1):
        if len(chars) < n:
            break
        hashed = hashed[: len(chars) - n + 1] * np.uint64(0x100000001B3) + chars[n - 1 :]
        if n not in NGRAMS:
            continue
        inside = np.flatnonzero(spaces[n - 1 : n - 1 + len(hashed)] == spaces[1 : 1 + len(hashed)])
        mixed = hashed[inside]
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(0x9E3779B97F4A7C15)
        mixed >>= np.uint64(64 - BITS)
        mixed <<= np.uint64(1)
        mixed |= head[inside]
        keys.append(mixed)
    return keys
