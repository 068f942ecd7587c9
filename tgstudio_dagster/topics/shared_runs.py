"""Keywords of scripts that set no spaces between words: the longest runs of syllables that several texts of a topic share.

A dictionary would know the words of one language; what several authors write alike is a word or a name in any of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tgstudio_dagster.core.letters import syllables
from tgstudio_dagster.topics.words import HAN, runs

FEWEST, MOST = 2, 12  # syllables of a keyword
LETTERS = range(3, 31)
LETTERS_OF_SIGNS = range(2, 31)  # Chinese and Japanese
SYLLABLES_READ = 300  # of a text: what a post is about stands at its beginning

Run = tuple[str, ...]


def shared_runs(texts: Sequence[str]) -> Counter[str]:
    """The runs that two texts and more hold, with how many; none that stands in a longer run of the same texts.

    Of a single text the runs between its spaces and signs, where they are short enough for a word.
    """
    read = [[tuple(syllables(run)) for run in runs(text)] for text in texts]
    if len(texts) == 1:
        whole = ("".join(run) for run in read[0] if FEWEST <= len(run) <= MOST)
        return Counter({run: 1 for run in whole if _is_long_enough(run)})
    holding: Counter[Run] = Counter()
    for of_text in read:
        holding.update(_parts(of_text))
    shared = {run: count for run, count in holding.items() if count > 1}
    within = {part for run, count in shared.items() for part in (run[1:], run[:-1]) if shared.get(part) == count}
    joined = {"".join(run): count for run, count in shared.items() if run not in within}
    return Counter({run: count for run, count in joined.items() if _is_long_enough(run)})


def _is_long_enough(run: str) -> bool:
    return len(run) in (LETTERS_OF_SIGNS if HAN.match(run) else LETTERS)


def _parts(of_text: Sequence[Run]) -> set[Run]:
    """All runs of FEWEST to MOST syllables in a row."""
    parts: set[Run] = set()
    left = SYLLABLES_READ
    for run in of_text:
        read, left = run[:left], left - min(len(run), left)
        for start in range(len(read) - FEWEST + 1):
            parts.update(read[start:end] for end in range(start + FEWEST, min(start + MOST, len(read)) + 1))
    return parts
