"""Texts of invented events in two languages: chains of the sample's words, with names and rare words of their own."""

from __future__ import annotations

import importlib.util
import itertools
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

_SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n+")
_CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)
_LONG = re.compile(r"[^\W\d_]{6,}")
_SYLLABLES = {
    "ru": "ба ве гор да жи зан ка ле ми но пар ро сев та ур фи хол цо чер ша эль юр ян бро гра дон кли мос нер пло".split(),
    "en": "ba ver gor dan ji kal le mo nor par ros sev tam ur fin hol zor cher shan el yor bro gra don kli mos ner plo".split(),
}
_RARE = 0.18
"""Share of the long words that stand for one of many rare ones: a vocabulary that grows with the posts."""
_RARE_WORDS = 30_000


class Language:
    """The words of one language, and which follow which."""

    def __init__(self, name: str, texts: list[str]) -> None:
        self.name = name
        self._starts: list[str] = []
        self._next: dict[str, list[str]] = {}
        for sentence in (part for text in texts for part in _SENTENCE.split(text)):
            words = sentence.split()
            if len(words) >= 4:
                self._starts.append(words[0])
                for word, following in itertools.pairwise(words):
                    self._next.setdefault(word, []).append(following)

    def sentence(self, rng: random.Random) -> list[str]:
        """A chain of 7 to 20 words."""
        length = rng.randint(7, 20)
        words = [rng.choice(self._starts)]
        while len(words) < length:
            following = self._next.get(words[-1])
            words.append(rng.choice(following) if following else rng.choice(self._starts).lower())
        return [self._rare(word, rng) for word in words]

    def name_of(self, rng: random.Random) -> str:
        """An invented name."""
        return "".join(rng.choices(_SYLLABLES[self.name], k=rng.randint(2, 4))).capitalize()

    def _rare(self, word: str, rng: random.Random) -> str:
        if not _LONG.fullmatch(word) or rng.random() >= _RARE:
            return word
        # Few of them often, most of them seldom, as words are.
        own = random.Random(f"{self.name} {int(_RARE_WORDS ** rng.random())}")
        return "".join(own.choices(_SYLLABLES[self.name], k=own.randint(2, 4))) + word[-2:]


class Event:
    """Something that happened: six to nine sentences with its own names and figures, of which each post tells some."""

    def __init__(self, language: Language, rng: random.Random) -> None:
        names = [language.name_of(rng) for _ in range(3)]
        self._sentences = []
        for _ in range(rng.randint(6, 9)):
            words = language.sentence(rng)
            for name in rng.sample(names, 2):
                words.insert(rng.randrange(1, len(words)), name)
            if rng.random() < 0.4:
                words.insert(rng.randrange(1, len(words)), str(rng.randrange(3, 9000)))
            self._sentences.append(" ".join(words).rstrip(".,:;—") + ".")

    def post(self, rng: random.Random) -> str:
        """Three to five of the sentences, the first of them first, in two paragraphs."""
        chosen = [self._sentences[0], *rng.sample(self._sentences[1:], rng.randint(2, 4))]
        return f"{chosen[0]}\n\n{' '.join(chosen[1:])}"


def languages() -> tuple[Language, Language]:
    """Russian and English, of the words of the sample that the package ships."""
    spec = importlib.util.find_spec("tgstudio_dagster")
    assert spec is not None and spec.origin is not None
    files = sorted(Path(spec.origin).parent.rglob("s*_??*.yaml"))
    texts = [text for path in files for text in _texts(yaml.safe_load(path.read_text(encoding="utf-8")))]
    russian = [text for text in texts if _CYRILLIC.search(text)]
    return Language("ru", russian), Language("en", [text for text in texts if not _CYRILLIC.search(text)])


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str) and len(value) > 60 and "{" not in value:
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)
