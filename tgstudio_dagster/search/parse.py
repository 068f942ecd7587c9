"""Parses a typed query: words, phrases in quotes, prefixes with *, and excluded words with -.

Nothing else is syntax: brackets, AND, colons and the like are signs or words as any other.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from tgstudio_dagster.core.errors import QueryError
from tgstudio_dagster.search.words import Span, says_nothing, terms, written
from tgstudio_dagster.topics.words import is_piece

MAX_CHARS = 4096  # a whole post may be pasted: Telegram's own limit
MIN_PREFIX = 2
_QUOTES = str.maketrans(dict.fromkeys("«»“”„‟〝〞＂", '"'))
_PART = re.compile(r'(?P<minus>(?<!\S)-)?(?:"(?P<phrase>[^"]*)"?|(?P<bare>[^\s"]+))')


@dataclass(frozen=True)
class Clause:
    """One thing that a post must hold: a word (one stem), a phrase (stems in a row) or a beginning of a word.

    Of a beginning, `terms` has it as written, then the stem it would be as a whole word: letters that stemming cuts
    off are in no index.
    """

    kind: Literal["word", "phrase", "prefix"]
    terms: tuple[str, ...]

    @property
    def is_run(self) -> bool:
        """Whether it is a phrase of a script that sets no spaces: what its reader takes for a word."""
        return self.kind == "phrase" and any(map(is_piece, self.terms))


@dataclass(frozen=True)
class Query:
    """Every one of `wanted` must be in a post, none of `unwanted` may."""

    wanted: tuple[Clause, ...]
    unwanted: tuple[Clause, ...]

    def marked(self, words: Sequence[Span], related: Collection[str] = ()) -> list[Span]:
        """Those of a text's words (`search.words.spans`) that are asked for or `related` (stems), in order.

        Of a script without spaces a phrase is marked as one, where all of it stands in a row.
        """
        marked = [
            word for word in words if word[2] in related or any(_marks(clause, word[2]) for clause in self.wanted)
        ]
        for clause in self.wanted:
            marked += _runs(clause, words)
        return sorted(marked)


def _marks(clause: Clause, stem: str) -> bool:
    """Whether a word with this stem, by itself, is one that the clause asks for."""
    if clause.kind == "prefix":
        return stem.startswith(clause.terms[0]) or stem == clause.terms[1]
    return stem in clause.terms and not clause.is_run


def _runs(clause: Clause, words: Sequence[Span]) -> list[Span]:
    """Where all of a phrase of such a script stands in a row."""
    if not clause.is_run:
        return []
    stems, length = [stem for _, _, stem in words], len(clause.terms)
    starts = (n for n in range(len(stems) - length + 1) if tuple(stems[n : n + length]) == clause.terms)
    return [(words[n][0], words[n + length - 1][1], " ".join(clause.terms)) for n in starts]


def parse(text: str) -> Query:
    """The query that was typed. A quote that is not closed reaches to the end; a word with a hyphen is a phrase.

    Stop words outside quotes are passed over, unless there is nothing else to find. Raises QueryError where no word is
    named, or only ones to leave out, or more than a post's length is given.
    """
    if len(text) > MAX_CHARS:
        raise QueryError(f"has {len(text):,} characters; give at most {MAX_CHARS:,}.", field="query")
    clauses: dict[Clause, bool] = {}
    unwanted: dict[Clause, bool] = {}
    for part in _PART.finditer(text.translate(_QUOTES)):
        body = part["phrase"] if part["bare"] is None else part["bare"]
        clause = _clause(body, prefix=part["bare"] is not None and body.endswith("*"))
        if clause is not None:
            side = unwanted if part["minus"] else clauses
            side[clause] = part["bare"] is not None and all(says_nothing(word) for word in written(body))
    if not clauses:
        mend = "name one to find beside those to leave out." if unwanted else "type at least one word or number."
        raise QueryError(f"no word to look for; {mend}", field="query")
    telling = tuple(clause for clause, nothing in clauses.items() if not nothing)
    return Query(telling or tuple(clauses), tuple(unwanted))


def meant(text: str) -> str:
    """What a sentence model is asked of what was typed: its signs of syntax and the parts to leave out are no meaning."""
    words = (part["phrase"] or part["bare"] for part in _PART.finditer(text.translate(_QUOTES)) if not part["minus"])
    return " ".join(word.rstrip("*") for word in words if word)


def _clause(text: str, *, prefix: bool) -> Clause | None:
    stems = tuple(terms(text))
    if not stems:
        return None
    if len(stems) > 1:
        return Clause("phrase", stems)
    if not prefix:
        return Clause("word", stems)
    begin = written(text)[0]
    if len(begin) < MIN_PREFIX:
        raise QueryError(f"{text!r}: write at least {MIN_PREFIX} letters before the *.", field="query")
    return Clause("prefix", (begin, stems[0]))
