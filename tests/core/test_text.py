"""What strangers write stays harmless where a person sees it."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgstudio_dagster.core.csv import cell, cells
from tgstudio_dagster.core.text import escape, visible, visible_json


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u202eנועם\u202c <b>x</b>", "נועם <b>x</b>"),
        ("rtl \u202eevil\u202c name", "rtl evil name"),
        ("\u2067isolated\u2069 \u2066x", "isolated x"),
        ("\x1b[2J\x1b]0;title\x07gone", "[2J]0;titlegone"),
        ("a\rb\x08c\x00d\x0ce\x9bf\x7f", "abcdef"),
        ("line\r\nline\tend", "line\nline\tend"),
        ("half \ud83d", "half \N{REPLACEMENT CHARACTER}"),
        ("hidden\U000e0041\U000e0042 tags", "hidden tags"),
        ("\ufeffmark", "mark"),
    ],
)
def test_what_moves_turns_or_hides_is_gone(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Ёлка, café, 北京",
        "👩\u200d👩\u200d👧 👍🏽",
        "می\u200cرود",
        "שלום\u200f (x)",
        "soft\u00adhyphen",
        "\U0001f3f4\U000e0067\U000e0062\U000e007f",
        "two\nlines\tand a tab",
    ],
)
def test_what_scripts_and_emoji_need_stays(text: str) -> None:
    assert visible(text) == text


@given(st.text())
def test_every_text_is_harmless_for_a_terminal_and_may_be_encoded(text: str) -> None:
    shown = visible(text)
    shown.encode()
    assert not any((ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0 or c in "\u202e\u2066" for c in shown)
    assert visible(shown) == shown


def test_html_is_escaped_and_harmless() -> None:
    assert escape("\u202e<b>") == "&lt;b&gt;"


@given(st.dictionaries(st.text(), st.text()))
def test_json_keeps_its_values_and_shows_none_of_it_raw(values: dict[str, str]) -> None:
    document = visible_json(json.dumps(values, ensure_ascii=False))
    assert json.loads(document) == values
    assert visible(document) == document or any(0xE0000 <= ord(mark) < 0xE0080 for mark in document)


def test_cells_of_a_file_are_harmless_and_no_mark_hides_a_formula() -> None:
    assert cell("\u202e=1+1") == "'=1+1"
    frame = cells(pl.DataFrame({"name": ["\u202e=cmd()", "a\x1b[31mb", "שלום"], "tags": [["\u2067x"], [], []]}))
    assert frame["name"].to_list() == ["'=cmd()", "a[31mb", "שלום"]
