"""Russian nouns that endings alone don't tell: stems of those in a vowel and й or я, and the nominative of any.

Snowball tears the forms of музей, Китай, герой, идея, стая apart: their endings look like those of adjectives and verbs,
"музей" would lose "ей", "музеем" only "ем". Which words are such nouns a dictionary knows (pymorphy3's, of OpenCorpora);
it is asked of words with such an ending only, as it takes five times as long as the stemmer.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

_WITH_SOFT_SIGN = (
    "воробь",
    "муравь",
    "соловь",
    "ручь",
    "уль",
    "репь",
    "чирь",
    "жеребь",
)  # that lose the е of their -ей
_ENDINGS = ("й", "я", "ю", "ем", "е", "и", "ев", "ям", "ями", "ях", "ей", "ею")
_MAYBE = tuple(before + ending for before in (*"аеоуэюя", *_WITH_SOFT_SIGN) for ending in _ENDINGS)
# Endings of adjectives, participles and verbs after letters that no such noun has before them: most of the words.
_OTHERS = re.compile(
    r"(?:ск|[аеиоуыя]нн|[нлт]ьн|(?<!ко)щ|(?<!ли|на)ц|вш|ист|[чт]н|льн|[аеиоя]ем)(?:ая|ой|ою|ое|ее|ей|ею|яя)$"
    r"|(?:.{4}н|[оеи]в)(?:ая|ой|ою|ое|яя)$|(?:ова|ева|ива|ыва|аю|яю)(?:ем|я|ю)$|.{4}(?<!поцел)(?<!стат)ую$"
)
_NAMES = frozenset({"Name", "Surn", "Patr"})  # "улей" is no Ulya, "сергеев" belongs to Sergei
_NAMING = ("NOUN", "ADJF")
_RUSSIAN = re.compile("[а-яё]+")
_KIND = re.compile(r"[аеоуэюя][йя]$")


def noun_stem(word: str) -> str | None:
    """The stem of a noun of this kind in any of its forms (its base and й); None for any other word.

    `word`: in lower case, ё as е.
    """
    if not word.endswith(_MAYBE) or _OTHERS.search(word):
        return None
    dictionary, alike = _analyzer().dictionary, _analyzer().char_substitutes
    kinds, others = set(), False
    for known, readings in dictionary.words.similar_items(word, alike):
        for paradigm, place in readings:
            tag = dictionary.build_tag_info(paradigm, place)
            if "NOUN" not in tag:
                continue
            nominative = dictionary.build_normal_form(paradigm, place, known)
            if _KIND.search(nominative) and _of_kind(paradigm):
                kinds.add(_base(nominative))
            else:
                others |= not tag.grammemes & _NAMES
    if len(kinds) > 1 or (kinds and others and word.endswith("ей")):  # "мышей": of мышь, and of мышея
        likely = next((reading for reading in _analyzer().parse(word) if "NOUN" in reading.tag), None)
        base = "" if likely is None else _base(likely.normal_form)
        return base if base in kinds else None if others else min(kinds)
    return next(iter(kinds), None)


def nominative(word: str) -> str | None:
    """A Russian noun or adjective in the nominative, its number and gender kept: "музеев" gives "музеи".

    `word`: in lower case. What is of another language, or no word that is declined, comes back as it is; None for a verb
    and the like, which names nothing.
    """
    if not _RUSSIAN.fullmatch(word):
        return word
    readings = _analyzer().parse(word)
    reading = next((each for each in readings if each.tag.POS in _NAMING), readings[0])
    if reading.tag.POS not in _NAMING:
        return None
    if any(each.tag.POS in _NAMING and each.tag.case == "nomn" for each in readings if each.score >= reading.score / 3):
        return word
    form = reading.inflect({"nomn"})
    return word if form is None else _as_written(str(form.word), word)


def _as_written(form: str, word: str) -> str:
    """The form with ё only where the word has one too."""
    return form if "ё" in word else form.replace("ё", "е")


def _base(nominative: str) -> str:
    return f"{nominative[:-1].replace('ё', 'е')}й"


@cache
def _of_kind(paradigm: int) -> bool:
    """Whether words of the dictionary's paradigm are declined as nouns: "музея", "стаи", not "выходного", "столовой"."""
    for _, tag, ending in _analyzer().dictionary.build_paradigm_info(paradigm):
        if "gent" in tag:
            return str(ending).endswith(("я", "и", "ев"))
    return False


@cache
def _analyzer() -> Any:
    import pymorphy3

    return pymorphy3.MorphAnalyzer()
