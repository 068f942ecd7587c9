"""JSON that writers got slightly wrong, read as it was meant: one message's bytes become a plain value.

Python's own reader takes NaN, halves of surrogate pairs and raw control characters, which the strict one refuses. What
it refuses, too, is read by rules that only real faults of exports need: values that were written without quotes (a custom
emoji's path), quotes inside a text, commas too many, an end too early. Which fields a message has is handled in
`lenient.py`.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

MAX_DEPTH = 60
"""Levels of nesting that are read: a message of Telegram has about ten."""


class Unreadable:
    """Stands for a value that is nested too deeply to be read; it fits no field."""


UNREADABLE: Final = Unreadable()

# Telegram Desktop writes control characters as \x1f, which is not JSON (its SerializeString, export_output_json.cpp).
_HEX_ESCAPE = re.compile(rb"(?<!\\)((?:\\\\)*)\\x([0-9A-Fa-f]{2})")
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_SPACE = re.compile(r"[\s,;]*")
_QUOTE = re.compile(r'\\.|"', re.DOTALL)
_NUMBER = re.compile(r"-?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,4})?(?=\s*(?:[,}\]]|\Z))")
_WORD = re.compile(r"(true|false|null|NaN|-?Infinity)(?=\s*(?:[,}\]]|\Z))")
_WORDS = {"true": True, "false": False, "null": None}
_BARE = re.compile(r'[^\n]*?(?=\s*(?:,\s*"|[}\]]\s*(?:[,}\]]|\Z)|\n|\Z))')
_KEY_END = re.compile(r"\s*:")
_IN_OBJECT = re.compile(r'\s*(?:,\s*(?:"(?:[^"\\]|\\.)*"\s*:|\}|\Z)|\}\s*(?:[,}\];]|\Z)|\Z)', re.DOTALL)
_IN_ARRAY = re.compile(r'\s*(?:,\s*(?:["{\[\]\d-]|true|false|null|\Z)|\]\s*(?:[,}\];]|\Z)|\Z)')


# The text of the one action that has one is followed by the message's own, which is empty, under the same key.
_DOUBLED = re.compile(rb'("action"\s*:\s*"send_webview_data"\s*,\s*)"text"(?=\s*:)')


def mend_keys(data: bytes) -> bytes:
    """The bytes with a key of its own for the text that Telegram Desktop's action `send_webview_data` has."""
    return _DOUBLED.sub(rb'\1"webview_text"', data) if b'"send_webview_data"' in data else data


def mend_escapes(data: bytes) -> bytes:
    """The bytes with Telegram Desktop's `\\x1f` written as JSON has it."""
    return _HEX_ESCAPE.sub(rb"\1\\u00\2", data)


def loads_loosely(data: bytes) -> tuple[list[Any], bool]:
    """The values, and whether their syntax had to be mended; several where a fault had hidden the end of one.

    Raises ValueError where there is no object at all.
    """
    text = data.decode("utf-8", errors="replace")
    mended = "\N{REPLACEMENT CHARACTER}" in text and b"\xef\xbf\xbd" not in data
    try:
        return [json.loads(text, strict=False, parse_int=_integer)], mended
    except (ValueError, RecursionError):
        pass
    if not text.lstrip().startswith("{"):
        raise ValueError("neither an object nor JSON")
    return _Reader(text).objects(), True


def whole_text(text: str) -> str:
    """The text with halves of surrogate pairs joined, or replaced where the other half is missing."""
    if text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class _Reader:
    """Reads one value from the left, each rule applied where the strict one does not fit."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def objects(self) -> list[Any]:
        """All objects, with whatever stands between them passed over."""
        read = []
        while (place := self._text.find("{", self._at)) >= 0:
            self._at = place
            read.append(self.value(0, _IN_ARRAY))
        return read

    def value(self, depth: int, ends: re.Pattern[str]) -> Any:
        """The value at the cursor; `ends` tells what may follow a text here."""
        self._skip()
        character = self._text[self._at : self._at + 1]
        if character in ("{", "["):
            if depth > MAX_DEPTH:
                return self._passed_over()
            self._at += 1
            return self._object(depth) if character == "{" else self._array(depth)
        if character == '"':
            return self._string(ends)
        if (number := _NUMBER.match(self._text, self._at)) is not None:
            self._at = number.end()
            digits = number.group()
            return float(digits) if any(mark in digits for mark in ".eE") else int(digits)
        if (word := _WORD.match(self._text, self._at)) is not None:
            self._at = word.end()
            return _WORDS.get(word.group(), math.nan)
        bare = _BARE.match(self._text, self._at)
        self._at = bare.end() if bare else len(self._text)
        return bare.group().strip() if bare else ""

    def _object(self, depth: int) -> dict[str, Any]:
        read: dict[str, Any] = {}
        while True:
            self._skip()
            character = self._text[self._at : self._at + 1]
            if character in ("", "}", "]"):
                self._at += character != "]"
                return read
            if character == '"':
                key = self._string(_KEY_END)
            else:
                colon = self._text.find(":", self._at)
                key = self._text[self._at : colon if colon >= 0 else len(self._text)].strip()
                self._at = colon if colon >= 0 else len(self._text)
            self._skip()
            if self._text[self._at : self._at + 1] == ":":
                self._at += 1
                read[key] = self.value(depth + 1, _IN_OBJECT)

    def _array(self, depth: int) -> list[Any]:
        read: list[Any] = []
        while True:
            self._skip()
            character = self._text[self._at : self._at + 1]
            if character in ("", "]", "}"):
                self._at += character != "}"
                return read
            before = self._at
            read.append(self.value(depth + 1, _IN_ARRAY))
            self._at += self._at == before

    def _string(self, ends: re.Pattern[str]) -> str:
        """The text from the quote at the cursor to the first quote after which the document goes on."""
        start = self._at + 1
        for mark in _QUOTE.finditer(self._text, start):
            if mark.group() == '"' and ends.match(self._text, mark.end()):
                self._at = mark.end()
                return _ESCAPE.sub(_unescaped, self._text[start : mark.start()])
        self._at = len(self._text)
        return _ESCAPE.sub(_unescaped, self._text[start:])

    def _passed_over(self) -> Unreadable:
        """Go behind the brackets that open here."""
        depth, inside = 0, False
        for mark in re.compile(r'\\.|["{}\[\]]', re.DOTALL).finditer(self._text, self._at):
            if mark.group() == '"':
                inside = not inside
            elif not inside and mark.group() in "{[":
                depth += 1
            elif not inside and mark.group() in "}]":
                depth -= 1
                if depth == 0:
                    self._at = mark.end()
                    return UNREADABLE
        self._at = len(self._text)
        return UNREADABLE

    def _skip(self) -> None:
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at


def _unescaped(escape: re.Match[str]) -> str:
    code = escape.group(1)
    return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPED.get(code, code)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= 40 else math.inf
