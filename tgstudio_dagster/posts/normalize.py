"""Small decisions that make sources alike: text and entities, times, types, names of files and media.

Pure functions on strings and numbers only; frames are made in `shape.py`, formats are read in `telegram/sources/`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path, PurePosixPath

# Telegram for Desktop and Bot API ids put -100 before a channel's own id (core.telegram.org/api/bots/ids).
_MARK = 1_000_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_HASHTAG = re.compile(r"(?<![\w#/&])#([^\W\d]\w*|\d+[^\W\d]\w*)")
_MENTION = re.compile(r"(?<![\w@./])@([A-Za-z]\w{3,31})\b")
# Bare hosts are links only on t.me: other words with a dot in them are no proof of a link.
_LINK = re.compile(r"(?:https?://|(?<![\w./@])(?:www\.|t\.me/))[^\s<>\"'«»]+", re.IGNORECASE)
_TRAILING = ".,;:!?)]}…*"
_EXTENSION = re.compile(r"[a-z0-9]{1,8}\Z")
_BY_MIME = {
    "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif", "video/mp4": "mp4",
    "video/webm": "webm", "video/quicktime": "mov", "audio/mpeg": "mp3", "audio/ogg": "ogg", "audio/mp4": "m4a",
    "application/pdf": "pdf", "application/x-tgsticker": "tgs", "application/zip": "zip", "text/plain": "txt",
}  # fmt: skip
_BY_KIND = {"photo": "jpg", "video": "mp4", "animation": "mp4", "video_note": "mp4", "voice": "ogg", "sticker": "webp"}
_NAME_BYTES = 120


def unique(values: Iterable[str]) -> list[str]:
    """Each value once, in order, empty ones left out."""
    if isinstance(values, list) and (not values or (len(values) == 1 and values[0])):
        return values
    return list(dict.fromkeys(value for value in values if value))


def hashtag(text: str) -> str:
    """A hashtag in lower case, without # and without the channel of `#tag@channel`."""
    return text.strip().lstrip("#").partition("@")[0].casefold()


def mention(text: str) -> str:
    """A username in lower case, without @."""
    return text.strip().lstrip("@").lower()


def link(text: str) -> str:
    """A URL with a scheme: Telegram shows `example.org` as a link and opens it as http."""
    text = text.strip()
    if not text or "://" in text or text.startswith(("mailto:", "tel:", "tg:")):
        return text
    return f"https://{text}" if text.lower().startswith("t.me/") else f"http://{text}"


def found_in(text: str) -> tuple[list[str], list[str], list[str]]:
    """Hashtags, links and mentions of a text that has no entities."""
    links = [link(match.rstrip(_TRAILING)) for match in _LINK.findall(text)] if "/" in text or "www." in text else []
    bare = _LINK.sub(" ", text) if links else text
    hashtags = [hashtag(match) for match in _HASHTAG.findall(bare)] if "#" in bare else []
    mentions = [mention(match) for match in _MENTION.findall(bare)] if "@" in bare else []
    return unique(hashtags), unique(links), unique(mentions)


def clean(text: str) -> str:
    """The text without NUL, which no database takes and Telegram never sends; whatever else it holds stays."""
    return text.replace("\0", "") if "\0" in text else text


def utf16_slice(encoded: bytes, offset: int, length: int) -> str:
    """Part of a text given as UTF-16-LE: Telegram counts entities in UTF-16 units."""
    if offset < 0 or length < 0:
        return ""
    return encoded[2 * offset : 2 * (offset + length)].decode("utf-16-le", errors="ignore")


def parse_time(value: str | int | float | None, zone: tzinfo = UTC) -> int | None:
    """Microseconds since 1970 of an epoch (number or digits) or an ISO 8601 time, of `zone` where it names none.

    An epoch of 12 to 14 digits is of milliseconds, as data frames write it. None, 0 and the empty string are no
    time. Raises ValueError, naming the value, for anything else.
    """
    if value is None or value == "" or value == 0 or value == "0":
        return None
    try:
        if isinstance(value, int | float):
            return _in_range(round(value * (1_000 if 1e11 <= value < 1e14 else 1_000_000)))
        if value.isascii() and value.isdigit():
            return parse_time(int(value))
        moment = datetime.fromisoformat(value)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"date {str(value)[:40]!r} is neither an ISO 8601 time nor seconds since 1970") from error
    try:
        return to_micros(moment if moment.tzinfo else moment.replace(tzinfo=zone))
    except OverflowError as error:
        raise ValueError(f"date {value[:40]!r} is none of this calendar") from error


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 of a time; a time without a zone is UTC."""
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND


def from_micros(value: int) -> datetime:
    """The time (UTC) of microseconds since 1970."""
    return _EPOCH + value * _MICROSECOND


def _in_range(value: int) -> int:
    # What a datetime of the years 1 to 9999 can hold.
    if not -62_135_596_800_000_000 <= value <= 253_402_300_799_999_999:
        raise ValueError
    return value


def is_marked(value: int) -> bool:
    """Whether an id has the -100… form that only channels and supergroups have."""
    return value < -_MARK


def channel_id(value: int) -> int:
    """Telegram's own positive id of a channel, also from the -100… form of bots."""
    if value < -_MARK:
        return -value - _MARK
    return abs(value)


def username(value: str) -> str:
    """A channel's username from `name`, `@name` or `https://t.me/name`; raises ValueError for anything else."""
    name = re.sub(r"^(?:https?://)?t\.me/(?:s/)?", "", value.strip()).lstrip("@").rstrip("/")
    if not re.fullmatch(r"[A-Za-z]\w{3,31}", name, re.ASCII):
        raise ValueError(f"{value!r} is no username; write for example @telegram")
    return name


def safe_file_name(name: str) -> str | None:
    """The last part of a file name without what breaks paths, terminals or eyes; None if nothing is left.

    Separators, control characters, NUL and bidirectional marks go; emoji and letters of any script stay; at most 120
    bytes of UTF-8, the extension kept.
    """
    name = re.split(r"[/\\]", name)[-1]
    name = "".join(c for c in unicodedata.normalize("NFC", name) if unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
    name = re.sub(r'[<>:"|?*]', "_", name).strip(" .")
    if not name:
        return None
    if len(name.encode()) > _NAME_BYTES:
        stem, dot, extension = name.rpartition(".")
        tail = f".{extension}" if dot and len(extension.encode()) <= 10 else ""
        stem = stem if tail else name
        name = stem.encode()[: _NAME_BYTES - len(tail.encode())].decode(errors="ignore").rstrip(" .") + tail
    return name


def file_extension(file_name: str | None, mime: str | None, kind: str) -> str:
    """Extension of a stored file without the dot: by its name, else its MIME type, else its kind, else `bin`."""
    suffix = PurePosixPath(file_name).suffix.lstrip(".").lower() if file_name else ""
    if _EXTENSION.match(suffix):
        return suffix
    return _BY_MIME.get(mime or "") or _BY_KIND.get(kind, "bin")


def inside(folder: Path, name: str) -> Path | None:
    """The file `name` below `folder`, symbolic links resolved; None if it stands outside or is no path at all."""
    if "\0" in name:
        return None
    root = folder.resolve()
    try:
        target = (root / name).resolve()
    except (OSError, RuntimeError, UnicodeEncodeError):
        return None
    return target if target.is_relative_to(root) and target != root else None
