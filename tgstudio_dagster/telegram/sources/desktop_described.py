"""The text of a message of a Desktop export that has none of its own: that of its poll, list, invoice, game or event.

Desktop's writer puts each under a key of its own (export_output_json.cpp); anything of another form is passed over.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Medium(msgspec.Struct, gc=False):
    """What a message may hold beside its text, as the export has it."""

    todo_list: Any = None
    giveaway_information: Any = None
    giveaway_results: Any = None
    invoice_information: Any = None
    game_title: str | None = None
    game_description: str | None = None
    information_text: str | None = None
    webview_text: str | None = None
    title: Any = None
    new_title: Any = None
    place_name: str | None = None
    address: str | None = None


def is_other(medium: Medium) -> bool:
    """Whether the message is of something that has no type of its own."""
    others = (
        medium.todo_list, medium.giveaway_information, medium.giveaway_results, medium.invoice_information,
        medium.game_title,
    )  # fmt: skip
    return any(other is not None for other in others)


def described(medium: Medium, *, service: bool = False) -> str:
    """The text, a line for each part; empty where there is nothing to tell."""
    if isinstance(medium.todo_list, dict):
        items = medium.todo_list.get("answers", medium.todo_list.get("items"))
        rows = (
            [f"• {plain(item.get('text'))}" for item in items if isinstance(item, dict)]
            if isinstance(items, list)
            else []
        )
        return _lines(plain(medium.todo_list.get("title")), *rows)
    if isinstance(medium.invoice_information, dict):
        return _lines(*(plain(medium.invoice_information.get(key)) for key in ("title", "description")))
    for giveaway in (medium.giveaway_information, medium.giveaway_results):
        if isinstance(giveaway, dict):
            return plain(giveaway.get("additional_prize"))
    if medium.game_title is not None:
        return _lines(medium.game_title, medium.game_description or "")
    if medium.place_name or medium.address:
        return _lines(medium.place_name or "", medium.address or "")
    # The title of a song is no caption: it would part an album of audio.
    titles = plain(medium.title) or plain(medium.new_title) if service else ""
    return medium.information_text or medium.webview_text or titles


def plain(value: Any) -> str:
    """A text as a string, or as a list of strings and entities."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return plain(value.get("text"))
    return "".join(map(plain, value)) if isinstance(value, list) else ""


def _lines(*lines: str) -> str:
    return "\n".join(line for line in lines if line.strip())
