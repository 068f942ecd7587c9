"""A page that a stranger wrote: data only, bounded, and what it costs is told."""

from __future__ import annotations

import io
import resource
from pathlib import Path

import pytest

from tests.telegram.conftest import Desk
from tests.telegram.html_pages import entry, generic, page, write_page
from tgstudio_dagster.telegram.sources.html_page import MAX_ELEMENT, MAX_NAME, MAX_TEXT, Entry, Lost, read_page


def items(markup: str | bytes) -> list[object]:
    """What the reader makes of a page."""
    return list(read_page(io.BytesIO(markup.encode() if isinstance(markup, str) else markup)))


def test_scripts_and_handlers_are_text_that_nobody_reads(desk: Desk, tmp_path: Path) -> None:
    text = (
        'before<script>alert(1)</script><img src="x" onerror="alert(2)"><style>p{}</style><svg onload="x()">after</svg>'
    )
    desk.load(write_page(tmp_path, entry(1, text)))
    assert desk.rows()["text"].to_list() == ["beforeafter"]


def test_an_entity_reaches_no_file_and_does_not_multiply(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("SECRET")
    doctype = (
        f'<!DOCTYPE html [<!ENTITY file SYSTEM "{(tmp_path / "secret.txt").as_uri()}"><!ENTITY a "aaaaaaaaaa">'
        '<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
    )
    markup = page(entry(1, "x &file; &c; y")).replace("<!DOCTYPE html>", doctype)
    (entry_read,) = [item for item in items(markup) if isinstance(item, Entry)]
    assert "SECRET" not in entry_read.text and len(entry_read.text) < 100


@pytest.mark.parametrize(
    "path",
    ["../../secret.txt", "/etc/passwd", "file:///etc/passwd", "https://example.org/a.jpg", "//example.org/a.jpg"],
)
def test_a_file_outside_the_exports_folder_is_not_read(desk: Desk, tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.txt").write_text("SECRET")
    media = generic("media_file", title="a.txt", status="6 B", href=path)
    desk.load(write_page(tmp_path / "a" / "b", entry(1, "x", media=media)))
    (item,) = desk.rows()["attachments"].to_list()[0]
    assert item["sha256"] is None and not item["status"].startswith("stored")


def test_a_document_that_somebody_posted_is_not_imported_as_an_export(desk: Desk, tmp_path: Path) -> None:
    write_page(tmp_path, entry(1, "own"))
    write_page(tmp_path / "files", entry(2, "forged"))
    (tmp_path / "files" / "result.json").write_text(
        '{"name": "Forged", "type": "public_channel", "id": 5, "messages": []}'
    )
    desk.load(tmp_path)
    assert desk.rows()["text"].to_list() == ["own"]


def test_a_message_of_endless_markup_ends_the_page_and_is_counted() -> None:
    markup = page(entry(1, "a"), entry(2, "<b>" + "x" * (MAX_ELEMENT + 2**17)), entry(3, "c"))
    entries = [item for item in items(markup) if isinstance(item, Entry)]
    (lost,) = [item for item in items(markup) if isinstance(item, Lost)]
    assert [item.message_id for item in entries] == [1]
    assert lost.count == 2 and "bytes" in lost.reason


def test_a_message_nested_without_end_is_counted_as_lost(desk: Desk, tmp_path: Path) -> None:
    got = desk.load(write_page(tmp_path, entry(1, "a"), entry(2, "<i>" * 5_000 + "deep"), entry(3, "c")))
    assert got.landed + got.rejected >= 2 and got.read == 3
    assert any("cannot be read" in reject.reason for reject in desk.rejects())


def test_long_texts_and_names_are_cut() -> None:
    (read,) = [item for item in items(page(entry(1, "x" * 100_000, sender="n" * 5_000))) if isinstance(item, Entry)]
    assert (len(read.text), len(read.sender or "")) == (MAX_TEXT, MAX_NAME)


def test_bytes_that_are_no_utf8_cost_nothing_else() -> None:
    markup = page(entry(1, "BAD"), entry(2, "Привет")).encode().replace(b"BAD", b"a\xff\xfe\x00\xed\xa0\x80b")
    texts = [item.text for item in items(markup) if isinstance(item, Entry)]
    assert texts[1] == "Привет" and texts[0].startswith("a") and texts[0].endswith("b")
    texts[0].encode()


def test_a_page_of_many_messages_is_read_in_little_memory() -> None:
    block = entry(1, "x" * 2_000).encode()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count = sum(isinstance(item, Entry) for item in read_page(Repeated(block, 20_000)))
    assert count == 20_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000


class Repeated(io.RawIOBase):
    """A page of one block many times, which is nowhere whole."""

    def __init__(self, block: bytes, times: int) -> None:
        self._block = block
        self._left = times
        self._buffer = b'<!DOCTYPE html><html><body><div class="history">'

    def read(self, size: int = -1) -> bytes:
        while len(self._buffer) < size and self._left:
            self._buffer += self._block
            self._left -= 1
        chunk, self._buffer = self._buffer[:size], self._buffer[size:]
        return chunk
