"""The words of the pages: both languages say the same things, and the pages ask for nothing that is not there."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

from streamlit_app import i18n
from streamlit_app.navigation import ENTRIES
from tests.streamlit_app.reader import APP
from tgstudio_dagster.core import errors

SOURCES = sorted(APP.rglob("*.py"))
_FORMS = {"ru": {"one", "few", "many"}, "en": {"one", "other"}}


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def asked() -> list[tuple[Path, int, ast.expr, set[str] | None]]:
    """Every call of t(): where, its key, and the names of its values (None where they are passed on)."""
    found = []
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "t" and node.args:
                names = {word.arg for word in node.keywords if word.arg}
                found.append((source, node.lineno, node.args[0], names if all(w.arg for w in node.keywords) else None))
    return found


def test_both_languages_have_the_same_keys() -> None:
    assert i18n.words("ru").keys() == i18n.words("en").keys()


@pytest.mark.parametrize("spoken", i18n.LANGUAGES)
def test_a_counted_text_has_every_form_of_its_language(spoken: i18n.Language) -> None:
    for key, entry in i18n.words(spoken).items():
        if isinstance(entry, dict):
            assert entry.keys() == _FORMS[spoken], key


def test_the_same_text_has_the_same_placeholders_in_both_languages() -> None:
    def every(spoken: i18n.Language, key: str) -> set[str]:
        entry = i18n.words(spoken)[key]
        texts = entry.values() if isinstance(entry, dict) else [entry]
        # A form for one may spell the number out.
        return set().union(*map(placeholders, texts)) - {"count"}

    for key in i18n.words("ru"):
        assert every("ru", key) == every("en", key), key


def test_every_key_that_a_page_names_is_there_and_gets_its_values() -> None:
    words, wrong = i18n.words("ru"), []
    for source, line, key, names in asked():
        where = f"{source.name}:{line}"
        if isinstance(key, ast.Constant):
            entry = words.get(str(key.value))
            if entry is None:
                wrong.append(f"{where}: {key.value} is not among the words")
            elif names is not None:
                texts = entry.values() if isinstance(entry, dict) else [entry]
                wanted = set().union(*map(placeholders, texts)) | ({"count"} if isinstance(entry, dict) else set())
                if wanted - names:
                    wrong.append(f"{where}: {key.value} lacks {sorted(wanted - names)}")
        elif isinstance(key, ast.JoinedStr):
            pattern = "".join(
                re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"[\w.-]+" for part in key.values
            )
            if not any(re.fullmatch(pattern, one) for one in words):
                wrong.append(f"{where}: nothing is called {pattern}")
    assert wrong == []


def test_every_page_has_a_title_and_a_file() -> None:
    for entry in ENTRIES:
        assert i18n.has(f"{entry.key}.title"), entry.key
        assert (APP / "app_pages" / f"{entry.key}.py").is_file(), entry.key


def test_every_error_of_the_product_has_a_headline() -> None:
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.TGStudioError):
            assert i18n.has(f"common.error.{name}"), name


@pytest.mark.parametrize(
    ("count", "form"),
    [(1, "one"), (2, "few"), (5, "many"), (11, "many"), (12, "many"), (21, "one"), (104, "few"), (0, "many")],
)
def test_russian_counts_by_its_rules(count: int, form: str) -> None:
    assert i18n.form("ru", count) == form


@pytest.mark.parametrize(
    ("wanted", "locale", "language"),
    [("en", "ru-RU", "en"), (None, "ru-RU", "ru"), (None, "de-DE", "en"), (None, None, "ru"), ("xx", "en", "en")],
)
def test_a_person_reads_in_what_they_chose_else_in_their_browsers_language(
    wanted: str | None, locale: str | None, language: str
) -> None:
    assert i18n.choose(wanted, locale) == language


def codes() -> list[tuple[str, str, set[str]]]:
    """Every code that an error is given: where, the code (a pattern where a part of it is computed), its parameters."""
    found = []
    for source in sorted((APP.parent / "tgstudio_dagster").rglob("*.py")):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "coded":
                names = {word.arg for word in node.keywords if word.arg}
                for code in patterns(node.args[0]):
                    found.append((f"{source.name}:{node.lineno}", code, names))
    return found


def patterns(code: ast.expr) -> list[str]:
    if isinstance(code, ast.IfExp):
        return [*patterns(code.body), *patterns(code.orelse)]
    if isinstance(code, ast.JoinedStr):
        parts = (re.escape(str(one.value)) if isinstance(one, ast.Constant) else r"\w+" for one in code.values)
        return ["".join(parts)]
    assert isinstance(code, ast.Constant)
    return [re.escape(str(code.value))]


@pytest.mark.parametrize("spoken", i18n.LANGUAGES)
def test_every_code_of_an_error_has_its_sentence_and_every_sentence_its_code(spoken: i18n.Language) -> None:
    words = {key: entry for key, entry in i18n.words(spoken).items() if key.startswith("errors.")}
    assert len(codes()) > 40
    used = set()
    for where, code, names in codes():
        fits = [key for key in words if re.fullmatch(rf"errors\.{code}", key)]
        assert fits, f"{where}: {code} has no sentence"
        used |= set(fits)
        for key in fits:
            assert placeholders(str(words[key])) <= names, f"{where}: {key}"
    assert used == words.keys()
