"""The offline writer's own words, in Russian and English: all that it says beside the quotations.

Wording only: typography of quotations, plurals, dates, lists. What is said, and on which posts it rests, is decided in
`offline_writer.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from tgstudio_dagster.ai.text import quoted_spans
from tgstudio_dagster.core.vocabulary import Language, Tone

_RU_MONTHS = "января февраля марта апреля мая июня июля августа сентября октября ноября декабря"
_EN_MONTHS = "January February March April May June July August September October November December"
_LANGUAGE_NAMES = {
    "ru": {"ru": "русский", "en": "английский", "uk": "украинский", "de": "немецкий", "fr": "французский",
           "es": "испанский", "be": "белорусский", "kk": "казахский", "zh": "китайский", "tr": "турецкий"},
    "en": {"ru": "Russian", "en": "English", "uk": "Ukrainian", "de": "German", "fr": "French", "es": "Spanish",
           "be": "Belarusian", "kk": "Kazakh", "zh": "Chinese", "tr": "Turkish"},
}  # fmt: skip
MAX_NAMES = 5


class Phrases(Protocol):
    """One language's wording; every method returns a complete sentence, or a part where it says so."""

    def quote(self, text: str) -> str:
        """Part: the text in the language's marks, inner quotations in its inner ones."""

    def headline(self, quote: str, names: Sequence[str]) -> str:
        """A quotation and who says it."""

    def plain_headline(self, keywords: Sequence[str], names: Sequence[str]) -> str:
        """Keywords and who writes about them."""

    def dek(self, first: str, date: datetime, posts: int, channels: int) -> str:
        """How many posts and channels; who was first, when."""

    def opening(self, names: Sequence[str], first: datetime, last: datetime) -> str:
        """How many channels wrote, when, which."""

    def says(self, name: str, quote: str, turn: int) -> str:
        """Attributed quotation; `turn` varies verb and order."""

    def goes_on(self, quote: str, turn: int) -> str:
        """A further quotation of the channel that has just been named."""

    def differ(self, said: Sequence[tuple[str, str]]) -> str:
        """Channels give different figures."""

    def forwarded(self, names: Sequence[str]) -> str:
        """Who passed others' posts on."""

    def edited(self, names: Sequence[str]) -> str:
        """Whose posts were edited before."""

    def original_language(self, languages: Sequence[str], *, every: bool) -> str:
        """Quotations, every one or some, stand in their own language."""

    def single(self, name: str) -> str:
        """No second channel among the posts."""

    def closing(self) -> str:
        """How this text was made."""


def phrases(language: Language, tone: Tone) -> Phrases:
    """The wording of a language and tone."""
    return Russian(tone) if language == "ru" else English(tone)


def plural(number: int, one: str, few: str, many: str) -> str:
    """The Russian form that agrees with the number."""
    if number % 10 == 1 and number % 100 != 11:
        return one
    return few if number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14) else many


def long_date(date: datetime, language: str) -> str:
    """For example 9 марта 2026 or 9 March 2026."""
    return f"{date.day} {(_RU_MONTHS if language == 'ru' else _EN_MONTHS).split()[date.month - 1]} {date.year}"


def _requote(text: str, left: str, right: str) -> str:
    for start, end in reversed(quoted_spans(text)):
        inner = re.sub(r"[«»“”„\"]", "", text[start + 1 : end - 1])
        text = f"{text[:start]}{left}{inner}{right}{text[end:]}"
    return re.sub(r"[«»\"]", "", text) if left == "„" else re.sub(r"[“”„«»\"]", "", text)


def _clock(date: datetime) -> str:
    return f"{date.astimezone(UTC):%H:%M}"


_RUSSIAN_VERBS: dict[Tone, tuple[str, ...]] = {
    "neutral": ("сообщает", "пишет", "отмечает"),
    "lively": ("рассказывает", "пишет", "делится"),
    "formal": ("сообщает", "информирует", "указывает"),
}
_RUSSIAN_MORE: dict[Tone, str] = {"neutral": "добавляет", "lively": "продолжает", "formal": "уточняет"}


class Russian:
    """Russian wording, present tense where a past one would need the channel's gender."""

    def __init__(self, tone: Tone) -> None:
        self._verbs = _RUSSIAN_VERBS[tone]
        self._more = _RUSSIAN_MORE[tone]

    def quote(self, text: str) -> str:
        """See Phrases."""
        return f"«{_requote(text, '„', '“')}»"

    def _name(self, name: str) -> str:
        return f"«{_requote(name, '„', '“')}»"

    def _names(self, names: Sequence[str]) -> str:
        shown = [self._name(name) for name in names[:MAX_NAMES]]
        if len(names) > MAX_NAMES:
            return f"{', '.join(shown)} и другие"
        return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} и {shown[-1]}"

    def headline(self, quote: str, names: Sequence[str]) -> str:
        """See Phrases."""
        tail = f"пишет {self._name(names[0])}" if len(names) == 1 else f"что пишут {self._channels(len(names))}"
        return f"{self.quote(quote)} — {tail}"

    def plain_headline(self, keywords: Sequence[str], names: Sequence[str]) -> str:
        """See Phrases."""
        tail = f"пишет {self._name(names[0])}" if len(names) == 1 else f"пишут {self._channels(len(names))}"
        subject = ", ".join(keywords)
        return f"О чём {tail}: {subject}" if subject else f"О чём {tail}"

    def _channels(self, number: int) -> str:
        return f"{number} {plural(number, 'канал', 'канала', 'каналов')}"

    def dek(self, first: str, date: datetime, posts: int, channels: int) -> str:
        """See Phrases."""
        day = long_date(date, "ru")
        if posts == 1:
            return f"{self._name(first)} написал об этом {day} года в {_clock(date)} (UTC)."
        source = f"{posts} {'посту' if posts % 10 == 1 and posts % 100 != 11 else 'постам'}"
        if channels == 1:
            return f"Дайджест по {source} канала {self._name(first)}: первый вышел {day} года в {_clock(date)} (UTC)."
        of = f"{channels} {'канала' if channels % 10 == 1 and channels % 100 != 11 else 'каналов'}"
        return (
            f"Дайджест по {source} {of}: первым об этом написал {self._name(first)}, {day} года в {_clock(date)} (UTC)."
        )

    def opening(self, names: Sequence[str], first: datetime, last: datetime) -> str:
        """See Phrases."""
        if first.date() == last.date():
            span = f"{long_date(first, 'ru')} года в {_clock(first)}"
            if _clock(first) != _clock(last):
                span = f"{long_date(first, 'ru')} года с {_clock(first)} до {_clock(last)}"
        else:
            day = long_date(first, "ru").rsplit(" ", 1)[0] if first.year == last.year else long_date(first, "ru")
            span = f"с {_clock(first)} {day} до {_clock(last)} {long_date(last, 'ru')} года"
        if len(names) == 1:
            return f"Об этом {span} (UTC) написал канал {self._name(names[0])}."
        wrote = plural(len(names), "написал", "написали", "написали")
        return f"Об этом {span} (UTC) {wrote} {self._channels(len(names))}: {self._names(names)}."

    def says(self, name: str, quote: str, turn: int) -> str:
        """See Phrases."""
        verb = self._verbs[turn % len(self._verbs)]
        if turn % 2:
            return f"{self._said(quote)} — {verb} {self._name(name)}."
        return f"{self._name(name)} {verb}: {self._full(quote)}"

    def goes_on(self, quote: str, turn: int) -> str:
        """See Phrases."""
        return f"Там же: {self._full(quote)}" if turn % 2 else f"{self._said(quote)} — {self._more} канал."

    def _full(self, quote: str) -> str:
        """At the end of a sentence: the full stop goes outside, other marks stay inside."""
        return self.quote(quote) if quote[-1:] in "!?…" else f"{self.quote(quote.rstrip('.'))}."

    def _said(self, quote: str) -> str:
        return self.quote(quote) if quote[-1:] in "!?…" else f"{self.quote(quote.rstrip('.'))},"

    def differ(self, said: Sequence[tuple[str, str]]) -> str:
        """See Phrases."""
        return f"Каналы называют разные цифры: {'; '.join(f'{self._name(n)} — {self.quote(q)}' for n, q in said)}."

    def forwarded(self, names: Sequence[str]) -> str:
        """See Phrases."""
        verb = "Чужой пост об этом переслал" if len(names) == 1 else "Чужие посты об этом переслали"
        return f"{verb} {self._names(names)}."

    def edited(self, names: Sequence[str]) -> str:
        """See Phrases."""
        whose = "канала" if len(names) == 1 else "каналов"
        return f"Текст {whose} {self._names(names)} правили после публикации; цитаты взяты из последней правки."

    def original_language(self, languages: Sequence[str], *, every: bool) -> str:
        """See Phrases."""
        known = [_LANGUAGE_NAMES["ru"].get(language, language) for language in languages]
        which = "Цитаты оставлены" if every else "Часть цитат оставлена"
        return f"{which} на языке оригинала ({', '.join(known)})."

    def single(self, name: str) -> str:
        """See Phrases."""
        return f"Других каналов в этой подборке нет: всё сказанное известно только со слов {self._name(name)}."

    def closing(self) -> str:
        """See Phrases."""
        return "Дайджест составлен автоматически; слова каналов приведены в кавычках дословно."


_ENGLISH_VERBS: dict[Tone, tuple[str, ...]] = {
    "neutral": ("reports", "writes", "notes"),
    "lively": ("tells its readers", "writes", "says"),
    "formal": ("reports", "states", "indicates"),
}
_ENGLISH_MORE: dict[Tone, str] = {"neutral": "adds", "lively": "goes on", "formal": "further states"}


class English:
    """English wording."""

    def __init__(self, tone: Tone) -> None:
        self._verbs = _ENGLISH_VERBS[tone]
        self._more = _ENGLISH_MORE[tone]

    def quote(self, text: str) -> str:
        """See Phrases."""
        return f"“{_requote(text, '‘', '’')}”"

    def _name(self, name: str) -> str:
        return _requote(name, "‘", "’")

    def _names(self, names: Sequence[str]) -> str:
        shown = [self._name(name) for name in names[:MAX_NAMES]]
        if len(names) > MAX_NAMES:
            return f"{', '.join(shown)} and others"
        return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"

    def headline(self, quote: str, names: Sequence[str]) -> str:
        """See Phrases."""
        quote = quote.rstrip(".")
        tail = self._name(names[0]) if len(names) == 1 else f"what {len(names)} channels report"
        return f"{self.quote(quote)}: {tail}"

    def plain_headline(self, keywords: Sequence[str], names: Sequence[str]) -> str:
        """See Phrases."""
        tail = f"{self._name(names[0])} reports" if len(names) == 1 else f"{len(names)} channels report"
        subject = ", ".join(keywords)
        return f"What {tail}: {subject}" if subject else f"What {tail}"

    def dek(self, first: str, date: datetime, posts: int, channels: int) -> str:
        """See Phrases."""
        day = f"{_clock(date)} on {long_date(date, 'en')} (UTC)"
        if posts == 1:
            return f"{self._name(first)} wrote about it at {day}."
        if channels == 1:
            return f"A digest of {posts} posts by {self._name(first)}, the first of them at {day}."
        return f"A digest of {posts} posts by {channels} channels; {self._name(first)} was first, at {day}."

    def opening(self, names: Sequence[str], first: datetime, last: datetime) -> str:
        """See Phrases."""
        if first.date() == last.date():
            span = f"at {_clock(first)} on {long_date(first, 'en')}"
            if _clock(first) != _clock(last):
                span = f"between {_clock(first)} and {_clock(last)} on {long_date(first, 'en')}"
        else:
            day = long_date(first, "en").rsplit(" ", 1)[0] if first.year == last.year else long_date(first, "en")
            span = f"between {_clock(first)} on {day} and {_clock(last)} on {long_date(last, 'en')}"
        if len(names) == 1:
            return f"{self._name(names[0])} wrote about it {span} (UTC)."
        return f"{len(names)} channels wrote about it {span} (UTC): {self._names(names)}."

    def says(self, name: str, quote: str, turn: int) -> str:
        """See Phrases."""
        verb = self._verbs[turn % len(self._verbs)]
        return f"{self._said(quote)} {verb} {self._name(name)}." if turn % 2 else self._colon(name, verb, quote)

    def goes_on(self, quote: str, turn: int) -> str:
        """See Phrases."""
        return self._colon("The channel", "also says", quote) if turn % 2 else f"{self._said(quote)} it {self._more}."

    def _colon(self, name: str, verb: str, quote: str) -> str:
        return f"{self._name(name)} {verb}: {self.quote(quote if quote[-1:] in '.!?…' else quote + '.')}"

    def _said(self, quote: str) -> str:
        return self.quote(quote) if quote[-1:] in "!?…" else self.quote(quote.rstrip(".") + ",")

    def differ(self, said: Sequence[tuple[str, str]]) -> str:
        """See Phrases."""
        return f"Channels give different figures: {'; '.join(f'{self._name(n)}, {self.quote(q)}' for n, q in said)}."

    def forwarded(self, names: Sequence[str]) -> str:
        """See Phrases."""
        return f"{self._names(names)} passed on a post of another channel."

    def edited(self, names: Sequence[str]) -> str:
        """See Phrases."""
        return f"Posts by {self._names(names)} were edited after publication; quotations follow the latest text."

    def original_language(self, languages: Sequence[str], *, every: bool) -> str:
        """See Phrases."""
        known = [_LANGUAGE_NAMES["en"].get(language, language) for language in languages]
        which = "Quotations" if every else "Some quotations"
        return f"{which} are left in their original language ({', '.join(known)})."

    def single(self, name: str) -> str:
        """See Phrases."""
        return f"No other channel in this selection has it: everything above rests on the word of {self._name(name)}."

    def closing(self) -> str:
        """See Phrases."""
        return "This digest was composed automatically; the channels’ own words stand verbatim in quotation marks."
