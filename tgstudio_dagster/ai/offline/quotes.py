"""Which sentences of a topic's posts are worth quoting: cleaning, centrality, near-duplicates, conflicting figures.

Pure functions on posts; how a quotation is worded belongs to `phrases.py`.
Centrality: mean cosine of a sentence to the sentences of the other posts, on stems weighted by inverse document
frequency within the topic (the idea of LexRank, Erkan and Radev 2004, without its random walk).
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tgstudio_dagster.ai.figures import Figure, figures
from tgstudio_dagster.ai.protocols import MessageKey, SourceMessage
from tgstudio_dagster.ai.text import INVISIBLE, URL, normal, open_quotes, quoted_spans, sentences, words
from tgstudio_dagster.core.letters import HASHTAG_LETTER
from tgstudio_dagster.topics.words import stem as topics_stem

MAX_QUOTE = 220
MAX_SENTENCES = 15  # of one post: news stands at the top, and centrality is quadratic
SAME = 0.5  # cosine from which two sentences say the same thing
_PROMO = re.compile(
    r"подпис|подпиш|наш(?:ем|его|его)? канал|реклам|\berid\b|промокод|розыгрыш|читайте|подробн(?:ее|ости)|источник:"
    r"|пишите нам|присылайте|subscri|follow us|join (?:us|our)|sponsor|promo code|giveaway|read more|full story|send us",
    re.IGNORECASE,
)
_PERSONAL = re.compile(r"\b(?:мы|нам|нас|наш\w*|вы|вам|вас|ваш\w*|you|your|we|us|our|i)\b", re.IGNORECASE)
_LEANING = re.compile(
    r"^(?:он|она|они|оно|это|эта|этот|эти|его|ее|её|их|также|ещё|еще|и|а|но|так|причем|причём|при этом|поэтому|там"
    r"|it|its|they|their|he|his|she|her|this|that|these|also|but|and|so|there|then|which)\b"
    r"|\b\w+л[аи]? (?:он|она|они)\W*$|\b(?:сказал|сказала|заявил|заявила) (?:он|она)\b|\b(?:he|she) (?:said|added)\b",
    re.IGNORECASE,
)
_TAG = re.compile(rf"(?<!\w)#({HASHTAG_LETTER}+)")
_LAST_TAGS = re.compile(rf"(?:\s*(?<!\w)#{HASHTAG_LETTER}+)+\s*$", re.MULTILINE)
_CUT = "\x00"
_STOP_WORDS = (
    "и в во не что он на я с со как а то все она так его но да ты к у же вы за бы по только ее мне было вот от меня еще "
    "нет о из ему теперь когда даже ну ли если уже или ни быть был него до вас нибудь уж вам ведь там потом себя ничего "
    "ей может они тут где есть надо ней для мы тебя их чем была сам чтоб без будто чего раз тоже себе под будет это эта "
    "этот при об также после через более который которые которая которого что-то пока the a an and or but of in on at to for "
    "from by with as is are was were be been being it its this that these those he she they them his her their we you i "
    "not no because while if will would can could has have had do "
    "does did than then there which who whom what when where how after before "
    "about into over under more most also just only other some such"
)
_STOP = frozenset(_STOP_WORDS.split())


@dataclass(frozen=True)
class Quote:
    """A sentence that may be quoted: a verbatim run of words of its post (links, emoji and # left out)."""

    message: SourceMessage
    place: int
    text: str
    stems: frozenset[str]
    score: float


@dataclass(frozen=True)
class Conflict:
    """Different figures for what reads as the same thing, by channel; `shown` is the words of each post."""

    said: tuple[tuple[SourceMessage, str], ...]


def rank_quotes(messages: Sequence[SourceMessage], language: str) -> list[Quote]:
    """Every sentence worth quoting, best first, near-duplicates left out; the first message is the representative.

    Posts that were forwarded are used only where nothing else can be quoted: their words are another channel's.
    """
    own = [message for message in messages if message.forwarded_from is None] or list(messages)
    candidates = [
        (m, place, text)
        for m in own
        for place, text in enumerate(_candidates(m.text)[:MAX_SENTENCES])
        if quotable(text)
    ]
    if not candidates:
        candidates = [(m, 0, text) for m in own for text in _candidates(m.text)[:1]]
    stems = [stem_set(text) for _, _, text in candidates]
    documents = Counter(stem for bag in stems for stem in bag)
    weight = {stem: math.log(1 + len(stems) / count) for stem, count in documents.items()}
    norms = [math.sqrt(math.fsum(weight[stem] ** 2 for stem in bag)) or 1.0 for bag in stems]

    def cosine(index: int, other: int) -> float:
        # fsum: the order of a set must not show in the last digit.
        return math.fsum(weight[stem] ** 2 for stem in stems[index] & stems[other]) / (norms[index] * norms[other])

    quotes: list[tuple[Quote, int]] = []
    for index, (message, place, text) in enumerate(candidates):
        others = [cosine(index, other) for other in range(len(candidates)) if candidates[other][0].key != message.key]
        central = sum(others) / len(others) if others else 0.0
        score = (0.05 + central) * _worth(text, place, message, language, messages[0])
        quotes.append((Quote(message, place, text, stems[index], score), index))
    quotes.sort(key=lambda pair: (-pair[0].score, pair[0].message.date, pair[0].message.key, pair[0].place))
    return _diverse(quotes, cosine)


def _worth(text: str, place: int, message: SourceMessage, language: str, representative: SourceMessage) -> float:
    worth = 1.4 if place == 0 else 1.0
    worth *= 1.6 if message.lang == language else 1.0
    worth *= 1.1 if message.key == representative.key else 1.0
    worth *= 1.2 if re.search(r"\d", text) else 1.0
    worth *= 0.4 if text.endswith("?") else 1.0
    worth *= 0.5 if _PERSONAL.search(text) else 1.0
    worth *= 0.5 if _LEANING.search(text) else 1.0  # its subject stands in a sentence that is not quoted
    worth *= 0.85 if len(text) > 160 else 1.0
    return worth * (0.6 if len(text) < 45 else 1.0)


def _diverse(quotes: list[tuple[Quote, int]], cosine: Any) -> list[Quote]:
    """Greedy order: each channel's and each post's next quote is worth half of its last; repeats are dropped."""
    chosen: list[tuple[Quote, int]] = []
    pool = list(quotes)
    used: Counter[object] = Counter()
    while pool:
        best = max(
            range(len(pool)),
            key=lambda n: (
                pool[n][0].score * 0.5 ** (used[pool[n][0].message.channel_id] + used[pool[n][0].message.key])
            ),
        )
        quote, index = pool.pop(best)
        chosen.append((quote, index))
        used.update((quote.message.channel_id, quote.message.key))
        pool = [(other, number) for other, number in pool if cosine(number, index) < SAME]
    return [quote for quote, _ in chosen]


def quotable(text: str) -> bool:
    """Whether a sentence stands on its own: long enough, no advert, no loose quotation mark or bracket."""
    return (
        len(words(text)) >= 5
        and not text.endswith(":")
        and not _PROMO.search(text)
        and not text[:1].islower()
        and not open_quotes(text)
        and not any(end - start > 0.8 * len(text) for start, end in quoted_spans(text))  # another speaker's words
        and text.count("(") == text.count(")")
        and text.count("»") == text.count("«")
    )


def shorten(text: str, limit: int) -> str:
    """The text, or its beginning up to a clause or word within `limit` characters, with … and no loose mark."""
    if len(text) <= limit:
        return text
    spans = quoted_spans(text)
    ends = [match.start() for match in re.finditer(r"[,;:]?\s", text[: limit - 1])]
    safe = [end for end in ends if not any(left < end < right for left, right in spans) and not open_quotes(text[:end])]
    clauses = [end for end in safe if text[end] in ",;" or text[end + 1 : end + 2] in ("—", "–")]
    late = [end for end in clauses if end >= limit * 0.6]
    place = late[-1] if late else safe[-1] if safe else 0
    cut = text[:place].rstrip(" ,;:—–-.")
    # Neither a function word nor a number parted from what it counts may stand last.
    while " " in cut and (normal(cut.rsplit(" ", 1)[1]) in _STOP or re.search(r"\d\W*$", cut)):
        cut = cut.rsplit(" ", 1)[0].rstrip(" ,;:—–-.")
    return f"{cut}…" if cut else ""


def _candidates(text: str) -> list[str]:
    """The sentences of a post as they may be quoted: links and mentions end a sentence and spoil it, emoji go."""
    text = INVISIBLE.sub("", URL.sub(f" {_CUT} ", text.replace(_CUT, " ").replace("**", "")))
    text = re.sub(r"(?<!\w)@\w+", f" {_CUT} ", text)
    text = _TAG.sub(r"\1", _LAST_TAGS.sub("", text))
    quotable_sentences = []
    for line in text.splitlines():
        # An emoji often stands for the full stop: before a capital letter it ends the sentence.
        line = re.sub(r"\s*\x01[\s\x01]*(?=[^\W\d_a-zа-яё])", "\n", "".join(_drawn(char) for char in line))
        line = line.replace("\x01", " ")
        line = re.sub(rf"([.!?…][»”\")]*)\s*{_CUT}", rf"\1\n{_CUT}\n", line)
        line = re.sub(r"^\W*[•▪◾▫–—-]+\s+", "", line)
        for sentence in sentences(line):
            sentence = re.sub(r"\s+([,.;:!?…])", r"\1", " ".join(sentence.split()))
            if _CUT not in sentence and re.search(r"\w", sentence):
                quotable_sentences.append(sentence)
    return quotable_sentences


def _drawn(char: str) -> str:
    """The character, or \\x01 in the place of an emoji or control character."""
    return "\x01" if char != _CUT and unicodedata.category(char) in ("So", "Sk", "Cs", "Co", "Cn", "Cc") else char


def stem_set(text: str) -> frozenset[str]:
    """Stems of the text's content words and its numbers."""
    return frozenset(stem(word) for word in words(text) if word not in _STOP and (len(word) > 2 or word.isdigit()))


def stem(word: str) -> str:
    """The stem of a word as topics have it; anything else as it is."""
    if not word.isalpha():
        return word
    return topics_stem(word)


def conflicts(messages: Sequence[SourceMessage]) -> list[Conflict]:
    """Where channels give different figures for what reads as the same thing, at most two.

    Two figures are compared only if the same noun follows, at least three other stems within eight words are shared,
    both posts are another channel's own, the values are within a factor of three, and neither post holds both.
    """
    said = [(m, *measured) for m in messages if m.forwarded_from is None for measured in _measured(m.text)]
    held = {m.key: frozenset(r for f in figures(m.text) for r in f.readings) for m in messages}
    results: list[Conflict] = []
    seen: set[tuple[MessageKey, ...]] = set()
    for place, (message, figure, unit, context) in enumerate(said):
        for other, second, unit2, context2 in said[place + 1 :]:
            if unit != unit2 or message.channel_id == other.channel_id or len((context & context2) - {unit}) < 3:
                continue
            if figure.readings & held[other.key] or second.readings & held[message.key] or not _near(figure, second):
                continue
            keys = tuple(sorted((message.key, other.key)))
            if keys not in seen:
                seen.add(keys)
                pair = sorted(
                    ((message, figure.text), (other, second.text)), key=lambda each: (each[0].date, each[0].key)
                )
                results.append(Conflict(tuple(pair)))
    return results[:2]


def _measured(text: str) -> list[tuple[Figure, str, frozenset[str]]]:
    """Figures with the stem of the noun they count and the stems around; `text` of each covers figure and noun."""
    results = []
    for sentence in sentences(text):
        for figure in figures(sentence):
            following = re.compile(r"[\s\u00a0]*[%€$₽]?[\s\u00a0]*([^\W\d_]{3,})?").match(sentence, figure.end)
            noun = normal(following[1] or "") if following else ""
            if figure.kind == "percent":
                unit, end = "%", following.start(1) if following and noun else figure.end
            elif figure.kind == "number" and following and noun and noun not in _STOP:
                unit, end = stem(noun), following.end()
            else:
                continue
            context = stem_set(" ".join([*sentence[: figure.start].split()[-8:], *sentence[end:].split()[:8]]))
            shown = sentence[figure.start : end].strip()
            results.append((Figure(shown, figure.start, end, figure.readings), unit, context - {unit}))
    return results


def _near(first: Figure, second: Figure) -> bool:
    low, high = sorted(min(v for _, v in each.readings if isinstance(v, Decimal)) for each in (first, second))
    return 0 < low < high <= 3 * low
