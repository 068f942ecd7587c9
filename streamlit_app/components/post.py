"""A post as a card: channel, time, text, media, counters, whether it was edited or deleted, and the way to t.me.

What people wrote is escaped here and nowhere handed to Markdown. Media come from /files, which checks the tenant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st

from streamlit_app.components.media import media_html
from streamlit_app.formats import clock, long_day, moment, short
from streamlit_app.i18n import has, t
from tgstudio_dagster.core.text import escape

SHOWN = 560
"""Letters of a long text that stand before one asks for all of it."""
_LINK = re.compile(r"(?P<url>https?://[^\s<>«»\"]+[^\s<>«»\".,;:!?)\]])|(?P<name>(?<![\w@/])@[A-Za-z]\w{3,31})")
_COUNTERS = (
    ("views", "visibility"),
    ("forwards", "forward"),
    ("reactions", "favorite"),
    ("comments", "chat_bubble"),
)


def post_html(row: Mapping[str, Any], zone: ZoneInfo, *, note: str | None = None, with_day: bool = False) -> str:
    """The card as HTML, for several in one element: a page of fifty is drawn at once."""
    deleted = row.get("deleted_at") is not None
    return (
        f'<article class="ts-post{" ts-deleted" if deleted else ""}">{_head(row, zone, with_day=with_day)}'
        f"{_text(str(row.get('text') or ''))}{media_html(row)}{_foot(row, note)}</article>"
    )


def posts_list(rows: Iterable[Mapping[str, Any]], zone: ZoneInfo) -> None:
    """Posts below each other, newest first, under the head of their day."""
    html: list[str] = []
    shown = None
    for row in rows:
        posted = row["date"].astimezone(zone).date()
        if posted != shown:
            html.append(f'<h2 class="ts-day">{escape(long_day(posted))}</h2>')
            shown = posted
        html.append(post_html(row, zone))
    st.html(f'<div class="ts-posts">{"".join(html)}</div>')


def marked(text: str, marks: Sequence[tuple[int, int]]) -> str:
    """A text with some of its places marked (start and end in letters), as HTML."""
    html, at = [], 0
    for start, end in marks:
        html += [escape(text[at:start]), "<mark>", escape(text[start:end]), "</mark>"]
        at = end
    return "".join([*html, escape(text[at:])]).replace("\n", "<br>")


def hit_html(hit: Any, zone: ZoneInfo) -> str:
    """A found post (`search.find.Hit`) as a card: its snippet with the words that were asked for marked."""
    row = {
        "channel_id": hit.channel_id, "channel": hit.channel, "channel_title": hit.channel_title, "date": hit.date,
        "url": hit.url, "deleted_at": hit.date if hit.deleted else None,
    }  # fmt: skip
    comment = f'<p class="ts-note">{escape(t("post.comment"))}</p>' if hit.comment else ""
    return (
        f'<article class="ts-post">{_head(row, zone, with_day=True)}'
        f'<div class="ts-text">{marked(hit.snippet, hit.marks)}</div>{comment}{_foot(row, None)}</article>'
    )


def _head(row: Mapping[str, Any], zone: ZoneInfo, *, with_day: bool) -> str:
    title = str(row.get("channel_title") or row.get("channel") or row["channel_id"])
    posted = row["date"]
    name = f"<span>@{escape(row['channel'])}</span>" if row.get("channel") else ""
    shown = moment(posted, zone) if with_day else clock(posted, zone)
    marks = []
    if row.get("deleted_at") is not None:
        marks.append(("red", "delete", t("post.deleted"), t("post.deleted_at", moment=moment(row["deleted_at"], zone))))
    edits = row.get("edits") or (row.get("version") or 1) - 1
    if edits > 0:
        when = row.get("edit_date")
        told = t("post.edited_at", moment=moment(when, zone)) if when else t("post.edited_help")
        marks.append(("orange", "edit", t("post.edited", count=edits), told))
    if row.get("forwarded_from"):
        marks.append(("gray", "forward", t("post.forwarded", name=row["forwarded_from"]), ""))
    badges = "".join(
        f'<span class="ts-badge ts-{color}" title="{escape(told)}"><span class="ts-icon" aria-hidden="true">{icon}</span>'
        f"{escape(label)}</span>"
        for color, icon, label, told in marks
    )
    hue = int(row["channel_id"]) * 47 % 360
    letters = "".join(word[0] for word in re.findall(r"\w+", title)[:2]).upper()
    return (
        f'<header><span class="ts-face" style="--hue:{hue}" aria-hidden="true">{escape(letters)}</span>'
        f'<div class="ts-who"><b>{escape(title)}</b>{name}</div>{badges}'
        f'<time datetime="{posted.isoformat()}" title="{escape(moment(posted, zone))}">{escape(shown)}</time></header>'
    )


def _text(text: str) -> str:
    if not text.strip():
        return ""
    if len(text) <= SHOWN * 5 // 4:
        return f'<div class="ts-text">{linked(text)}</div>'
    cut = max(text.rfind(" ", 0, SHOWN), text.rfind("\n", 0, SHOWN))
    cut = cut if cut > SHOWN // 2 else SHOWN
    return (
        f'<div class="ts-text">{linked(text[:cut])}<details><summary>{escape(t("post.more"))}</summary>'
        f"{linked(text[cut:])}</details></div>"
    )


def linked(text: str) -> str:
    """What somebody wrote as HTML: escaped, with its addresses and names of channels as links."""
    html, at = [], 0
    for found in _LINK.finditer(text):
        target = found["url"] or f"https://t.me/{found['name'][1:]}"
        html.append(escape(text[at : found.start()]))
        html.append(f'<a href="{escape(target)}" target="_blank" rel="noopener noreferrer">{escape(found[0])}</a>')
        at = found.end()
    return "".join([*html, escape(text[at:])]).replace("\n", "<br>")


def _foot(row: Mapping[str, Any], note: str | None) -> str:
    counters = "".join(
        f'<span title="{escape(t(f"post.{name}"))}"><span class="ts-icon" aria-hidden="true">{icon}</span>'
        f'<span class="ts-aside">{escape(t(f"post.{name}"))}: </span>{escape(short(row[name]))}</span>'
        for name, icon in _COUNTERS
        if row.get(name) is not None
    )
    kind = row.get("type")
    if kind and kind != "text" and has(f"common.type.{kind}"):
        counters += f"<span>{escape(t(f'common.type.{kind}'))}</span>"
    line = f'<p class="ts-note">{escape(note)}</p>' if note else ""
    link = open_link(row.get("url"))
    return f"{line}<footer>{counters}{link}</footer>"


def open_link(url: str | None) -> str:
    """The way to the post on t.me; empty where it has none (a private export)."""
    if not str(url or "").startswith("https://t.me/"):
        return ""
    return (
        f'<a class="ts-link" href="{escape(str(url))}" target="_blank" rel="noopener noreferrer">{escape(t("post.open"))}'
        '<span class="ts-icon" aria-hidden="true">open_in_new</span></a>'
    )
