"""Texts to sparse features: hashed stems and hashed character 3-5-grams within words, side by side in one vector.

Weights here are raw (1 + ln of the count). IDF and normalisation need the window and belong to vectors.py.
Both kinds together beat each alone where channels share words (Russian news: .95 beside .91 and .93). Posts that tell
one event in other words, or in another language, share few features and stay apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from tgstudio_dagster.topics.words import stem, tokens

BITS = 20
STEMS = 1 << BITS  # stems hash into [0, STEMS), character n-grams into [STEMS, 2 * STEMS)
DIMENSIONS = 2 * STEMS
NGRAMS = (3, 4, 5)
MAX_CHARS = 4096  # Telegram's own limit of a text; what is longer came from elsewhere and is cut
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
    lowered = [" ".join(text[:MAX_CHARS].lower().replace("ё", "е").split()) for text in texts]
    words = [tokens(text) for text in lowered]
    # A text of punctuation alone would otherwise be "similar" to every other such text.
    padded = [f" {text} " if found else "" for text, found in zip(lowered, words, strict=True)]
    keys = np.concatenate([_stem_keys(words), *_ngram_keys(padded)])
    unique, counts = np.unique(keys, return_counts=True)
    rows = unique >> np.uint64(BITS + 1)
    bounds = np.searchsorted(rows, np.arange(len(texts) + 1, dtype=np.uint64))
    return Features(
        bounds=bounds.astype(np.int64),
        indices=(unique & np.uint64(DIMENSIONS - 1)).astype(np.uint32),
        values=(1 + np.log(counts)).astype(np.float32),
    )


def _stem_keys(words: Sequence[Sequence[str]]) -> NDArray[np.uint64]:
    """One key (row, feature) for each token."""
    numbers = [_word_number(word) for row in words for word in row]
    rows = np.repeat(np.arange(len(words), dtype=np.uint64), [len(row) for row in words])
    return (rows << np.uint64(BITS + 1)) | np.array(numbers, dtype=np.uint64)


def stem_number(root: str) -> int:
    """The feature of a stem."""
    return crc32(root.encode()) & (STEMS - 1)


@lru_cache(maxsize=200_000)
def _word_number(word: str) -> int:
    return stem_number(stem(word))


def _ngram_keys(padded: Sequence[str]) -> list[NDArray[np.uint64]]:
    """Keys (row, feature) of the n-grams that cross no space, the space at a word's ends counted in (char_wb)."""
    chars = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    rows = np.repeat(np.arange(len(padded), dtype=np.uint64), [len(text) for text in padded])
    spaces = np.concatenate([np.zeros(1, np.int64), np.cumsum(chars == ord(" "))])
    hashed = chars.copy()
    keys = []
    for n in range(2, max(NGRAMS) + 1):
        if len(chars) < n:
            break
        hashed = hashed[: len(chars) - n + 1] * np.uint64(0x100000001B3) + chars[n - 1 :]
        if n not in NGRAMS:
            continue
        start = np.arange(len(hashed))
        inside = spaces[start + n - 1] - spaces[start + 1] == 0
        mixed = hashed[inside]
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(0x9E3779B97F4A7C15)
        mixed >>= np.uint64(64 - BITS)
        keys.append((rows[: len(hashed)][inside] << np.uint64(BITS + 1)) | np.uint64(STEMS) | mixed)
    return keys
