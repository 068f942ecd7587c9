"""Claims checked against the posts they cite: figures, names, dates and quotations that no cited post holds.

No model judges another here: a claim is supported when its figures, names and quotations stand in the posts it cites.
That is a floor, not a proof: a sentence may recombine supported words into something no post says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from tgstudio_dagster.ai.figures import Figure, Reading, figures
from tgstudio_dagster.ai.offline.quotes import stem
from tgstudio_dagster.ai.protocols import MessageKey, Sentence, SourceMessage
from tgstudio_dagster.ai.text import INVISIBLE, WORD, holds_run, normal, quotations, words

MIN_QUOTE = 4  # words from which a quotation must stand in a cited post; shorter ones may be names or terms
_COUNTED = ("канал", "пост", "сообщени", "источник", "channel", "post", "message", "source")
_KNOWN = frozenset({"utc", "telegram", "i"})
_OPENING_WORDS = (
    "а без большинство было быть в ведь во вот впрочем все всего вчера где даже два две для до его ее если есть еще за "
    "затем здесь и из или им их к каждый как каналы ко когда который которые кроме ли между многие мы на накануне над не "
    "некоторые несколько нет но ну о об об оба обе однако он она они оно от пер перед по под поздно позже пока после "
    "потом поэтому при примерно причем про раз ранее с сегодня сейчас со согласно также так такие такой там теперь "
    "тогда только тот три ту у уже часть чем через что чтобы эта эти это этот дайджест цитаты других чужой чужие текст "
    "первым пишет пишут сообщает сообщают слова "
    "a about according after all also although among an and another any are as at because been before between both but by "
    "channels could during each earlier either even every few for from had has have he her here his how however i if in is it "
    "its just later many may meanwhile more most much near neither new no nor not now of off on once one only or other our "
    "over per quotations several she since so some still such than that the their then there these they this those though "
    "three through to today tomorrow two under until up was we were what when where whether which while who why will with "
    "within without would yesterday yet you digest posts four five six seven eight nine ten"
)
_OPENERS = frozenset(_OPENING_WORDS.split())
_MONTHS = {
    1: "январь january", 2: "февраль february", 3: "март march", 4: "апрель april", 5: "май may", 6: "июнь june",
    7: "июль july", 8: "август august", 9: "сентябрь september", 10: "октябрь october", 11: "ноябрь november",
    12: "декабрь december",
}  # fmt: skip
_WEEKDAYS = (
    "понедельник monday", "вторник tuesday", "среда wednesday", "четверг thursday", "пятница friday",
    "суббота saturday", "воскресенье sunday",
)  # fmt: skip
_LANGUAGES = {"ru": "русский russian", "en": "английский english", "uk": "украинский ukrainian"}


class Evidence:
    """All that a set of cited posts holds: their words, figures, dates of posting, channel names and counts."""

    def __init__(self, messages: Sequence[SourceMessage]) -> None:
        self._messages = messages

    @cached_property
    def _texts(self) -> list[list[str]]:
        return [words(message.text) for message in self._messages]

    @cached_property
    def _vocabulary(self) -> frozenset[str]:
        around = " ".join(
            f"{' '.join(_called(m))} {_LANGUAGES.get(m.lang, '')} {_MONTHS[m.date.month]} {_WEEKDAYS[m.date.weekday()]}"
            for m in self._messages
        )
        return frozenset(word for text in [*self._texts, words(around)] for word in [*text, *_parts(text)]) | _KNOWN

    @cached_property
    def _stems(self) -> frozenset[str]:
        return frozenset(stem(word) for word in self._vocabulary)

    @cached_property
    def _readings(self) -> frozenset[Reading]:
        dated = (f"{m.date:%Y-%m-%d}, {m.date:%H:%M}" for m in self._messages)
        called = (name for m in self._messages for name in _called(m))
        texts = [*(message.text for message in self._messages), *dated, *called]
        return frozenset(reading for text in texts for figure in figures(text) for reading in figure.readings)

    def holds_figure(self, figure: Figure, following: str) -> bool:
        """Whether a post holds the figure, or it rightly counts the cited posts or channels themselves."""
        if figure.readings & self._readings:
            return True
        if normal(following).startswith(_COUNTED):
            counts = {len(self._messages), len({message.channel_id for message in self._messages})}
            return any(kind == "number" and value in counts for kind, value in figure.readings)
        return False

    def holds_name(self, name: str) -> bool:
        """Whether a post, or a channel's name, holds the word, in any case and inflection."""
        word = normal(name)
        if word in self._vocabulary or stem(word) in self._stems:
            return True
        return len(word) >= 5 and any(_inflected(word, other) for other in self._vocabulary)

    def holds_quotation(self, quotation: str) -> bool:
        """Whether one post, or a channel's name, holds the quotation word for word; … and […] part it into pieces."""
        pieces = [words(piece) for piece in re.split(r"\[…\]|…|\.\.\.", quotation)]
        called = (words(name) for message in self._messages for name in _called(message))
        return any(all(holds_run(text, piece) for piece in pieces if piece) for text in (*self._texts, *called))


def check_claim(
    sentence: Sentence, messages: Mapping[MessageKey, SourceMessage], common: Iterable[str] = ()
) -> tuple[bool, list[str]]:
    """(needs_verification, unsupported): what the sentence says that no cited post holds.

    Unsupported are numbers, dates and times, capitalised words, and quotations of four words and more. A word that
    opens the sentence counts as a name unless it is a common opener, or stands among `common`: words that the topic's
    posts write in lower case. A sentence that cites nothing, or a post that isn't there, needs verification anyway.
    """
    cited = [messages[key] for key in dict.fromkeys(sentence.messages) if key in messages]
    evidence = Evidence(cited)
    text = INVISIBLE.sub("", sentence.text)
    unsupported = [
        figure.text
        for figure in figures(text)
        if not evidence.holds_figure(figure, (WORD.findall(text[figure.end :]) or [""])[0])
    ]
    unsupported += [name for name in names(text, frozenset(common)) if not _all_held(name, evidence)]
    unsupported += [
        quotation
        for quotation in quotations(text)
        if len(words(quotation)) >= MIN_QUOTE and not evidence.holds_quotation(quotation)
    ]
    missing = not cited or len(cited) < len(set(sentence.messages))
    return missing or bool(unsupported), list(dict.fromkeys(unsupported))


def names(text: str, common: frozenset[str] = frozenset()) -> list[str]:
    """Capitalised words of the text, neighbours joined to phrases, without common words that open a sentence."""
    phrases: list[str] = []
    last_end = -1
    for match in WORD.finditer(text):
        word = match.group()
        if not any(char.isupper() for char in word) or any(char.isdigit() for char in word):
            continue
        plain = normal(word)
        opens = not re.search(
            r"[^\s«“„\"‘(—–-]", re.split(r"[.!?…:]\s*[»”“\"’)]*\s|[\n«“„\"‘]", text[: match.start()])[-1]
        )
        if opens and (plain in _OPENERS or plain in common) and not word[1:].isupper():
            continue
        if not opens and plain in ("i", "i'm", "i've", "i'll", "i'd"):
            continue
        if phrases and text[last_end : match.start()] in (" ", "\u00a0"):
            phrases[-1] += f" {word}"
        else:
            phrases.append(word)
        last_end = match.end()
    return list(dict.fromkeys(phrases))


def common_words(messages: Iterable[SourceMessage]) -> frozenset[str]:
    """Words that some post writes in lower case: no names."""
    return frozenset(
        normal(word) for message in messages for word in WORD.findall(message.text) if word.islower() and len(word) > 2
    )


def _called(message: SourceMessage) -> list[str]:
    """What a post's channel is called, and the origin of a forward."""
    return [name for name in (message.channel_title, message.channel, message.forwarded_from) if name]


def _all_held(name: str, evidence: Evidence) -> bool:
    return all(evidence.holds_name(word) for word in name.split())


def _parts(tokens: list[str]) -> list[str]:
    return [part for token in tokens if "-" in token for part in token.split("-")]


def _inflected(word: str, other: str) -> bool:
    """Russian cases of a proper name: all but the last two or three letters agree."""
    if abs(len(word) - len(other)) > 3 or min(len(word), len(other)) < 4 or not re.search("[а-я]", word):
        return False
    shared = next((n for n, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))
    return shared >= max(4, max(len(word), len(other)) - 3)
