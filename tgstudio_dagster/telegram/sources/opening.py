"""Open a file as a source, by its form.

Which files there are is `finding.py`, what each is `forms.py`; reading them is the sources' work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from tgstudio_dagster.catalog.follows.channels import ChannelSeen
from tgstudio_dagster.core.errors import SourceError
from tgstudio_dagster.posts import normalize
from tgstudio_dagster.telegram.sources import desktop_export, html_export, pyrogram_message, tdl_message, telethon_dump
from tgstudio_dagster.telegram.sources.decoding import decode_elements, decode_skeleton
from tgstudio_dagster.telegram.sources.desktop_export import DesktopExport
from tgstudio_dagster.telegram.sources.forms import PACKED, UNDERSTOOD, Form, describe, form_of
from tgstudio_dagster.telegram.sources.html_export import HtmlExport
from tgstudio_dagster.telegram.sources.json_stream import Index, scan, scan_lines
from tgstudio_dagster.telegram.sources.source import NewestDate, Source, Span
from tgstudio_dagster.telegram.sources.telethon_dump import Known, TelethonDump
from tgstudio_dagster.telegram.sources.translated_dump import TranslatedDump

_ANY_RUN = msgspec.json.Decoder(list[Any])
_ANY = msgspec.json.Decoder(Any)
PYROGRAM = "pyrogram_dump"
TDL = "tdl_export"
_LINES: tuple[Form, ...] = ("lines", "pyrogram_lines")


@dataclass(frozen=True)
class Given:
    """What the caller knows of a file, whatever its form.

    `channel` is the username and `title` the title of a file with one channel; `usernames` and `titles` are those known by
    channel id; `known_dates` finds dates of messages that the lake holds; `zone` is that of times that name none;
    `every_chat` says that basic groups and private chats are read.
    """

    first_day: date
    now: datetime
    channel: str | None
    title: str | None
    observed_at: datetime | None
    usernames: Mapping[int, str]
    titles: Mapping[int, str]
    known_dates: Known
    zone: tzinfo
    batch: int
    every_chat: bool = False


def open_source(path: Path, given: Given) -> tuple[Source, datetime]:
    """The file as a source, and when its state was observed: as given, or the newest date in it, or now.

    Raises SourceError that says what the file is and what is understood.
    """
    form = form_of(path)
    if form is None or form in PACKED:
        raise SourceError(f"{path}: {describe(path)}. {UNDERSTOOD}")
    try:
        return _html(path, given) if form == "html" else _json(path, form, given)
    except SourceError as error:
        raise SourceError(f"{path}: {error}") from error


def _html(path: Path, given: Given) -> tuple[Source, datetime]:
    pages = html_export.pages_from(path)
    seen = html_export.survey(pages, given.zone, given.now)
    seen.title = seen.title or given.title or ""
    chat_id = html_export.chat_id_of(seen, given.channel, given.usernames, given.titles, given.known_dates)
    chat = ChannelSeen(
        channel_id=chat_id,
        username=given.channel or given.usernames.get(chat_id),
        title=seen.title,
        kind="private" if seen.kind == "personal_chat" else seen.kind,
    )
    observed = given.observed_at or seen.newest or given.now
    span = Span(given.first_day, observed)
    return HtmlExport(pages, seen, chat, span, given.zone, given.batch, every_chat=given.every_chat), observed


def _json(path: Path, form: Form, given: Given) -> tuple[Source, datetime]:
    patterns = [desktop_export.NEWEST, desktop_export.NEWEST_OLD] if form == "export" else [telethon_dump.NEWEST]
    looks = [NewestDate(pattern, given.now, given.zone) for pattern in patterns]
    with path.open("rb") as stream:
        index = scan_lines(stream, look=looks[0]) if form in _LINES else scan(stream, look=looks[0])
        if given.observed_at is None and looks[0].newest is None:
            _look(stream, looks[-1])
    observed = given.observed_at or looks[0].time() or looks[-1].time() or given.now
    span = Span(given.first_day, observed)
    if form == "export":
        old = looks[0].newest is None
        known = (given.usernames, given.channel, given.batch, given.titles, given.zone, old, given.every_chat)
        return DesktopExport(path, index, span, *known), observed
    if not index.arrays:
        raise SourceError(f"no list of messages. {UNDERSTOOD}")
    common = (path, index, span, given.usernames, given.titles, given.known_dates, given.channel, given.batch)
    if form == "tdl":
        _refuse_without_contents(path, index)
        chat_id = _tdl_chat(index)
        return TranslatedDump(*common, TDL, partial(tdl_message.translate, chat_id=chat_id)), observed
    if form in ("pyrogram", "pyrogram_lines"):
        translate = partial(pyrogram_message.translate, zone=given.zone)
        return TranslatedDump(*common, PYROGRAM, translate, pyrogram_message.is_local), observed
    return TelethonDump(*common), observed


class _TdlHeader(msgspec.Struct):
    id: int | str | None = None


def _tdl_chat(index: Index) -> int:
    """The id of the chat that tdl wrote the messages of."""
    chat_id = decode_skeleton(index.skeleton, _TdlHeader).id
    try:
        return normalize.channel_id(int(chat_id or 0)) or _no_id()
    except ValueError:
        return _no_id()


def _refuse_without_contents(path: Path, index: Index) -> None:
    """tdl writes ids and names of files only, unless it is told to write more."""
    with path.open("rb") as stream:
        elements = index.arrays[0]
        messages = (value for _, value, _ in decode_elements(stream, elements, _ANY_RUN, _ANY))
        first = next((value for value in messages if isinstance(value, dict)), {"date": 0})
    if "date" not in first and "raw" not in first:
        raise SourceError("an export of tdl without texts and dates; make it anew by `tdl chat export --with-content`")


def _no_id() -> int:
    raise SourceError("the export of tdl has no `id` of its chat")


def _look(stream: BinaryIO, look: NewestDate) -> None:
    stream.seek(0)
    while chunk := stream.read(2**22):
        look(chunk)
