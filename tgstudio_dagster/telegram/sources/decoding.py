"""Elements of a big JSON file as records: run by run, one by one where a run fails, field by field where one does.

Where the elements lie is told by `json_stream.py`; what they mean is the business of the sources.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import Any, BinaryIO, TypeVar

import msgspec
import numpy as np

from tgstudio_dagster.core.errors import SourceError
from tgstudio_dagster.telegram.sources.json_stream import CHUNK, JUNK, Elements, read_run
from tgstudio_dagster.telegram.sources.lenient import UnfitError, convert
from tgstudio_dagster.telegram.sources.loose_json import loads_loosely, mend_escapes, mend_keys

# Telegram's texts end at 4,096 characters; no message comes near this.
MAX_ELEMENT = 32 * 2**20

_RAW = msgspec.json.Decoder(list[msgspec.Raw])

T = TypeVar("T")


@dataclass(frozen=True)
class Bad:
    """Why an element could not be decoded."""

    reason: str
    excerpt: str


Dropped = Mapping[str, int]
"""How often each field was left out of an element, by its name."""
_NOTHING: Dropped = {}
MENDED = "(syntax)"
"""Stands among the names of fields for an element that was no JSON, and was read as it was meant."""
_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decode_elements(
    stream: BinaryIO,
    elements: Elements,
    decoder: msgspec.json.Decoder[list[T]],
    one: msgspec.json.Decoder[T],
    *,
    first: int = 0,
    size: int = 1000,
) -> Iterator[tuple[int, T | Bad, Dropped]]:
    """Decode the elements from `first` on; yields (position, value or why there is none, fields dropped), in order.

    A run that fails is decoded one by one, so that one bad element costs no other, and one odd field no element. Blank
    lines yield nothing.
    """
    while first < len(elements):
        last = min(first + size, len(elements))
        # Runs are also bounded in bytes: an element may be many times the usual size.
        fits = int(np.searchsorted(elements.ends, elements.span(first, last)[0] + CHUNK, side="right"))
        last = min(last, max(fits, first + 1))
        start, stop = elements.span(first, last)
        if stop - start > MAX_ELEMENT:
            yield first, Bad(f"too large: {stop - start:,} bytes; a message is never so large", ""), _NOTHING
        else:
            data = mend_keys(read_run(stream, elements, first, last))
            try:
                values = one.decode_lines(data) if elements.lines else decoder.decode(data)
                whole = len(values) == last - first
            except _ERRORS:
                whole = False
            if whole:
                yield from zip(range(first, last), values, repeat(_NOTHING))
            else:
                yield from _one_by_one(stream, elements, first, last, one)
        first = last


def _one_by_one(
    stream: BinaryIO, elements: Elements, first: int, last: int, one: msgspec.json.Decoder[T]
) -> Iterator[tuple[int, T | Bad, Dropped]]:
    for position in range(first, last):
        start, stop = elements.span(position, position + 1)
        stream.seek(start)
        raw = mend_keys(mend_escapes(stream.read(stop - start).strip(JUNK)))
        if not raw:
            continue
        try:
            # What is neither an object nor an array is not parted from the element that follows it.
            items = [bytes(item) for item in _RAW.decode(b"[" + raw + b"]")]
        except _ERRORS:
            items = [part for part in (raw[: raw.find(b"{")], raw[max(raw.find(b"{"), 0) :]) if part.strip(JUNK)]
        bad = None
        for item in items:
            try:
                yield position, one.decode(item), _NOTHING
            except _ERRORS:
                for value, dropped in _leniently(item, one.type):
                    if isinstance(value, Bad):
                        bad = bad or value
                    else:
                        yield position, value, dropped
        if bad:
            yield position, bad, _NOTHING


def decode_nested(raw: Any, one: msgspec.json.Decoder[T]) -> tuple[T | Bad, Dropped]:
    """What stands within an element: undecoded, or (in one that was read leniently) plain. As `decode_elements`."""
    if isinstance(raw, msgspec.Raw):
        try:
            return one.decode(raw), _NOTHING
        except _ERRORS:
            return _leniently(bytes(raw), one.type)[0]
    try:
        return convert(raw, one.type)
    except UnfitError as error:
        return Bad(f"cannot be read: {error or 'no object'}", str(raw)[:200]), _NOTHING


def _leniently(item: bytes, kind: type[T]) -> list[tuple[T | Bad, Dropped]]:
    """The element without the fields that do not fit; why there is none, where what must be there does not.

    It is several where a fault had hidden their ends, and never none.
    """
    excerpt = item[:200].decode("utf-8", errors="replace")
    try:
        values, mended = loads_loosely(item)
    except ValueError as error:
        return [(Bad(f"cannot be read: {error}", excerpt), _NOTHING)]
    read: list[tuple[T | Bad, Dropped]] = []
    for value in values:
        try:
            record, dropped = convert(value, kind)
        except UnfitError as error:
            read.append((Bad(f"cannot be read: {error or 'no object'}", excerpt), _NOTHING))
            continue
        if mended:
            dropped[MENDED] += 1
        read.append((record, dropped))
    return read


def decode_skeleton(data: bytes, kind: type[T]) -> T:
    """The skeleton as `kind`, without the fields that do not fit; raises SourceError if it is no object."""
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return msgspec.json.decode(data, type=kind)
    except _ERRORS as error:
        try:
            record: T = convert(loads_loosely(mend_escapes(data))[0][0], kind)[0]
        except ValueError:
            raise SourceError(f"The file is not a JSON document of a known shape: {error}.") from error
        return record
