"""Query expansion without a model: the words that occur beside the query's in the best matching posts.

Pseudo-relevance feedback after Rocchio: the best posts by BM25 are taken for relevant, and the stems that are frequent
in them and rare elsewhere join the query at a lower weight. Lines that a channel repeats teach nothing (telling.py). So a
post that tells of the same matter in other words is found where some post uses both. What no post joins (a synonym that
never stands beside the word, a text in another language) stays unfound: that takes a dense model.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl
import tantivy

from tgstudio_dagster.search.index import Filter, WordIndex
from tgstudio_dagster.search.parse import Query
from tgstudio_dagster.search.words import spans, stop_stems
from tgstudio_dagster.topics.words import is_piece

FEEDBACK = 10
ADDED = 10
WEIGHT = 0.5
OWN = 30
COMMON = 0.1


@dataclass(frozen=True)
class Weights:
    """Stems with their weights: those of the query (the rarest OWN) and those added, the heaviest first.

    `words` has an added stem as it is written most often.
    """

    own: dict[str, float]
    added: dict[str, float]
    words: dict[str, str]


def expand(
    index: WordIndex,
    query: Query,
    without: Sequence[tuple[tantivy.Occur, tantivy.Query]],
    where: Filter,
    say: Callable[[pl.DataFrame], Sequence[str]],
) -> Weights:
    """The query's stems, and those added from its best posts among those that the filter lets through.

    `say` gives what each of the posts says itself, without what its channel repeats.
    """
    # A syllable of a script without spaces is no word; the phrase is asked for as one.
    spelled = (clause for clause in query.wanted if clause.kind != "prefix" and not clause.is_run)
    stems = dict.fromkeys(stem for clause in spelled for stem in clause.terms)
    telling = [stem for stem in stems if stem not in stop_stems()] or list(stems)
    own = sorted(telling, key=index.frequency)[:OWN]
    parts = [(tantivy.Occur.Should, index.holds(clause)) for clause in query.wanted if clause.kind != "word"]
    parts += [(tantivy.Occur.Should, index.word(stem)) for stem in own]
    best = index.search(index.query([*parts, *without], where), limit=FEEDBACK).posts
    if best.is_empty():
        return Weights(dict.fromkeys(own, 1.0), {}, {})
    shares: Counter[str] = Counter()
    posts: Counter[str] = Counter()
    forms: dict[str, Counter[str]] = {}
    top = best["score"][0]
    for text, score in (
        best.with_columns(text=pl.Series(say(best)))
        .select("text", "score")
        .unique("text", maintain_order=True)
        .iter_rows()
    ):
        written_as = [(stem, text[start:end]) for start, end, stem in spans(text) if not is_piece(stem)]
        counts = Counter(stem for stem, _ in written_as)
        if not counts:
            continue
        length = math.sqrt(sum(count * count for count in counts.values()))
        for stem, count in counts.items():
            shares[stem] += score / top * count / length
            posts[stem] += 1
        for stem, form in written_as:
            forms.setdefault(stem, Counter())[form.lower()] += 1
    size = index.size
    weights = {
        stem: weight * math.log(size / frequency)
        for stem, weight in shares.items()
        if posts[stem] > 1
        and stem not in own
        and stem not in stop_stems()
        and len(stem) > 1
        # A word that stands everywhere tells nothing, whatever the best posts say.
        and 0 < (frequency := index.frequency(stem)) <= max(COMMON * size, 2 * FEEDBACK)
    }
    chosen = sorted(weights.items(), key=lambda item: (-item[1], item[0]))[:ADDED]
    heaviest = chosen[0][1] if chosen else 1.0
    added = {stem: WEIGHT * weight / heaviest for stem, weight in chosen}
    return Weights(dict.fromkeys(own, 1.0), added, {stem: _form(forms[stem]) for stem in added})


def _form(forms: Counter[str]) -> str:
    """The commonest; of equals the shortest (most often the nominative)."""
    return min(forms, key=lambda form: (-forms[form], len(form), form))
