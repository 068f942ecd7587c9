"""Numbers, times and sizes as people read them, in the language of the page. Pure but for that language."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from streamlit_app.i18n import language, t

NOTHING = "—"
_THIN = "\N{NARROW NO-BREAK SPACE}"
_GAP = "\N{NO-BREAK SPACE}"


def number(value: float | None, digits: int = 0) -> str:
    """12 345 in Russian, 12,345 in English; a dash for None."""
    if value is None:
        return NOTHING
    text = f"{value:,.{digits}f}"
    return text if language() == "en" else text.replace(",", _THIN).replace(".", ",")


def short(value: float | None) -> str:
    """A counter in few letters: 950, 12,3 тыс., 1,2 млн."""
    if value is None or abs(value) < 10_000:
        return number(value)
    for size, name in ((1e9, "billions"), (1e6, "millions"), (1e3, "thousands")):
        if abs(value) >= size * 0.9995:
            shown = value / size
            return t(f"common.{name}", number=number(shown, 0 if shown >= 99.95 else 1))
    return number(value)


def percent(share: float | None) -> str:
    """A share of 1 in whole percent."""
    return NOTHING if share is None else f"{number(share * 100)}{_THIN}%"


def moment(value: datetime | None, zone: ZoneInfo) -> str:
    """Day and time in the tenant's zone: `14 мар 2026, 15:04`."""
    return NOTHING if value is None else f"{day(value.astimezone(zone).date())}, {clock(value, zone)}"


def clock(value: datetime, zone: ZoneInfo) -> str:
    """The time of day in the tenant's zone: 15:04."""
    return f"{value.astimezone(zone):%H:%M}"


def day(value: date | None) -> str:
    """A day: `14 мар 2026`."""
    return NOTHING if value is None else _GAP.join((str(value.day), _month(value, "short"), str(value.year)))


def long_day(value: date) -> str:
    """A day as the head of a list: `суббота, 14 марта`."""
    weekdays = t("common.weekdays").split()
    return t(
        "common.long_day",
        weekday=weekdays[value.weekday()],
        day=value.day,
        month=_month(value, "full"),
        year=value.year,
    )


def size(count: float | None) -> str:
    """Bytes in the unit that suits: `12,4 МБ`."""
    if count is None:
        return NOTHING
    value, units = float(count), t("common.byte_units").split()
    place = 0
    while value >= 999.5 and place < len(units) - 1:
        value, place = value / 1024, place + 1
    return f"{number(value, 1 if place and value < 99.95 else 0)}{_GAP}{units[place]}"


def duration(seconds: float | None) -> str:
    """A length of time in its two largest units: `35 с`, `2 мин 5 с`, `3 ч 10 мин`."""
    if seconds is None:
        return NOTHING
    whole = max(0, round(seconds))
    for large, small, each in (("day", "hour", 86400), ("hour", "minute", 3600), ("minute", "second", 60)):
        if whole >= each:
            rest = whole % each // {"hour": 3600, "minute": 60, "second": 1}[small]
            first = t(f"common.units.{large}", number=number(whole // each))
            return first if not rest else first + _GAP + t(f"common.units.{small}", number=rest)
    return t("common.units.second", number=whole)


def playing_time(seconds: float) -> str:
    """How long a recording is: 1:05."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _month(value: date, kind: str) -> str:
    return t(f"common.months_{kind}").split()[value.month - 1]
