"""Words of the pages in Russian and English: `t("feed.title")` is `title` in `<language>/feed.yaml`.

A value is a text with `{placeholders}`, or forms for a `count`: one, few, many in Russian; one, other in English.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal, cast

import yaml

from streamlit_app.door import st
from streamlit_app.plain import Words, plain

Language = Literal["ru", "en"]
LANGUAGES: tuple[Language, ...] = ("ru", "en")
STATE = "language"
"""Where the language stands in a browser session's state."""
Book = dict[str, str | dict[str, str]]


def t(key: str, **values: object) -> str:
    """The words of this key in the language of whoever looks; `count` among the values chooses the form.

    Raises KeyError for a key or a placeholder's value that is missing: tests find both.
    """
    return say(language(), key, **values)


def say(spoken: Language, key: str, **values: object) -> Words:
    """As `t`, in the language given."""
    entry = words(spoken)[key]
    if isinstance(entry, dict):
        entry = entry[form(spoken, cast(int, values["count"]))]
    if not values:
        return Words(entry, entry)
    escaped = {name: plain(value) if isinstance(value, str) else value for name, value in values.items()}
    return Words(entry.format_map(values), entry.format_map(escaped))


def has(key: str) -> bool:
    """Whether there are words for the key; for names that come from data (a type, a status)."""
    return key in words("ru")


def language() -> Language:
    """The language of this browser session; Russian before one is known."""
    found = st.session_state.get(STATE, "ru")
    return "en" if found == "en" else "ru"


def choose(wanted: str | None, locale: str | None) -> Language:
    """The language for a person: what they chose before, else their browser's, else Russian."""
    for one in (wanted, (locale or "").split("-")[0].lower()):
        if one in LANGUAGES:
            return one
    return "ru" if not locale else "en"


def form(spoken: Language, count: int) -> str:
    """The grammatical number's form: after the plural rules of Unicode CLDR for whole numbers."""
    count = abs(count)
    if spoken == "en":
        return "one" if count == 1 else "other"
    if count % 10 == 1 and count % 100 != 11:
        return "one"
    return "few" if 2 <= count % 10 <= 4 and not 12 <= count % 100 <= 14 else "many"


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast; not every wheel has it


@cache
def words(spoken: Language) -> Book:
    """All words of a language, by key."""
    found: Book = {}
    for file in sorted((Path(__file__).parent / spoken).glob("*.yaml")):
        found |= _flat(file.stem, yaml.load(file.read_text(encoding="utf-8"), _LOADER))  # noqa: S506
    return found


_FORMS = frozenset({"one", "few", "many", "other"})


def _flat(prefix: str, tree: dict[str, Any]) -> Book:
    found: Book = {}
    for name, value in tree.items():
        key = f"{prefix}.{name}"
        if not isinstance(value, dict):
            found[key] = str(value)
        elif value.keys() <= _FORMS:
            found[key] = {one: str(text) for one, text in value.items()}
        else:
            found |= _flat(key, value)
    return found
