"""Find the elements of the big arrays of a JSON file without decoding it: a small index, then runs of elements.

Only bytes and offsets belong here; elements are decoded in `decoding.py`.

One pass reads the file in chunks. Unescaped quotes say by parity which brackets stand outside strings, and a running sum
of those brackets is the depth; an element ends where the depth returns to its array's. The index costs eight bytes an
element, so any file is read in little memory, and a run can start anywhere: resuming needs one number.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tgstudio_dagster.core.errors import SourceError

CHUNK = 4 * 2**20
# What is outside the arrays is kept in memory: the headers of the chats, contacts and the like.
MAX_SKELETON = 64 * 2**20
_ARRAY_KEY = re.compile(rb'(?<!\\)"messages"\s*:\s*\[\Z')
JUNK = b" \t\r\n,"
_INDENTED_KEY = re.compile(rb'"messages"\s*:\s*\[')
# Between documents, and behind a script.
_BETWEEN = b" \t\r\n,;"
_SCRIPT = re.compile(
    rb'(?:\xef\xbb\xbf)?\s*(?:(?:var|let|const)\s+)?[A-Za-z_$][\w$.]*(?:\["[^"\n]*"\])?\s*=\s*(?=[{\[])'
)


@dataclass(frozen=True)
class Elements:
    """One array, or the lines of a file. `ends` are the absolute offsets just behind each element."""

    start: int
    ends: NDArray[np.int64]
    lines: bool = False

    def __len__(self) -> int:
        return len(self.ends)

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Byte range of the elements first (inclusive) to last (exclusive)."""
        return (int(self.ends[first - 1]) if first else self.start), int(self.ends[last - 1])


@dataclass(frozen=True)
class Index:
    """A scanned file. `roots` are its documents, one or several behind each other, each as JSON with every array of
    messages replaced by `[<number in arrays>]`."""

    roots: list[bytes]
    arrays: list[Elements]
    size: int
    broken_at: int | None

    @property
    def skeleton(self) -> bytes:
        """The first document."""
        return self.roots[0] if self.roots else b""

    @property
    def total(self) -> int:
        """Number of elements in all arrays."""
        return sum(len(array) for array in self.arrays)


def check_encoding(head: bytes) -> bytes:
    """The file's beginning without a UTF-8 byte order mark; raises SourceError if it is no UTF-8."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in head[:64]:
        raise SourceError("The file is UTF-16 or UTF-32, or no text at all; convert it to UTF-8 and import that.")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError as error:
        raise SourceError(
            f"The file is not UTF-8 (byte {error.start} is {head[error.start]:#04x}); convert it to UTF-8, "
            "for example with iconv."
        ) from error
    return head.removeprefix(codecs.BOM_UTF8)


def scan_lines(stream: BinaryIO, *, look: Callable[[bytes], None] | None = None, chunk_size: int = CHUNK) -> Index:
    """Index of a JSON Lines file: one element a line. `look` sees every chunk."""
    ends: list[NDArray[np.int64]] = []
    offset, last = 0, b""
    while chunk := stream.read(chunk_size):
        if look:
            look(chunk)
        ends.append(np.flatnonzero(np.frombuffer(chunk, dtype=np.uint8) == 0x0A) + (offset + 1))
        offset, last = offset + len(chunk), chunk[-1:]
    if last not in (b"", b"\n"):
        ends.append(np.array([offset], dtype=np.int64))
    start = _bom(stream)
    return Index([], [Elements(start, _joined(ends), lines=True)], offset, None)


def scan(stream: BinaryIO, *, look: Callable[[bytes], None] | None = None, chunk_size: int = CHUNK) -> Index:
    """Index of a JSON document: the arrays under the key `messages`, or the root if that is an array.

    A file that breaks off gives all that is complete, and `broken_at`. `look` sees every chunk. Raises SourceError if
    there is more outside the arrays than an export ever holds.
    """
    scanner = _Scanner()
    offset, held = 0, b""
    while True:
        read = stream.read(chunk_size)
        if read and look:
            look(read)
        chunk = held + read
        if not chunk or (scanner.done is not None and not read):
            break
        if not offset:
            start = script_prefix(chunk)
            chunk = b" " * start + chunk[start:]
        # A backslash at the end of a chunk would be parted from what it escapes.
        slashes = len(chunk) - len(chunk.rstrip(b"\\"))
        held = chunk[-1:] if read and slashes % 2 else b""
        chunk = chunk[: len(chunk) - len(held)]
        if scanner.done is None:
            scanner.feed(chunk, offset)
        offset += len(chunk)
    index = scanner.finish(offset)
    if index.broken_at is None:
        return index
    indented = _scan_indented(stream)
    return indented if indented.total > index.total else index


def _scan_indented(stream: BinaryIO) -> Index:
    """As `scan`, by the indentation that Telegram Desktop writes: it tells where messages end whatever quotes they lack."""
    skeleton = bytearray()
    arrays: list[Elements] = []
    ends: list[int] = []
    key: bytes | None = None
    element = b""
    offset = start = 0
    stream.seek(0)
    for line in stream:
        body = line.rstrip()
        content = body.lstrip()
        indent = body[: len(body) - len(content)]
        if key is None:
            skeleton += line
            if _INDENTED_KEY.fullmatch(content):
                key, start, ends, element = indent, offset + len(line), [], b""
                skeleton += str(len(arrays)).encode()
        elif indent == key and content.rstrip(b",") == b"]":
            arrays.append(Elements(start, np.array(ends, dtype=np.int64)))
            skeleton += line
            key = None
        elif content == b"{" and not element:
            element = indent
        elif content.rstrip(b",") == b"}" and indent == element:
            ends.append(offset + len(body) - content.count(b","))
        offset += len(line)
    broken = None
    if key is not None:
        arrays.append(Elements(start, np.array(ends, dtype=np.int64)))
        broken = ends[-1] if ends else start
        skeleton += b"]}"
    return Index([bytes(skeleton).strip(_BETWEEN)], arrays, offset, broken)


def script_prefix(head: bytes) -> int:
    """How many bytes stand before the JSON of a file that is a script: `window.data = {…};`."""
    prefix = _SCRIPT.match(head)
    return prefix.end() if prefix else 0


class _Scanner:
    """State of a scan between chunks."""

    def __init__(self) -> None:
        self.skeleton = bytearray()
        self.arrays: list[Elements] = []
        self.done: int | None = None
        self._roots: list[int] = []
        self._sound = (0, 0)
        self._open: list[int] = []
        self._sound_open: list[int] = []
        self._in_string = 0
        self._depth = 0
        self._array: int | None = None
        self._ends: list[NDArray[np.int64]] = []
        self._start = 0
        self._last = 0

    def feed(self, chunk: bytes, offset: int) -> None:
        """Take the next bytes, which begin at `offset` and do not end within an escape."""
        codes = np.frombuffer(chunk, dtype=np.uint8)
        quotes = _unescaped(codes, np.flatnonzero(codes == 0x22))
        # { and [ differ in one bit only, and so do } and ].
        folded = codes | 0x20
        places = np.flatnonzero((folded == 0x7B) | (folded == 0x7D))
        places = places[((np.searchsorted(quotes, places) + self._in_string) & 1) == 0]
        self._in_string = (self._in_string + len(quotes)) & 1
        steps = np.where(folded[places] == 0x7B, 1, -1)
        depths = self._depth + np.cumsum(steps)
        if len(depths):
            self._depth = int(depths[-1])
        at, cursor = 0, 0
        closings: dict[int, tuple[NDArray[np.intp], NDArray[np.intp]]] = {}
        while self.done is None:
            if self._array is None:
                at, cursor = self._outside(chunk, offset, places, at, cursor)
                if self._array is None:
                    break
            level = self._array
            if level not in closings:
                closings[level] = (np.flatnonzero(depths < level), np.flatnonzero((depths == level) & (steps < 0)))
            leaving, ending = closings[level]
            exits = leaving[np.searchsorted(leaving, at) :]
            stop = int(exits[0]) if len(exits) else len(places)
            inner = ending[np.searchsorted(ending, at) : np.searchsorted(ending, stop)]
            self._ends.append(places[inner] + (offset + 1))
            if len(inner):
                self._last = int(places[inner[-1]]) + offset + 1
            if stop == len(places):
                cursor = len(chunk)
                break
            cursor = int(places[stop])
            # Something that is neither an object nor an array after the last one that is.
            left = chunk[max(self._last - offset, self._start - offset, 0) : cursor]
            if left.strip(JUNK):
                self._ends.append(np.array([cursor + offset], dtype=np.int64))
            self._close_array()
            at = stop

    def _outside(self, chunk: bytes, offset: int, places: NDArray[np.intp], at: int, cursor: int) -> tuple[int, int]:
        """Walk the brackets outside arrays; returns the next bracket and the next byte to look at."""
        while at < len(places):
            for place in places[at : at + 256].tolist():
                at += 1
                self.skeleton += chunk[cursor:place]
                cursor = place + 1
                bracket = chunk[place]
                if self._is_behind_the_end():
                    self.done = self._sound[1]
                    return at, cursor
                self.skeleton.append(bracket)
                if bracket in b"{[":
                    root = bracket == 0x5B and not self._open
                    self._open.append(0x7D if bracket == 0x7B else 0x5D)
                    if root or (bracket == 0x5B and _ARRAY_KEY.search(self.skeleton[-4096:])):
                        self._array = len(self._open)
                        self._start = self._last = offset + cursor
                        self.skeleton += str(len(self.arrays)).encode()
                elif not self._open or self._open.pop() != bracket:
                    self.done = offset + place
                    del self.skeleton[-1:]
                    return at, cursor
                elif not self._open:
                    self._roots.append(len(self.skeleton))
                self._sound, self._sound_open = (len(self.skeleton), offset + cursor), list(self._open)
                if self._array is not None or self.done is not None:
                    return at, cursor
            if len(self.skeleton) > MAX_SKELETON:
                raise SourceError(
                    f"The file holds no `messages` array in its first {offset + cursor:,} bytes. "
                    "Understood are a Telegram Desktop export (result.json) and dumps of Telethon messages."
                )
        self.skeleton += chunk[cursor:]
        return at, len(chunk)

    def _close_array(self) -> None:
        self.arrays.append(Elements(self._start, _joined(self._ends)))
        self._ends, self._array = [], None

    def _is_behind_the_end(self) -> bool:
        """Whether something else than a further document stands behind one."""
        return bool(self._roots and not self._open and self.skeleton[self._sound[0] :].strip(_BETWEEN))

    def finish(self, size: int) -> Index:
        """The index, with a sound skeleton even if the file breaks off."""
        broken: int | None = None
        if self._array is not None:
            broken = self._last
            self._close_array()
        elif self.done is not None or self._open or not self._roots or self._is_behind_the_end():
            broken = self._sound[1] if self.done is None else self.done
        starts = [0, *self._roots]
        roots = [bytes(self.skeleton[start:end]).strip(_BETWEEN) for start, end in pairwise(starts)]
        if self._sound_open:
            rest = bytes(self.skeleton[starts[-1] : self._sound[0]]).strip(_BETWEEN)
            roots.append(rest + bytes(reversed(self._sound_open)))
        return Index(roots, self.arrays, size, broken)


def read_run(stream: BinaryIO, elements: Elements, first: int, last: int) -> bytes:
    """The bytes of the elements first (inclusive) to last (exclusive), as a JSON array, or as lines."""
    start, stop = elements.span(first, last)
    stream.seek(start)
    data = stream.read(stop - start)
    return data if elements.lines else b"".join((b"[", data.lstrip(JUNK), b"]"))


def _unescaped(codes: NDArray[np.uint8], quotes: NDArray[np.intp]) -> NDArray[np.intp]:
    """The quotes that no odd run of backslashes stands before."""
    # The first byte of a chunk is never escaped; where it is a quote, it is compared with itself.
    escaped = codes[np.maximum(quotes - 1, 0)] == 0x5C
    twice = escaped & (codes[np.maximum(quotes - 2, 0)] == 0x5C)
    for place in np.flatnonzero(twice).tolist():
        quote = before = int(quotes[place])
        while before and codes[before - 1] == 0x5C:
            before -= 1
        escaped[place] = (quote - before) % 2 == 1
    unescaped: NDArray[np.intp] = quotes[~escaped]
    return unescaped


def _joined(parts: list[NDArray[Any]]) -> NDArray[np.int64]:
    return np.concatenate(parts).astype(np.int64) if parts else np.empty(0, dtype=np.int64)


def _bom(stream: BinaryIO) -> int:
    stream.seek(0)
    return len(codecs.BOM_UTF8) if stream.read(3) == codecs.BOM_UTF8 else 0
