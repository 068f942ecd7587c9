"""Labelled posts as people keep them: a JSON object a line. Reading and what is wrong with a line; judging is in judge.py."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import polars as pl

from tgstudio_dagster.core.errors import SourceError

Name = Annotated[str, msgspec.Meta(min_length=1)] | int
LARGEST_ID = 2**63 - 1
Id = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_ID)]


class PlainPost(msgspec.Struct):
    """A post of a file: what topics are made from. Fields it doesn't know are passed over."""

    channel: Name
    message_id: Id
    date: datetime
    text: str | None
    lang: str | None = None
    forwarded_from: Name | None = None
    sender_id: Id | None = None
    reply_to: Id | None = None


class LabelledPost(PlainPost, kw_only=True):
    """A post with its event and its story."""

    event: Name
    story: Name


def read_posts(file: Path, *, labelled: bool) -> pl.DataFrame:
    """The posts of a JSON Lines file: channel, message_id, date (UTC), text, lang, forwarded_from, sender_id, reply_to
    (texts), and event and story where `labelled`.

    Blank lines are passed over; a time without a zone is UTC. Raises SourceError with the line's number and the field.
    """
    kind = LabelledPost if labelled else PlainPost
    decoder = msgspec.json.Decoder(kind)
    rows = []
    for number, line in enumerate(_text(file).split("\n"), start=1):  # splitlines would cut at U+2028 too
        if not line.strip():
            continue
        try:
            post = decoder.decode(line)
        except msgspec.MsgspecError as error:
            raise SourceError(f"{file}, line {number}: {error}. A line is an object with {_fields(kind)}.") from error
        rows.append({**msgspec.structs.asdict(post), "date": _utc(post.date)})
    if not rows:
        raise SourceError(f"{file}: holds no posts. Write one object a line, with {_fields(kind)}.")
    names = [name for name in kind.__struct_fields__ if name not in ("message_id", "date")]
    schema = {name: pl.String() for name in names} | {"message_id": pl.Int64(), "date": pl.Datetime("us", "UTC")}
    texts = [{**row, **{name: None if row[name] is None else str(row[name]) for name in names}} for row in rows]
    frame = pl.DataFrame(texts, schema=schema)
    return frame.with_columns(pl.col("lang").fill_null("und"), pl.col("text").fill_null(""))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SourceError(f"{file}: cannot be read: {error.strerror}. Name a JSON Lines file of posts.") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{file}: is no text in UTF-8. Name a JSON Lines file of posts.") from error


def _utc(date: datetime) -> datetime:
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)


def _fields(kind: type[PlainPost]) -> str:
    return ", ".join(field.name for field in msgspec.structs.fields(kind) if field.required)
