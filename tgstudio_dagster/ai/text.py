"""Plain-text tools that writers and the provenance check share: sentences, quotation marks, words, shingles.

No statistics, no grammar of one language beyond abbreviations; figures and dates are in `figures.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

URL = re.compile(r"(?:https?://|www\.)[^\s<>«»“”\"]+", re.IGNORECASE)
WORD = re.compile(r"\w+(?:[-'’]\w+)*")
INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u2060-\u2064\u20e3\ufe00-\ufe0f\ufeff]")

_CLOSERS = {"«": "»", "“": "”", "„": "“", '"': '"'}
_OPENING_WORDS = "the a an it this these they he she we in on at but and for в на и но он она они это мы по"
_OPENERS = frozenset(_OPENING_WORDS.split())
_SHORTENED = (
    "г гг ул им т тыс млн млрд трлн руб коп кв см др пр проф акад обл р д стр рис напр ок тел корп пос гр"
    " mr mrs ms dr st prof sr jr no vs gen gov sen rep capt lt col inc ltd co corp approx est fig jan feb mar apr jun jul"
    " aug sep sept oct nov dec e.g i.e a.m p.m"
)
_ABBREVIATIONS = frozenset(_SHORTENED.split())


def sentences(text: str) -> list[str]:
    """The text's sentences in order, stripped. A line break ends one; marks within balanced quotation do not."""
    return [sentence for line in text.splitlines() for sentence in _line_sentences(line.strip()) if sentence]


def _line_sentences(line: str) -> Iterator[str]:
    spans = quoted_spans(line)
    start = 0
    for match in re.finditer(r"[.!?…]+[»”“\"')\]’]*(?=\s)", line):
        end = match.end()
        if any(left < end < right for left, right in spans) or not _opens(line[end:].lstrip()):
            continue
        word = re.search(r"[\w.]+$", line[start : match.start()])
        if match.group().startswith(".") and word and _abbreviated(word.group(), line[end:]):
            continue
        yield line[start:end].strip()
        start = end
    yield line[start:].strip()


def _opens(rest: str) -> bool:
    head = rest[:1]
    return bool(head) and not head.islower() and head not in ",;:.!?…)—–-"


def _abbreviated(word: str, rest: str) -> bool:
    if len(word) == 1 and word.isupper():
        following = WORD.search(rest)
        return following is not None and normal(following.group()) not in _OPENERS
    return word.casefold() in _ABBREVIATIONS


def quoted_spans(text: str) -> list[tuple[int, int]]:
    """(start, end) of the outermost closed quotations, marks included. An unclosed mark quotes nothing.

    Knows « », “ ”, „ “ and straight double quotes; single quotes are apostrophes too often to be trusted.
    """
    spans: list[tuple[int, int]] = []
    stack: list[tuple[str, int]] = []
    for place, char in enumerate(text):
        depth = next((n for n in range(len(stack) - 1, -1, -1) if _CLOSERS[stack[n][0]] == char), None)
        if depth is not None:
            start = stack[depth][1]
            del stack[depth:]
            while spans and spans[-1][0] > start:
                spans.pop()
            spans.append((start, place + 1))
        elif char in _CLOSERS:
            stack.append((char, place))
    return spans


def quotations(text: str) -> list[str]:
    """What stands in the outermost quotation marks, without them."""
    return [text[start + 1 : end - 1] for start, end in quoted_spans(text)]


def unquoted(text: str) -> list[str]:
    """The runs of text between the outermost quotations."""
    edges = [0, *(edge for span in quoted_spans(text) for edge in span), len(text)]
    return [text[left:right] for left, right in zip(edges[::2], edges[1::2], strict=True)]


def open_quotes(text: str) -> str:
    """The closing marks that the text still lacks, innermost first."""
    stack: list[str] = []
    for char in text:
        if stack and char == stack[-1]:
            stack.pop()
        elif char in _CLOSERS:
            stack.append(_CLOSERS[char])
    return "".join(reversed(stack))


def normal(word: str) -> str:
    """A word for comparison: lower case, ё as е, the curly apostrophe straight, no possessive 's."""
    return word.casefold().replace("ё", "е").replace("’", "'").removesuffix("'s")


def words(text: str) -> list[str]:
    """The text's words for comparison, URLs left out."""
    return [normal(word) for word in WORD.findall(INVISIBLE.sub("", URL.sub(" ", text)))]


def shingles(tokens: list[str], size: int = 5) -> Iterator[tuple[str, ...]]:
    """Runs of `size` neighbouring words."""
    return (tuple(tokens[place : place + size]) for place in range(len(tokens) - size + 1))


def overlap(texts: Iterable[str], sources: Iterable[str], size: int = 5) -> float:
    """Share (0 to 1) of the texts' 5-word shingles outside quotation marks that stand in a source.

    A shingle never spans a quotation. 0.0 where the texts hold no shingle at all.
    """
    known = {shingle for source in sources for shingle in shingles(words(source), size)}
    ours = [shingle for text in texts for run in unquoted(text) for shingle in shingles(words(run), size)]
    return sum(shingle in known for shingle in ours) / len(ours) if ours else 0.0


def holds_run(tokens: list[str], run: list[str]) -> bool:
    """Whether the words of `run` stand in `tokens` next to each other, in order."""
    return f" {' '.join(run)} " in f" {' '.join(tokens)} "
