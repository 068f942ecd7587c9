"""What a topic is called: its representative post, title, keywords and language. No clustering here."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import islice
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tgstudio_dagster.topics.words import NUMBER_OR_WORD, STOP_WORDS, stem, tokens

TITLE_LENGTH = 90
KEYWORDS = 10
FEW_KEYWORDS = 5
_LETTERS_OF_A_KEYWORD = 3
_WORDS_OF_A_HEADLINE = 4

_HASHTAG = re.compile(r"#\w+")
# Initials and these are no ends of sentences: "ул. Ленина", "4 млн. рублей", "А. Рощин", "Mr. Smith".
_NO_END = re.compile(
    r"\b(?:[^\W\d_]|г|гг|ул|им|тыс|млн|млрд|руб|стр|см|т\.?\s?д|т\.?\s?п|mr|mrs|ms|dr|st|jr|sr|inc|vs|no)\.$", re.I
)
_END = re.compile(r"[.!?…]+[»”\"')]*(?=\s)")


def label(members: pl.DataFrame, idf: NDArray[np.float32]) -> pl.DataFrame:
    """One row per topic: topic, title, keywords, lang, channel_id and msg_id of the representative post.

    `members`: the posts of topics with topic, key columns, date, lang, forwarded_from, duplicate_of, similarity, clean.
    `idf`: weight of each feature of lexical.py in the window, 0 for those too common to say anything.
    """
    rows: list[dict[str, Any]] = []
    columns = ["topic", "channel_id", "msg_id", "lang", "forwarded_from", "duplicate_of", "similarity", "clean"]
    ordered = members.select(*columns, "date").sort("topic", "date", "channel_id", "msg_id")
    for (topic,), group in ordered.group_by("topic", maintain_order=True):
        posts = group.to_dicts()
        lang = _most_common([post["lang"] for post in posts])
        chosen = _representative(posts, lang)
        rows.append(
            {
                "topic": topic,
                "title": title(chosen["clean"]),
                "keywords": _keywords(posts, lang, idf),
                "lang": lang,
                "channel_id": chosen["channel_id"],
                "msg_id": chosen["msg_id"],
            }
        )
    schema = pl.Schema(
        {
            "topic": members.schema["topic"],
            "title": pl.String(),
            "keywords": pl.List(pl.String),
            "lang": pl.String(),
            "channel_id": pl.Int64(),
            "msg_id": pl.Int64(),
        }
    )
    return pl.DataFrame(rows, schema=schema)


def title(text: str) -> str:
    """The first sentence of a cleaned text without hashtags, at most 90 characters, cut between words with `…`."""
    without = [line for line in (_trim(_HASHTAG.sub(" ", line)) for line in text.split("\n")) if line]
    # A post of hashtags alone still needs a name.
    lines = without or [_trim(text.replace("#", " "))]
    telling = next((line for line in lines if len(NUMBER_OR_WORD.findall(line)) >= _WORDS_OF_A_HEADLINE), lines[0])
    return _cut(_first_sentence(telling)) or _cut(text.strip())


def _representative(posts: list[dict[str, Any]], lang: str) -> dict[str, Any]:
    """The most central post; own posts in the topic's language with a first sentence like a headline come first."""

    def worth(post: dict[str, Any]) -> tuple[bool, bool, bool, bool, float]:
        own = post["forwarded_from"] is None
        return (
            post["lang"] == lang,
            own,
            _is_headline(title(post["clean"])),
            post["duplicate_of"] is None,
            post["similarity"],
        )

    return max(posts, key=worth)  # of equals the earliest: max keeps the first


def _is_headline(sentence: str) -> bool:
    words = NUMBER_OR_WORD.findall(sentence)
    letters = sum(len(word) for word in words)
    return len(words) >= _WORDS_OF_A_HEADLINE and letters >= 0.6 * len(sentence) and not sentence.endswith("?")


def _keywords(posts: list[dict[str, Any]], lang: str, idf: NDArray[np.float32]) -> list[str]:
    """Words by the share of the topic's posts that hold them times their IDF, as they are most often written there."""
    own = [post["clean"] for post in posts if post["lang"] == lang]
    found = _telling_words(own, idf)
    if len(found) < FEW_KEYWORDS:
        found = _telling_words([post["clean"] for post in posts], idf)
    return found


def _telling_words(texts: list[str], idf: NDArray[np.float32]) -> list[str]:
    from tgstudio_dagster.topics.lexical import stem_number

    holding: Counter[str] = Counter()
    forms: dict[str, Counter[str]] = defaultdict(Counter)
    for text in dict.fromkeys(texts):
        words = [word for word in tokens(text) if len(word) >= _LETTERS_OF_A_KEYWORD and not word[0].isdigit()]
        for word in words:
            forms[stem(word)][word] += 1
        holding.update({stem(word) for word in words})
    weight = {root: count * float(idf[stem_number(root)]) for root, count in holding.items()}
    ranked = sorted((root for root in weight if weight[root] > 0), key=lambda root: (-weight[root], root))
    written = (_most_common(list(forms[root].elements())) for root in ranked)
    return list(islice((word for word in written if word not in STOP_WORDS), KEYWORDS))


def _most_common(values: list[str]) -> str:
    """The value that comes most often; of equals the first in alphabetical order."""
    counts = Counter(values)
    return min(counts, key=lambda value: (-counts[value], value))


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
    words = head.rsplit(" ", 1)[0] if " " in head else head[:-1]
    return words.rstrip("-–—•·|>:;,.!?…/\\ ") + "…"
