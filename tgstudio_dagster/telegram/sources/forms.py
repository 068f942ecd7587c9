"""Tell by a file's first bytes what it is: a form that is read, or one that is only named, and why it is not read.

Magic bytes come first, then the encoding, then the text. What a file is called decides nothing. Reading the forms is the
sources' work; packed files are opened in `unpacking.py`.
"""

from __future__ import annotations

import codecs
import csv
import re
from pathlib import Path
from typing import Any, Literal

import msgspec

from tgstudio_dagster.core.errors import SourceError
from tgstudio_dagster.telegram.sources.json_stream import check_encoding, script_prefix
from tgstudio_dagster.telegram.sources.telethon_dump import is_dump, is_element

Form = Literal["export", "html", "tdl", "lines", "array", "page", "pyrogram_lines", "pyrogram", "zip", "gzip"]
PACKED: tuple[Form, ...] = ("zip", "gzip")
UNDERSTOOD = (
    "Understood are a Telegram Desktop export (result.json, or messages.html), dumps of messages by Telethon or Pyrogram "
    "(JSON Lines, or a JSON array), `tdl chat export --with-content`, and any of these packed as .zip or .gz."
)
_HEAD = 2**20
_LINES_LOOKED_AT = 50

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (
        b"SQLite format 3\0",
        "an SQLite database (of a Telegram session or of an archiving program), which holds no export",
    ),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; pack it as .zip"),
    (b"Rar!\x1a\x07", "a RAR archive; pack it as .zip"),
    (b"BZh", "packed by bzip2; unpack it, or pack it as .zip"),
    (b"\xfd7zXZ\0", "packed by xz; unpack it, or pack it as .zip"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd; unpack it, or pack it as .zip"),
    (b"%PDF-", "a PDF document"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x89PNG", "a PNG picture"),
    (b"GIF8", "a GIF picture"),
    (b"OggS", "an Ogg recording"),
    (b"ID3", "an MP3 recording"),
    (b"PAR1", "a Parquet table"),
    (b"TDF$", "a file of Telegram Desktop's own data (tdata), which is no export"),
    (b"\x80\x04\x95", "a Python pickle, which is not opened: it could run anything; write the messages as JSON"),
)
_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_OWN_KEY = re.compile(rb'"(?:messages|chats|left_chats)"\s*:')
_TYPE_KEY = re.compile(rb'"_"\s*:\s*"')
# Telethon before 0.18 wrote no `_`.
_PEER_KEY = re.compile(rb'"(?:to_id|peer_id)"\s*:\s*\{\s*"channel_id"\s*:')
_HTML = re.compile(rb"\A\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|div)\b", re.IGNORECASE | re.DOTALL)
_HTML_MESSAGES = re.compile(rb'\bclass\s*=\s*["\']message[\s"\']')
_JSON = re.compile(rb'\{\s*["}]|\[\s*(?:[\[{"\]]|(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?)\s*[,\]])')
_FIRST_MESSAGE = re.compile(rb'\A\s*\{(?P<head>[^\[\]{}]*)"messages"\s*:\s*\[\s*(?P<rest>\{.*)', re.DOTALL)


def form_of(path: Path) -> Form | None:
    """The form that the file's beginning shows, None for one that is not read.

    Raises SourceError for a text that is no UTF-8, and for a file that can't be opened.
    """
    head = _head(path)
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if _binary(head) is not None:
        return None
    try:
        text = check_encoding(head)
    except SourceError as error:
        raise SourceError(f"{path}: {error}") from error
    return _text_form(text[script_prefix(text) :].lstrip())


def describe(path: Path) -> str:
    """What the file is, for a person: a clause without a full stop."""
    head = _head(path)
    if head.startswith((b"PK\x03\x04", b"\x1f\x8b")):
        return "an archive within an archive, which is not unpacked"
    if (binary := _binary(head)) is not None:
        return binary
    try:
        text = check_encoding(head)
        text = text[script_prefix(text) :].strip()
    except SourceError as error:
        return str(error).rstrip(".")
    if not text:
        return "the file is empty"
    if _HTML.match(text) or text.startswith(b"<"):
        return "HTML or XML, but no page of a Telegram Desktop export with messages"
    if _JSON.match(text):
        return _json(text)
    return (
        None if text.startswith(b"[") else _table(text)
    ) or f"plain text, no JSON (it begins with {text[:20].decode(errors='replace')!r})"


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_HEAD)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}).") from error


def _binary(head: bytes) -> str | None:
    """What the magic bytes say."""
    if head[257:262] == b"ustar":
        return "a tar archive; pack it as .zip"
    if head[4:8] == b"ftyp":
        return "a video or a recording"
    named = next((name for magic, name in _MAGIC if head.startswith(magic)), None)
    if named is None and b"\0" in head[:64] and not head.startswith(_MARKS) and not _every_other_is_zero(head[:64]):
        return "no text, but binary data of an unknown form"
    return named


def _every_other_is_zero(head: bytes) -> bool:
    """Whether the bytes are Latin letters in UTF-16."""
    return head[1::2].count(0) > len(head) // 3 or head[0::2].count(0) > len(head) // 3


def _text_form(text: bytes) -> Form | None:
    if _HTML.match(text):
        return "html" if _HTML_MESSAGES.search(text) else None
    if text.startswith(b"["):
        if not _TYPE_KEY.search(text) and not _PEER_KEY.search(text) and text[1:].strip() not in (b"]", b""):
            return None
        return "pyrogram" if _is_pyrogram(_first_element(text[1:])) else "array"
    lines = [line for line in text.splitlines()[:_LINES_LOOKED_AT] if line.strip()]
    if any(_is_pyrogram(_decoded(line)) for line in lines[:3]):
        return "pyrogram_lines"
    if len(lines) > 1 and any(map(is_element, lines)):
        return "lines"
    if text.startswith(b"{") and is_dump(text):
        return "page"
    if lines and is_element(lines[0]):
        return "lines"
    if not text.startswith(b"{") or not (_OWN_KEY.search(text) or len(text) > _HEAD // 2):
        return None
    return "tdl" if _is_tdl(text) else "export"


def _is_pyrogram(element: dict[str, Any]) -> bool:
    """Pyrogram writes the chat into each message, where Telethon has the ids of peers."""
    chat = element.get("chat")
    return "_" in element and isinstance(chat, dict) and "id" in chat and not {"peer_id", "to_id"} & element.keys()


def _is_tdl(text: bytes) -> bool:
    """tdl writes the chat's id and the messages, nothing else; their dates are numbers, if they have any."""
    match = _FIRST_MESSAGE.match(text)
    if match is None or b'"name"' in match["head"] or b'"type"' in match["head"] or b'"id"' not in match["head"]:
        return False
    first = _first_element(match["rest"])
    return "date_unixtime" not in first and "from_id" not in first and not isinstance(first.get("date"), str)


def _first_element(text: bytes) -> dict[str, Any]:
    """The first object of a list; empty where it is none, or breaks off."""
    text = text.lstrip()
    depth = 0
    in_string = escaped = False
    for at, byte in enumerate(text[: 2**16]):
        if in_string:
            escaped, in_string = byte == 0x5C and not escaped, byte != 0x22 or escaped
        elif byte == 0x22:
            in_string = True
        elif byte in b"{[":
            depth += 1
        elif byte in b"}]":
            depth -= 1
            if depth == 0:
                return _decoded(text[: at + 1])
    return {}


def _decoded(text: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _json(text: bytes) -> str:
    listed = text.startswith(b"[")
    element = _first_element(text[1:] if listed else text)
    kind = str(element.get("_type", ""))
    if kind.startswith("snscrape"):
        return "posts scraped by snscrape, which hold neither the channel's id nor what else a post is known by"
    if "@type" in element:
        return "objects of TDLib, which are not read"
    if "update_id" in element or {"message_id", "chat"} <= element.keys():
        return "messages as a bot gets them (Bot API), which are not read"
    keys = [key[:40] for key in list(element)[:8]] or _keys(text)
    if listed or _is_lines(text):
        what = "a JSON array" if listed else "JSON Lines"
        if not keys:
            return (
                f"{what} without a message" if text[1:].strip(b" \r\n\t]") == b"" else f"{what} of no objects with `_`"
            )
        return (
            f"{what} whose objects have {', '.join(keys)} but no `_` (the type that Telethon's to_dict() writes), so that "
            "no message says of which channel it is"
        )
    return f"a JSON object with the keys {', '.join(keys)}" if keys else "a JSON object without keys"


def _keys(text: bytes) -> list[str]:
    keys = dict.fromkeys(re.findall(rb'"([\w -]{1,40})"\s*:', text[:4096]))
    return [key.decode(errors="replace") for key in list(keys)[:8]]


def _is_lines(text: bytes) -> bool:
    first, _, rest = text.partition(b"\n")
    return bool(_decoded(first)) and rest.lstrip().startswith(b"{")


def _table(text: bytes) -> str | None:
    """A CSV table by its first two lines, which have as many cells; None for anything else."""
    lines = text.decode(errors="replace").splitlines()[:2]
    for delimiter, name in ((",", "CSV"), (";", "CSV"), ("\t", "TSV")):
        try:
            rows = list(csv.reader(lines, delimiter=delimiter))
        except csv.Error:
            continue
        if len(rows) == 2 and len(rows[0]) == len(rows[1]) > 1:
            return f"a {name} table with the columns {', '.join(cell[:40] for cell in rows[0][:8])}, which is no export"
    return None
