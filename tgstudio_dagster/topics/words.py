"""Words of a text: how it is cut into tokens, which of them say nothing, and their stems.

Scripts that set no spaces (core/letters.py) are cut into runs of three syllables that overlap, Chinese and Japanese into
signs and pairs of them. Used by the features (lexical.py) and by the labels (label.py). No weights and no frames here.
"""

from __future__ import annotations

import itertools
import re
from functools import cache, lru_cache
from typing import Any

from tgstudio_dagster.core.letters import (
    HAN_AND_KANA,
    LETTERS,
    SPACED_LETTERS,
    SYLLABLE,
    UNSPACED,
    is_simple,
    one_spelling,
    syllables,
)
from tgstudio_dagster.topics.nouns import noun_stem

_NUMBER = r"\d+(?:[.,]\d+)*"
_SIMPLE = re.compile(rf"{_NUMBER}|[^\W\d_]+(?:[-'’][^\W\d_]+)*")
NUMBER_OR_WORD = re.compile(rf"{_NUMBER}|{LETTERS}(?:[-'’]{LETTERS})*")
_WITH_RUNS = re.compile(rf"{_NUMBER}|{SPACED_LETTERS}(?:[-'’]{SPACED_LETTERS})*|(?P<run>(?:{SYLLABLE})+)")
_UNSPACED = re.compile(f"[{UNSPACED}]")
HAN = re.compile(f"[{HAN_AND_KANA}]")
_CYRILLIC = re.compile("[а-яіїєґў]")
_SYLLABLES_OF_A_WORD = 2  # about so many

STOP_WORDS = frozenset(
    """и в во не что он на я с со как а то все она так его но да ты к у же вы за бы по только ее мне было вот от меня
    еще нет о об из ему теперь когда даже ну вдруг ли если уже или ни быть был него до вас нибудь опять уж вам ведь
    там потом себя ничего ей может они тут где есть надо ней для мы тебя их чем была сам чтоб без будто чего раз
    тоже себе под будет ж тогда кто этот того потому этого какой совсем ним здесь этом один почти мой тем чтобы нее
    сейчас были куда зачем всех никогда можно при наконец два другой хоть после над больше тот через эти нас про
    всего них какая много разве три эту моя впрочем хорошо свою этой перед иногда лучше чуть том нельзя такой им
    более всегда конечно всю между это также который которые которая которое которого которых которой которому
    котором которым которыми которую будут свой своего своей своих своим своими своем эта этим этими этих такие пока
    около из-за очень просто лишь либо нам наш наша наши ваш ваша ваши год года лет году
    the a an and or of to in on for with at by from as is are was were be been being it its it's this that these
    those he she they his her hers their theirs him them we our ours us you your i me my not no nor but if then than
    so has have had having will would can could should may might must do does did doing done said says say just also
    about after before over under into out up down off again more most some such only own same too very there here
    when where which who whom what why how all any both each few other while because until during between against
    through""".split()
)


def tokens(text: str) -> list[str]:
    """Words and numbers of the text in lower case, ё as е, without stop words and single letters, in order."""
    return _telling(_cut(one_spelling(text).lower().replace("ё", "е")))


def tokens_and_lead(text: str, lead: int) -> tuple[list[str], int]:
    """The `tokens` of a text, and how many of them stand in its first `lead` characters.

    The text is in one spelling and in lower case, as `lexical.spelled` gives it.
    """
    if is_simple(text):
        return _telling(_SIMPLE.findall(text)), len(_telling(_SIMPLE.findall(text, 0, lead)))
    return _telling(_cut(text)), len(_telling(_cut(text[:lead])))


def _telling(words: list[str]) -> list[str]:
    return [
        word
        for word in words
        if word not in STOP_WORDS and (len(word) > 1 or word.isdigit() or HAN.match(word) is not None)
    ]


def words_in(text: str) -> int:
    """How many words and numbers the text has; of scripts without spaces about how many."""
    count = 0
    for match in _WITH_RUNS.finditer(text):
        count += 1 if match["run"] is None else -(-len(syllables(match["run"])) // _SYLLABLES_OF_A_WORD)
    return count


def is_piece(word: str) -> bool:
    """Whether a word is of a script that sets no spaces: of `tokens` a piece of a run."""
    return _UNSPACED.match(word) is not None


def runs(text: str) -> list[str]:
    """The runs of letters of scripts without spaces."""
    return [match["run"] for match in _WITH_RUNS.finditer(text) if match["run"]] if not is_simple(text) else []


def _cut(lowered: str) -> list[str]:
    if is_simple(lowered):
        return _SIMPLE.findall(lowered)
    words: list[str] = []
    for match in _WITH_RUNS.finditer(lowered):
        words.extend([match.group()] if match["run"] is None else _pieces(match["run"]))
    return words


def _pieces(run: str) -> list[str]:
    """Chinese and Japanese signs, each and in pairs; of other scripts three syllables in a row."""
    parts = syllables(run)
    if HAN.match(run):
        return parts + ["".join(pair) for pair in itertools.pairwise(parts)]
    return ["".join(parts[start : start + 3]) for start in range(max(1, len(parts) - 2))]


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """The word's stem: Russian where it holds a Cyrillic letter (nouns.py, else Snowball), else English (Snowball)."""
    russian, english = _stemmers()
    if not _CYRILLIC.search(word):
        return str(english.stemWord(word))
    return noun_stem(word) or str(russian.stemWord(word))


@cache
def _stemmers() -> tuple[Any, Any]:
    import snowballstemmer

    return snowballstemmer.stemmer("russian"), snowballstemmer.stemmer("english")
