"""Recurring formats: rates, weather, traffic, fixtures, digests, filled by seeded numbers and words.

The template language and its decks belong here; the templates are data (content/recurring*.yaml):

    {btc} {btc%} {btc^}      a walking value at the post's time, its change over 24 hours, an arrow of its direction
    {3..17} {0.4..2.9}       a number of that range, as precise as it is written
    {3..17 день|дня|дней}    the same with the word that agrees with it (one, few and many in Russian)
    {date} {date+1} {weekday} {weekday+1} {time}     in the channel's language and time zone
    {team} {team*3}          a word of the format's list or a shared one, filled in turn; three of them, a line each
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec

from tgstudio_dagster.core.errors import SourceError
from tgstudio_dagster.sample.content import (
    CONTENT,
    FIRST_DAY,
    LAST_DAY,
    Channel,
    Media,
    WrittenPost,
    moment,
    read_yaml,
    seeded,
)

_SLOT = re.compile(r"\{([^{}]+)\}")
_RANGE = re.compile(r"(-?[\d.]+?)\.\.(-?[\d.]+)(?: (.+))?")
_SENTENCE = re.compile(r"(?:^|[.!?…]\s+|\n)[^\w\s]*\s*$")
_DAYS = (LAST_DAY - FIRST_DAY).days + 1
_ATTEMPTS = 50

_WEEKDAYS = {
    "ru": ("понедельник", "вторник", "среда", "четверг", "пятница", "суббота", "воскресенье"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_MARCH = {"ru": "марта", "en": "March"}


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number that walks by the hour: `step` is the standard deviation in percent, or `plus` in its own units.

    `anchors` gives the hours (from the first day's midnight) at which it passes a given level.
    """

    start: float
    step: float = 0.0
    plus: float = 0.0
    decimals: int = 0
    signed: bool = False
    anchors: dict[int, float] = {}


class Shared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """recurring.yaml: the values and word lists that every format may name."""

    values: dict[str, Value]
    words: dict[str, list[str]]


class Format(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One format of one channel, at `times` (UTC) on `days` (all when empty), each within `jitter` minutes."""

    format: str
    channel: str
    times: list[str]
    texts: list[str]
    words: dict[str, list[str]] = {}
    days: list[int] = []
    jitter: int = 9
    heat: float = 0.6
    media: Media | None = None
    picture: str | None = None


def recurring_posts(channels: dict[str, Channel], content: Path = CONTENT) -> list[WrittenPost]:
    """The posts of every format of recurring_*.yaml; no two have the same text.

    Raises SourceError where a template names an unknown word, or has too few variations to stay distinct.
    """
    shared = read_yaml(content / "recurring.yaml", Shared)
    walks = {name: _walk(name, value) for name, value in shared.values.items()}
    texts: set[str] = set()
    posts: list[WrittenPost] = []
    for path in sorted(content.glob("recurring_*.yaml")):
        for format_ in read_yaml(path, list[Format]):
            filler = _Filler(format_, channels[format_.channel], shared, walks)
            posts.extend(_posts_of(format_, filler, texts))
    return posts


def _posts_of(format_: Format, filler: _Filler, texts: set[str]) -> Iterator[WrittenPost]:
    for day in format_.days or range(_DAYS):
        for time in format_.times:
            nominal = moment(day, time)
            at = nominal + timedelta(minutes=seeded(format_.format, day, time).randint(0, format_.jitter))
            for _ in range(_ATTEMPTS):
                text = filler.text(nominal)
                if text not in texts:
                    break
            else:
                raise SourceError(f"recurring format {format_.format}: too few variations; add texts or words")
            texts.add(text)
            yield WrittenPost(format_.channel, at, text, format_.heat, format_.media, format_.picture)


def _walk(name: str, value: Value) -> list[float]:
    """The value at each hour, from 24 hours before the first day to the end of the last."""
    rng = seeded("walk", name)
    level, levels = value.start, []
    for _ in range((_DAYS + 1) * 24):
        level += rng.gauss(0, value.plus) + level * rng.gauss(0, value.step) / 100
        levels.append(level)
    pulls = [(24 + hour, anchor / levels[24 + hour]) for hour, anchor in sorted(value.anchors.items())]
    return [level * _pull(hour, pulls) for hour, level in enumerate(levels)]


def _pull(hour: int, pulls: list[tuple[int, float]]) -> float:
    """The factor at an hour that leads the walk from anchor to anchor; flat before the first and after the last."""
    after = next((pull for pull in pulls if pull[0] >= hour), pulls[-1] if pulls else (hour, 1.0))
    before = next((pull for pull in reversed(pulls) if pull[0] <= hour), after)
    if after[0] <= before[0]:
        return after[1]
    return before[1] + (after[1] - before[1]) * (hour - before[0]) / (after[0] - before[0])


class _Deck:
    """Words in shuffled order, each once before any comes again."""

    def __init__(self, name: str, words: list[str]) -> None:
        self._rng, self._words, self._left = seeded("deck", name), words, list[str]()

    def draw(self, used: set[str]) -> str:
        for _ in range(2):
            for word in reversed(self._left):
                if word not in used:
                    self._left.remove(word)
                    return word
            self._left = self._rng.sample(self._words, len(self._words))
        return self._left.pop()


class _Filler:
    """Fills the templates of one format; keeps its decks from post to post."""

    def __init__(self, format_: Format, channel: Channel, shared: Shared, walks: dict[str, list[float]]) -> None:
        self._format, self._channel, self._values, self._walks = format_, channel, shared.values, walks
        words = shared.words | format_.words
        self._decks = {name: _Deck(f"{format_.format}/{name}", of) for name, of in words.items()}
        self._texts = _Deck(f"{format_.format}/texts", format_.texts)
        self._rng = seeded("fill", format_.format)

    def text(self, at: datetime) -> str:
        return self._fill(self._texts.draw(set()), at, set())

    def _fill(self, template: str, at: datetime, used: set[str]) -> str:
        def filled(slot: re.Match[str]) -> str:
            text = self._slot(slot[1], at, used)
            return text[0].upper() + text[1:] if _SENTENCE.search(template[: slot.start()]) else text

        return _SLOT.sub(filled, template)

    def _slot(self, slot: str, at: datetime, used: set[str]) -> str:
        if between := _RANGE.fullmatch(slot):
            return self._between(*between.groups())
        if slot.rstrip("%^") in self._values:
            return self._value(slot, at)
        name, _, count = slot.partition("*")
        if name in self._decks:
            return "\n".join(self._word(name, at, used) for _ in range(int(count or 1)))
        return self._calendar(slot, at)

    def _word(self, name: str, at: datetime, used: set[str]) -> str:
        word = self._decks[name].draw(used)
        used.add(word)
        return self._fill(word, at, used)

    def _between(self, low: str, high: str, forms: str | None) -> str:
        decimals = len(low.partition(".")[2])
        drawn = round(self._rng.uniform(float(low), float(high)), decimals)
        number = self._number(drawn, decimals, grouped=False)  # 2026 is a year
        return f"{number} {_agreeing(int(drawn), forms.split('|'))}" if forms else number

    def _value(self, slot: str, at: datetime) -> str:
        name = slot.rstrip("%^")
        value, levels = self._values[name], self._walks[name]
        hour = 24 + int((at - moment(0, "00:00")) / timedelta(hours=1))
        now, before = levels[hour], levels[hour - 24]
        if slot.endswith("^"):
            return "🟢" if now >= before else "🔴"
        if slot.endswith("%"):
            return self._number((now / before - 1) * 100, 2, signed=True) + "%"
        return self._number(now, value.decimals, signed=value.signed and self._channel.lang == "ru")

    def _number(self, number: float, decimals: int, signed: bool = False, grouped: bool = True) -> str:
        rounded = round(number, decimals) + 0.0  # turns -0.0 into 0.0
        text = f"{rounded:{'+' if signed and rounded else ''}{',' if grouped else ''}.{decimals}f}"
        if self._channel.lang == "en":
            return text
        return text.replace(",", " ").replace(".", ",").replace("-", "−")

    def _calendar(self, slot: str, at: datetime) -> str:
        name, _, days = slot.partition("+")
        lang = self._channel.lang
        there = at + timedelta(hours=self._channel.utc_offset, days=int(days or 0))
        if name == "date":
            return _date(there.date(), lang)
        if name == "weekday":
            return _WEEKDAYS[lang][there.weekday()]
        if name == "time":
            return f"{there:%H:%M}"
        raise SourceError(
            f"recurring format {self._format.format}: unknown slot {{{slot}}}; name a value or a word list"
        )


def _date(day: date, lang: str) -> str:
    return f"{day.day} {_MARCH[lang]}"


def _agreeing(number: int, forms: list[str]) -> str:
    """The Russian form: 1, 21 one; 2 to 4, 22 few; 0, 5 to 20 many."""
    one, few, many = forms
    if number % 100 in range(11, 15):
        return many
    return {1: one, 2: few, 3: few, 4: few}.get(number % 10, many)
