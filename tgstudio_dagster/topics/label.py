"""What a topic is called: its representative post, title, keywords and languages; and its timeline. No clustering here.

The title is a sentence of a member, never a call to subscribe and never numbers, links or signs alone. Keywords are the
words that many of the topic's texts hold and few other topics do (class-based TF-IDF, as in BERTopic: the share of the
texts that hold it * ln(1 + topics / topics that hold it)), times the word's IDF in the window, at least 1.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tgstudio_dagster.core.letters import HASHTAG_LETTER, MARKS, cut_at
from tgstudio_dagster.topics.shared_runs import shared_runs
from tgstudio_dagster.topics.words import NUMBER_OR_WORD, STOP_WORDS, is_piece, stem, tokens, words_in

TITLE_LENGTH = 90
KEYWORDS = 10
FEW_KEYWORDS = 5
WEAK_KEYWORD = 0.25  # of the strongest one's weight: weaker ones only fill up to five
TEXTS_READ = 40  # of a topic, the most central ones: more change no keyword and take time
TEXTS_FOR_A_MODEL = 8
_LETTERS_OF_A_KEYWORD = range(3, 31)  # what is longer is no word
_WORDS_OF_A_HEADLINE = 4
_WORDS_OF_A_CALL = 12

_HASHTAG = re.compile(rf"#{HASHTAG_LETTER}+")
_WORD = re.compile(rf"[^\W\d_][{MARKS}]*[^\W\d_]")
# Initials and these are no ends of sentences: "ул. Ленина", "4 млн. рублей", "А. Рощин", "Mr. Smith".
_NO_END = re.compile(
    r"\b(?:[^\W\d_]|г|гг|ул|им|тыс|млн|млрд|руб|стр|см|т\.?\s?д|т\.?\s?п|mr|mrs|ms|dr|st|jr|sr|inc|vs|no)\.$", re.I
)
_END = re.compile(r"[.!?…]+[»”\"')]*(?=\s)|[。！？]+[」』”]*|[।॥။។៕؟]+(?=\s)")
# A call to the reader, as it begins: footers that were not learnt yet, adverts, pointers to elsewhere.
_CALL = re.compile(
    r"""^\W*(?:
        (?:подпис(?:ывай(?:те|ся|тесь)|аться|ывайся)|подпишис[ья]|подпишитесь|підпис(?:атися|уйтесь|уйся)|присоединя\w+|
           вступай\w*|жми(?:те)?|перейд\w+|переходи\w*|голосуй\w*\s+за|буст\w*|прислать|присылай\w*|пришли(?:те)?|
           поделись|поделитесь|ставь(?:те)?\s+(?:лайк|реакц)\w*|читай(?:те)?|читать|чита(?:ть)?\s+далее|смотрите\s+также|
           подробн(?:ее|ости)\s*(?:$|[:—–-]|(?:в|на|по|тут|здесь|читайте)\b)|больше\s+новостей|(?:наш|все\s+наши)\s+каналы?|
           мы\s+в\s+\w+\s*$|мы\s+в\s+(?:соцсетях|max|вк|дзене|whatsapp)|обратная\s+связь|предложить\s+новость|на\s+правах\s+рекламы|
           реклама\s*[.:|]|реклама\s*$)|
        (?:subscribe|sign\s+up|follow\s+(?:us|our|me|@)|join\s+(?:us|our|the\s+(?:channel|chat))|read\s+(?:more|also|the\s+full)|
           more\s+(?:details|info|news)\s+(?:at|on|in|here)|click\s+(?:here|the\s+link)|share\s+this|link\s+in\s+bio|our\s+channel|
           sponsored|advertisement|advertorial|promo\s*[:|])
    )""",
    re.I | re.X,
)
_AD_MARK = re.compile(r"\berid\b|\bинн\s*\d{10}", re.I)


@dataclass(frozen=True)
class TopicTexts:
    """What a model is told of a topic: its language, its most central texts, and the label made without it."""

    lang: str
    texts: tuple[str, ...]
    title: str
    keywords: tuple[str, ...]


@dataclass(frozen=True)
class TopicNames:
    """What a model answers; an empty title or no keywords leave the label as it was made without it."""

    title: str = ""
    keywords: tuple[str, ...] = ()


Namer = Callable[[Sequence[TopicTexts]], Sequence[TopicNames]]
"""Names topics, as many and in the order it is handed; the caller answers for its cost and its cache."""


def label(members: pl.DataFrame, idf: NDArray[np.float32], namer: Namer | None = None) -> pl.DataFrame:
    """One row per topic: topic, title, keywords, lang, langs, channel_id and msg_id of the representative post.

    `members`: the posts of topics with topic, key columns, date, lang, forwarded_from, duplicate_of, similarity, clean.
    `idf`: weight of each feature of lexical.py in the window, 0 for those too common to tell posts apart.
    `namer`: a model's titles and keywords, where one is configured. Its title is made one line, cut like any other, and
    taken only if it holds a word and is no call to the reader; its keywords come before the others.
    """
    columns = ["topic", "channel_id", "msg_id", "lang", "forwarded_from", "duplicate_of", "similarity", "clean"]
    ordered = members.select(*columns, "date").sort("topic", "date", "channel_id", "msg_id")
    # One conversion of all rows: one for each topic would take longer than all else here.
    read = [(topic, _read(list(posts))) for topic, posts in groupby(ordered.to_dicts(), itemgetter("topic"))]
    telling = _telling(Counter(root for _, topic in read for root in topic.holding), len(read), idf)
    read_topics = []
    for _, topic in read:
        keywords = _keywords(topic, telling)
        title_, post = _title_and_post(topic, keywords)
        read_topics.append(TopicTexts(topic.lang, topic.texts[:TEXTS_FOR_A_MODEL], title_, tuple(keywords)))
        topic.representative = post
    named = namer(read_topics) if namer is not None and read_topics else [TopicNames()] * len(read_topics)
    rows = [
        {
            "topic": number,
            **_with_name(texts, name),
            "lang": topic.lang,
            "langs": topic.langs,
            "channel_id": topic.representative["channel_id"],
            "msg_id": topic.representative["msg_id"],
        }
        for (number, topic), texts, name in zip(read, read_topics, named, strict=True)
    ]
    schema = pl.Schema(
        {
            "topic": members.schema["topic"],
            "title": pl.String(),
            "keywords": pl.List(pl.String),
            "lang": pl.String(),
            "langs": pl.List(pl.String),
            "channel_id": pl.Int64(),
            "msg_id": pl.Int64(),
        }
    )
    return pl.DataFrame(rows, schema=schema)


def title(text: str) -> str:
    """The first telling sentence of a cleaned text without hashtags, at most 90 characters, cut between words with `…`.

    Lines that call the reader to do something, or hold no word, are passed over where there is another.
    """
    return headline(text) or _cut(_trim(text.replace("#", " "))) or _cut(text.strip())


def headline(text: str) -> str:
    """As `title`, but empty where the text says nothing: calls, numbers, signs."""
    # A post of hashtags alone still needs a name.
    for tagged in (text, text.replace("#", " ")):
        lines = [line for line in (_trim(_HASHTAG.sub(" ", line)) for line in tagged.split("\n")) if _says(line)]
        if lines:
            first_line = next((line for line in lines if words_in(line) >= _WORDS_OF_A_HEADLINE), lines[0])
            return _cut(_first_sentence(first_line))
    return ""


def timeline(
    topic_messages: pl.DataFrame, every: Literal["1h", "1d"] = "1h", unit: Literal["topic_id", "story_id"] = "topic_id"
) -> pl.DataFrame:
    """Posts of each topic (or story, where the frame has that column) by channel and hour or day (UTC), without gaps'
    rows: `unit`, channel_id, at, posts; by unit, at and channel."""
    return (
        topic_messages.group_by(unit, "channel_id", at=pl.col("date").dt.truncate(every))
        .agg(posts=pl.len().cast(pl.Int32))
        .sort(unit, "at", "channel_id")
        .select(unit, "channel_id", "at", "posts")
    )


@dataclass
class _Topic:
    posts: list[dict[str, Any]]
    lang: str
    langs: list[str]
    texts: tuple[str, ...]  # distinct, in the topic's language, the most central first
    holding: Counter[str]  # stem: how many of the texts hold it
    words: Counter[str]  # words as written, in all of the texts
    representative: dict[str, Any]


def _read(posts: list[dict[str, Any]]) -> _Topic:
    counts = Counter(post["lang"] for post in posts)
    langs = sorted(counts, key=lambda lang: (lang == "und", -counts[lang], lang))
    lang = langs[0]
    central = sorted(posts, key=lambda post: -post["similarity"])
    texts = _distinct(post["clean"] for post in central if post["lang"] == lang)
    holding, words = _words(texts)
    if len(holding) < FEW_KEYWORDS:
        holding, words = _words(_distinct(post["clean"] for post in central))
    return _Topic(posts, lang, langs, texts, holding, words, posts[0])


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))[:TEXTS_READ]


def _words(texts: Sequence[str]) -> tuple[Counter[str], Counter[str]]:
    holding: Counter[str] = Counter()
    written: Counter[str] = Counter()
    prose_of: list[str] = []
    for text in texts:
        prose = "\n".join(line for line in text.split("\n") if not is_call(line))
        prose_of.append(prose)
        words = [
            word
            for word in tokens(prose)
            if len(word) in _LETTERS_OF_A_KEYWORD and not word[0].isdigit() and not is_piece(word)
        ]
        written.update(words)
        holding.update({stem(word) for word in words})
    runs = shared_runs(prose_of)
    written.update(runs)
    holding.update(runs)
    return holding, written


def _telling(in_topics: Counter[str], topics: int, idf: NDArray[np.float32]) -> dict[str, float]:
    """What one text that holds the stem says for it as a keyword."""
    from tgstudio_dagster.topics.lexical import stem_number

    roots = list(in_topics)
    weight = np.log1p(topics / np.fromiter(in_topics.values(), np.float64, len(roots)))
    of_window = np.maximum(idf[[stem_number(root) for root in roots]].astype(np.float64), 1.0)
    return dict(zip(roots, (weight * of_window).tolist(), strict=True))


def _keywords(topic: _Topic, telling: dict[str, float]) -> list[str]:
    """The telling words as they are most often written, the strongest first; weak ones only up to five."""
    weight = {root: count * telling[root] for root, count in topic.holding.items()}
    ranked = sorted(weight, key=lambda root: (-weight[root], -len(root) if is_piece(root) else 0, root))
    least = WEAK_KEYWORD * max(weight.values(), default=0.0)
    forms = _most_written(topic.words, set(ranked[: 2 * KEYWORDS]))
    chosen: list[str] = []
    for root in ranked[: 2 * KEYWORDS]:
        if len(chosen) >= KEYWORDS or (len(chosen) >= FEW_KEYWORDS and weight[root] < least):
            break
        if forms[root] not in STOP_WORDS and not (is_piece(root) and _overlaps(root, chosen)):
            chosen.append(forms[root])
    return chosen


def _overlaps(run: str, chosen: Sequence[str]) -> bool:
    """Whether a run of a script without spaces holds, or stands in, one that was chosen."""
    return any(run in other or other in run for other in chosen)


def _title_and_post(topic: _Topic, keywords: list[str]) -> tuple[str, dict[str, Any]]:
    """The most telling post's headline. Own posts in the topic's language with a sentence like a headline come first."""
    headlines = [headline(post["clean"]) for post in topic.posts]

    def worth(n: int) -> tuple[bool, bool, bool, bool, bool, float]:
        post = topic.posts[n]
        return (
            bool(headlines[n]),
            post["lang"] == topic.lang,
            post["forwarded_from"] is None,
            _is_headline(headlines[n]),
            post["duplicate_of"] is None,
            post["similarity"],
        )

    best = max(range(len(topic.posts)), key=worth)  # of equals the earliest: max keeps the first
    if headlines[best]:
        return headlines[best], topic.posts[best]
    if keywords:
        return _cut(", ".join(keywords)), topic.posts[best]
    count = len(topic.posts)
    return (f"Без слов: {count}" if topic.lang == "ru" else f"Without words: {count}"), topic.posts[best]


def _with_name(topic: TopicTexts, name: TopicNames) -> dict[str, Any]:
    named = _cut(_trim(" ".join(name.title.split())))
    keywords = [" ".join(word.split()) for word in (*name.keywords, *topic.keywords)]
    distinct: dict[str, str] = {}
    for word in keywords:
        if _WORD.search(word):
            distinct.setdefault(word.casefold(), word)
    return {"title": named if _says(named) else topic.title, "keywords": list(distinct.values())[:KEYWORDS]}


def _is_headline(sentence: str) -> bool:
    letters = sum(len(word) for word in NUMBER_OR_WORD.findall(sentence))
    return words_in(sentence) >= _WORDS_OF_A_HEADLINE and letters >= 0.6 * len(sentence) and not sentence.endswith("?")


def _says(line: str) -> bool:
    return _WORD.search(line) is not None and not is_call(line)


@lru_cache(maxsize=50_000)  # each line is asked of for the words and for the title
def is_call(line: str) -> bool:
    """Whether a line calls the reader to do something: to subscribe, to read on elsewhere; or is an advert."""
    short = line.count(" ") < _WORDS_OF_A_CALL
    return _AD_MARK.search(line) is not None or (short and _CALL.match(line) is not None)


def _most_written(words: Counter[str], roots: set[str]) -> dict[str, str]:
    """Of each of the stems the commonest form; of equals the shortest (most often the nominative), then by letters."""
    best: dict[str, tuple[int, int, str]] = {}
    for word, count in words.items():
        root = stem(word)
        if root in roots:
            rank = (-count, len(word), word)
            best[root] = min(best.get(root, rank), rank)
    return {root: rank[2] for root, rank in best.items()}


def _first_sentence(line: str) -> str:
    for end in _END.finditer(line):
        if not _NO_END.search(line[: end.start() + 1]):
            return line[: end.end()]
    return line


def _trim(line: str) -> str:
    """Without white space and loose signs before the first and after the last word."""
    return re.sub(r"\s+", " ", line).strip().lstrip("-–—•·|>:;,.!?…/\\ ").rstrip("-–—•·|>:;,/\\ ")


def _cut(sentence: str) -> str:
    sentence = sentence.strip()
    if sentence.endswith(".") and not sentence.endswith(".."):
        sentence = sentence[:-1]
    if len(sentence) <= TITLE_LENGTH:
        return sentence
    head = sentence[:TITLE_LENGTH]
    # A line without spaces in its second half is of a script that sets none.
    words = head.rsplit(" ", 1)[0] if " " in head[TITLE_LENGTH // 2 :] else cut_at(sentence, TITLE_LENGTH - 1)
    return words.rstrip("-–—•·|>:;,.!?…/\\ ") + "…"
