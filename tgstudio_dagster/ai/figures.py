"""Numbers, dates and times in Russian and English text, in a form that can be compared.

What a text says in figures belongs here; whether a claim is supported by them is decided in `newsroom/claims.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from tgstudio_dagster.ai.text import URL, normal

_MONTH_PREFIXES = (
    "янв:1 фев:2 мар:3 апр:4 май:5 мая:5 мае:5 маю:5 июн:6 июл:7 авг:8 сен:9 окт:10 ноя:11 дек:12 "
    "jan:1 feb:2 mar:3 apr:4 may:5 jun:6 jul:7 aug:8 sep:9 oct:10 nov:11 dec:12"
)
_MONTHS = {name: int(number) for name, number in (pair.split(":") for pair in _MONTH_PREFIXES.split())}
_MONTH = (
    r"(?P<month>январ[ьяеюём]+|феврал[ьяеюём]+|март[аеуом]*|апрел[ьяеюём]+|ма[йяею]|июн[ьяеюём]+|июл[ьяеюём]+|"
    r"август[аеуом]*|сентябр[ьяеюём]+|октябр[ьяеюём]+|ноябр[ьяеюём]+|декабр[ьяеюём]+|"
    r"january|february|march|april|may|june|july|august|september|october|november|december|"
    r"jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b\.?"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th|-?го|-?е)?"
_DATES = (
    re.compile(rf"\b{_DAY}\s+(?:of\s+)?{_MONTH}", re.IGNORECASE),
    re.compile(rf"\b{_MONTH}\s+(?:the\s+)?{_DAY}\b(?![:.,]?\d)", re.IGNORECASE),
    re.compile(r"\b(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})\b"),
    re.compile(r"\b(?P<day>\d{1,2})\.(?P<month>\d{2})\.(?P<year>\d{4}|\d{2})\b"),
)
_CLOCK = re.compile(r"\b(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)\b")
_NUMBER = re.compile(
    r"(?<![\w.,])\d{1,3}(?:[ \u00a0\u2009\u202f]\d{3})+(?:[.,]\d+)?(?!\d)"
    r"|(?<![\d])\d+(?:[.,]\d+)*"
)
_SCALE = re.compile(
    r"[ \u00a0\u202f-]*(?:(?P<k>тыс(?:яч\w*|\.)?|thousand|k\b)|(?P<m>млн\.?|миллион\w*|million|mln|mn\b|m\b)"
    r"|(?P<b>млрд\.?|миллиард\w*|billion|bln|bn\b)|(?P<t>трлн\.?|триллион\w*|trillion|tn\b))",
    re.IGNORECASE,
)
_SCALES = {"k": 1_000, "m": 1_000_000, "b": 1_000_000_000, "t": 1_000_000_000_000}
_PERCENT = re.compile(r"[ \u00a0\u202f-]*(?:%|процент|percent|per cent)", re.IGNORECASE)
_RANGE = re.compile(r"\s*[-–—]\s*$")
_SPELLED = {
    word: Decimal(value)
    for value, forms in {
        2: "два две двух двум двумя two",
        3: "три трех трем тремя three",
        4: "четыре четырех четырем четырьмя four",
        5: "пять пяти пятью five",
        6: "шесть шести шестью six",
        7: "семь семи семью seven",
        8: "восемь восьми восемью eight",
        9: "девять девяти девятью nine",
        10: "десять десяти десятью ten",
        11: "одиннадцать одиннадцати eleven",
        12: "двенадцать двенадцати twelve",
    }.items()
    for word in forms.split()
}
_LETTERS = re.compile(r"[^\W\d_]+")


Reading = tuple[str, Decimal | tuple[int, int]]


@dataclass(frozen=True)
class Figure:
    """A number, date or time as it stands in a text, with every reading it may have.

    Readings: ("number", Decimal), ("percent", Decimal), ("date", (month, day)) or ("time", (hour, minute)).
    """

    text: str
    start: int
    end: int
    readings: frozenset[Reading]

    @property
    def kind(self) -> str:
        """number, percent, date or time."""
        return min(kind for kind, _ in self.readings)


def figures(text: str) -> list[Figure]:
    """The text's figures in order. Figures inside URLs are left out; spelled numbers from two to twelve count.

    `1,400` reads both as 1400 and as 1.4; a scale word (тыс, млн, million, bn …) multiplies, for both ends of a range.
    """
    text = URL.sub(lambda match: " " * len(match.group()), text)
    results: list[Figure] = []
    taken: list[tuple[int, int]] = []

    def free(start: int, end: int) -> bool:
        return not any(start < right and left < end for left, right in taken)

    for pattern in _DATES:
        for match in pattern.finditer(text):
            month, day = _month(match["month"]), int(match["day"])
            if free(*match.span()) and 1 <= month <= 12 and 1 <= day <= 31:
                results.append(Figure(match.group().rstrip("."), *match.span(), frozenset({("date", (month, day))})))
                taken.append(match.span())
                if year := match.groupdict().get("year"):
                    value = Decimal(year) if len(year) == 4 else Decimal(2000 + int(year))
                    results.append(Figure(year, *match.span("year"), frozenset({("number", value)})))
    for match in _CLOCK.finditer(text):
        if free(*match.span()):
            time = (int(match["hour"]), int(match["minute"]))
            results.append(Figure(match.group(), *match.span(), frozenset({("time", time)})))
            taken.append(match.span())
    for start, end in taken:
        text = text[:start] + "\x00" * (end - start) + text[end:]
    numbers = list(_NUMBER.finditer(text))
    scale = 1
    percent = False
    for match, following in zip(reversed(numbers), [None, *reversed(numbers)], strict=False):
        ranged = following is not None and bool(_RANGE.fullmatch(text[match.end() : following.start()]))
        scaled = _SCALE.match(text, match.end())
        own = scale if ranged else 1
        own = _SCALES[str(scaled.lastgroup)] if scaled else own
        percent = bool(_PERCENT.match(text, match.end())) or (ranged and percent)
        scale = own
        kind = "percent" if percent else "number"
        values = _values(match.group())
        readings = {(kind, (value * own).normalize()) for value in values}
        if scaled and scaled.group().casefold() == "m":
            readings |= {(kind, value.normalize()) for value in values}
        end = scaled.end() if scaled else match.end()
        results.append(Figure(text[match.start() : end].rstrip(), match.start(), end, frozenset(readings)))
    for match in _LETTERS.finditer(text):
        spelled = _SPELLED.get(normal(match.group()))
        if spelled is not None:
            scaled = _SCALE.match(text, match.end())
            own = _SCALES[str(scaled.lastgroup)] if scaled else 1
            kind = "percent" if _PERCENT.match(text, match.end()) else "number"
            reading: Reading = (kind, (spelled * own).normalize())
            end = scaled.end() if scaled else match.end()
            results.append(Figure(text[match.start() : end], match.start(), end, frozenset({reading})))
    return sorted(results, key=lambda figure: (figure.start, figure.end))


def _month(token: str) -> int:
    return int(token) if token.isdigit() else _MONTHS[token.casefold()[:3]]


def _values(surface: str) -> set[Decimal]:
    plain = re.sub(r"[ \u00a0\u2009\u202f]", "", surface)
    parts = re.split(r"[.,]", plain)
    values: set[Decimal] = set()
    if len(parts) == 1:
        values.add(Decimal(plain))
    if len(parts) > 1 and all(len(part) == 3 for part in parts[1:]) and len(parts[0]) <= 3:
        values.add(Decimal("".join(parts)))
    if len(parts) == 2:
        values.add(Decimal(f"{parts[0]}.{parts[1]}"))
    if not values:
        values.add(Decimal("".join(parts)))
    return {value.normalize() for value in values}
