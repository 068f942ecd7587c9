"""Words of a text: how it is cut into tokens, which of them say nothing, and their stems.

Used by the features (lexical.py) and by the labels (label.py). No weights and no frames here.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

NUMBER_OR_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_CYRILLIC = re.compile("[а-яіїєґў]")

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
    lowered = text.lower().replace("ё", "е")
    return [
        word for word in NUMBER_OR_WORD.findall(lowered) if word not in STOP_WORDS and (len(word) > 1 or word.isdigit())
    ]


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """The word's stem: Russian (Snowball) where it holds a Cyrillic letter, else English."""
    russian, english = _stemmers()
    stemmer = russian if _CYRILLIC.search(word) else english
    return str(stemmer.stemWord(word))


@cache
def _stemmers() -> tuple[Any, Any]:
    import snowballstemmer

    return snowballstemmer.stemmer("russian"), snowballstemmer.stemmer("english")
