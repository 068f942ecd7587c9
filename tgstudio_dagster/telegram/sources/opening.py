"""Find the files of an import, tell by their content what they are, and open them as sources.

Knowing the shapes apart belongs here; reading them is the sources' work.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import BinaryIO, Literal

from tgstudio_dagster.core.errors import SourceError
from tgstudio_dagster.telegram.sources import desktop_export, telethon_dump
from tgstudio_dagster.telegram.sources.desktop_export import DesktopExport
from tgstudio_dagster.telegram.sources.json_stream import Index, check_encoding, scan, scan_lines, script_prefix
from tgstudio_dagster.telegram.sources.source import NewestDate, Source, Span
from tgstudio_dagster.telegram.sources.telethon_dump import Known, TelethonDump

Shape = Literal["export", "lines", "array", "page"]
_HEAD = 2**20
_LINES_LOOKED_AT = 50
_OWN_KEY = re.compile(rb'"(?:messages|chats|left_chats)"\s*:')
_TYPE_KEY = re.compile(rb'"_"\s*:\s*"')
# Telethon before 0.18 wrote no `_`.
_PEER_KEY = re.compile(rb'"(?:to_id|peer_id)"\s*:\s*\{\s*"channel_id"\s*:')


def find_files(path: Path) -> list[Path]:
    """The file, or every *.json and *.jsonl below the folder, by name; raises SourceError where there is nothing."""
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.suffix.lower() in (".json", ".jsonl") and file.is_file())
    if not path.exists():
        raise SourceError(f"{path}: no such file or folder.")
    return [path]


def sniff(path: Path) -> Shape | None:
    """What the file's beginning shows: a Desktop export, Telethon's lines, array or page of results; None for neither.

    Raises SourceError where it is no UTF-8 text or cannot be read.
    """
    try:
        with path.open("rb") as stream:
            head = check_encoding(stream.read(_HEAD))
            head = head[script_prefix(head) :].lstrip()
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}).") from error
    except SourceError as error:
        raise SourceError(f"{path}: {error}") from error
    if head.startswith(b"["):
        telethons = _TYPE_KEY.search(head) or _PEER_KEY.search(head)
        return "array" if telethons or head[1:].lstrip() in (b"]", b"") else None
    lines = [line for line in head.splitlines()[:_LINES_LOOKED_AT] if line.strip()]
    if len(lines) > 1 and any(map(telethon_dump.is_element, lines)):
        return "lines"
    if head.startswith(b"{") and telethon_dump.is_dump(head):
        return "page"
    if lines and telethon_dump.is_element(lines[0]):
        return "lines"
    return "export" if head.startswith(b"{") and (_OWN_KEY.search(head) or len(head) > _HEAD // 2) else None


def open_source(
    path: Path,
    *,
    first_day: date,
    now: datetime,
    channel: str | None,
    observed_at: datetime | None,
    usernames: Mapping[int, str],
    titles: Mapping[int, str],
    known_dates: Known,
    batch: int,
    zone: tzinfo,
    every_chat: bool = False,
) -> tuple[Source, datetime]:
    """The file as a source, and when its state was observed: as given, or the newest date in it, or `now`.

    `zone` is that of local times in exports of before 2021; `every_chat` says that basic groups and private chats are read.

    Raises SourceError that says what was found and what is understood.
    """
    shape = sniff(path)
    if shape is None:
        raise SourceError(f"{path}: {_describe(path)}. {_UNDERSTOOD}")
    patterns = [desktop_export.NEWEST, desktop_export.NEWEST_OLD] if shape == "export" else [telethon_dump.NEWEST]
    looks = [NewestDate(pattern, now, zone) for pattern in patterns]
    with path.open("rb") as stream:
        index = scan_lines(stream, look=looks[0]) if shape == "lines" else scan(stream, look=looks[0])
        if observed_at is None and looks[0].newest is None:
            _look(stream, looks[-1])
    observed = observed_at or looks[0].time() or looks[-1].time() or now
    span = Span(first_day, observed)
    try:
        if shape == "export":
            old = looks[0].newest is None
            return DesktopExport(path, index, span, usernames, channel, batch, titles, zone, old, every_chat), observed
        index = _checked(index, path)
        return TelethonDump(path, index, span, usernames, titles, known_dates, channel, batch), observed
    except SourceError as error:
        raise SourceError(f"{path}: {error}") from error


_UNDERSTOOD = (
    "Understood are a Telegram Desktop export in JSON (result.json: `messages`, or `chats` with a `list`) and dumps of "
    "Telethon messages (JSON Lines or a JSON array of Message.to_dict(), each with `_`)."
)


def _describe(path: Path) -> str:
    head = path.open("rb").read(_HEAD).lstrip()
    if not head:
        return "the file is empty"
    if head.startswith(b"["):
        return "a JSON array whose elements have no `_`"
    if head.startswith(b"{"):
        keys = list(dict.fromkeys(re.findall(rb'"([\w -]{1,40})"\s*:', head[:4096])))[:8]
        return "JSON with the keys " + ", ".join(key.decode() for key in keys) if keys else "a JSON object without keys"
    if head[:1] == b"<":
        return "HTML or XML; export from Telegram Desktop again with the format set to JSON"
    return f"no JSON (it begins with {head[:20].decode(errors='replace')!r})"


def _look(stream: BinaryIO, look: NewestDate) -> None:
    stream.seek(0)
    while chunk := stream.read(2**22):
        look(chunk)


def _checked(index: Index, path: Path) -> Index:
    if not index.arrays:
        raise SourceError(f"{path.name}: no list of messages. {_UNDERSTOOD}")
    return index
