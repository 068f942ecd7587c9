"""Text that Streamlit would read as Markdown, made to stand for itself. Pure; `door.py` applies it to every widget.

A `str` that reaches a widget is what somebody wrote, and is escaped. What is meant as Markdown says so by its type:
`Markdown`, or `Words` of the pages' own (i18n), in which the values are escaped and the words around them are not.
"""

from __future__ import annotations

import re

from tgstudio_dagster.core.text import visible

_ALWAYS = re.compile(r"([\\`*_{}\[\]<>~$|&])")
_FIRST = re.compile(r"^([#+\-=:])|^(\d+)([.)])(?=\s|$)")
_DIRECTIVE = re.compile(r":(?=[A-Za-z])")
_SHORTCODE = re.compile(r":(?=[\w+\-/]+:)|(?<=http):(?=//)|(?<=https):(?=//)", re.IGNORECASE)
_BARE = re.compile(r"(\bwww)(?=\.)|(@)(?=[\w.\-]+\.\w)", re.IGNORECASE)
_ARROW = re.compile(r"(?<!\S)(<->|->|<-|--|>=|<=|~=)(?!\S)")
_JOINER = "\N{WORD JOINER}"
"""Without width. Streamlit replaces names of icons and emoji, arrows and bare addresses after it has undone the escapes."""


class Markdown(str):
    """Markdown of the pages' own."""

    __slots__ = ()


class Words(str):
    """Words of a page: as text the values stand in them as they are; as `markdown` they are escaped."""

    markdown: Markdown

    def __new__(cls, text: str, markdown: str) -> Words:
        """The words as text, and the same as Markdown."""
        words = super().__new__(cls, text)
        words.markdown = Markdown(markdown)
        return words

    def __reduce__(self) -> tuple[type[Words], tuple[str, str]]:
        """What a copy is made of."""
        return Words, (str(self), str(self.markdown))


def plain(text: object) -> Markdown:
    """The text as Markdown that shows every sign as it is, on one line, without links, icons or emoji of its own.

    `Markdown` is returned as it is, `Words` with their values escaped.
    """
    if isinstance(text, Markdown):
        return text
    if isinstance(text, Words):
        return text.markdown
    line = _ARROW.sub(lambda arrow: arrow[0][0] + _JOINER + arrow[0][1:], " ".join(visible(str(text)).split()))
    line = _BARE.sub(lambda bare: bare[0] + _JOINER, _SHORTCODE.sub(":" + _JOINER, line))
    line = _ALWAYS.sub(r"\\\1", line)
    line = _DIRECTIVE.sub(r"\\:", line)
    return Markdown(_FIRST.sub(lambda first: f"\\{first[1]}" if first[1] else f"{first[2]}\\{first[3]}", line))


def bold(text: object) -> Markdown:
    """The text, bold."""
    return Markdown(f"**{plain(text)}**")


def code(text: object) -> Markdown:
    """The text as code."""
    return Markdown(f"`{str(text).replace('`', '')}`")


def badge(text: object, color: str, icon: str | None = None) -> Markdown:
    """The text as a badge; `icon` is the name of one of Material's."""
    picture = f":material/{icon}: " if icon else ""
    return Markdown(f":{color}-badge[{picture}{plain(text)}]")


def joined(*parts: object, by: str = " · ") -> Markdown:
    """The parts, each as `plain` gives it, beside each other."""
    return Markdown(by.join(plain(part) for part in parts))


_CHART_TAG = re.compile(r"<(?!/?b>|br>)")


def in_chart(text: str) -> str:
    """The text for a chart, which would read tags and entities as HTML."""
    return visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def without_links(text: str) -> str:
    """A chart's text in which nothing but bold type and line breaks is HTML: the net below `in_chart`."""
    return _CHART_TAG.sub("&lt;", text)
