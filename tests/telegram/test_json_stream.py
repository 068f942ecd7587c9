"""The splitter of big JSON, against json.loads."""

from __future__ import annotations

import io
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tgstudio_dagster.core.errors import SourceError
from tgstudio_dagster.telegram.sources import decoding, json_stream
from tgstudio_dagster.telegram.sources.decoding import Bad, decode_elements
from tgstudio_dagster.telegram.sources.json_stream import Index, check_encoding, scan, scan_lines

texts = st.text(st.sampled_from('ab"\\{}[],: \n\tйё👍/'), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
elements = st.dictionaries(texts, values, max_size=4) | st.lists(values, max_size=3)
_MANY = msgspec.json.Decoder(list[Any])
_ONE = msgspec.json.Decoder(Any)


def read(data: bytes, index: Index, size: int = 3) -> list[list[Any]]:
    stream = io.BytesIO(data)
    return [[item for _, item, _ in decode_elements(stream, array, _MANY, _ONE, size=size)] for array in index.arrays]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(elements, max_size=6),
    st.dictionaries(texts, values, max_size=3),
    st.dictionaries(texts, values, max_size=3),
    st.integers(1, 40),
    st.sampled_from([None, 0, 1, 3]),
    st.booleans(),
)
def test_the_elements_of_messages_are_those_of_json_loads(
    messages: list[Any], before: dict[str, Any], after: dict[str, Any], chunk: int, indent: int | None, ascii_only: bool
) -> None:
    document = {**before, "messages": messages, **{f"x{key}": value for key, value in after.items()}}
    data = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode()
    index = scan(io.BytesIO(data), chunk_size=chunk)
    assert index.broken_at is None
    assert read(data, index) == [messages]
    assert json.loads(index.skeleton) == {**document, "messages": [0]}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(elements, max_size=4), max_size=4), st.integers(1, 60))
def test_every_chat_of_an_account_has_its_own_array(chats: list[list[Any]], chunk: int) -> None:
    listed = [{"id": n, "messages": messages, "name": "}"} for n, messages in enumerate(chats)]
    data = json.dumps({"about": "[", "chats": {"list": listed}}, ensure_ascii=False).encode()
    assert read(data, scan(io.BytesIO(data), chunk_size=chunk)) == chats


@settings(max_examples=60, deadline=None)
@given(st.lists(elements, max_size=5), st.integers(1, 30))
def test_a_root_array_is_split(items: list[Any], chunk: int) -> None:
    data = json.dumps(items).encode()
    assert read(data, scan(io.BytesIO(data), chunk_size=chunk)) == [items]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(texts, values, max_size=3), max_size=6), st.integers(1, 30), st.booleans())
def test_lines_are_split(items: list[Any], chunk: int, ends: bool) -> None:
    data = ("\n".join(json.dumps(item) for item in items) + ("\n" if ends and items else "")).encode()
    assert read(data, scan_lines(io.BytesIO(data), chunk_size=chunk)) == [items]


@settings(max_examples=120, deadline=None)
@given(st.lists(elements, min_size=1, max_size=5), st.data())
def test_a_truncated_file_gives_all_that_is_complete(messages: list[Any], data: st.DataObject) -> None:
    whole = json.dumps({"id": 1, "messages": messages}, ensure_ascii=False).encode()
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    index = scan(io.BytesIO(cut), chunk_size=data.draw(st.integers(1, 50)))
    assert index.broken_at is not None
    assert index.broken_at <= len(cut)
    got = [item for array in read(cut, index) for item in array]
    assert got == messages[: len(got)]
    complete = sum(len(json.dumps({"id": 1, "messages": messages[:n]}, ensure_ascii=False).encode()) - 2 <= len(cut)
                   for n in range(1, len(messages) + 1))  # fmt: skip
    assert len(got) == complete


def test_resuming_in_the_middle_gives_the_rest() -> None:
    items = [{"n": n, "text": "]" * n} for n in range(25)]
    data = json.dumps({"messages": items}).encode()
    (array,) = scan(io.BytesIO(data)).arrays
    for first in (0, 1, 7, 24, 25):
        rest = [item for _, item, _ in decode_elements(io.BytesIO(data), array, _MANY, _ONE, first=first, size=4)]
        assert rest == items[first:]


def test_one_bad_element_costs_no_other() -> None:
    class Item(msgspec.Struct):
        id: int

    data = b'{"messages": [{"id": 1}, {"id": "x"}, null, {"id": 3}, 7]}'
    (array,) = scan(io.BytesIO(data)).arrays
    many, one = msgspec.json.Decoder(list[Item]), msgspec.json.Decoder(Item)
    got = [pair for pair in decode_elements(io.BytesIO(data), array, many, one)]  # noqa: C416
    assert [item.id for _, item, _ in got if isinstance(item, Item)] == [1, 3]
    assert len([item for _, item, _ in got if isinstance(item, Bad)]) == 3


def test_the_control_characters_that_desktop_writes_are_read() -> None:
    data = rb'{"messages": ["a\x0bb", "c\\x0b"]}'.replace(b'["', b'[{"t": "').replace(b'", "', b'"}, {"t": "')
    data = data.replace(b'"]', b'"}]')
    assert read(data, scan(io.BytesIO(data))) == [[{"t": "a\x0bb"}, {"t": "c\\x0b"}]]


@pytest.mark.parametrize("between", [b" ", b"\n", b"", b";\n", b","])
def test_documents_behind_each_other_are_all_read(between: bytes) -> None:
    data = between.join([b'{"id": 1, "messages": [{}]}', b'{"id": 2, "messages": [{"a": 1}]}', b'[{"b": 2}]'])
    for chunk in (1, 5, 100):
        index = scan(io.BytesIO(data), chunk_size=chunk)
        assert index.broken_at is None
        assert read(data, index) == [[{}], [{"a": 1}], [{"b": 2}]]
        assert index.roots == [b'{"id": 1, "messages": [0]}', b'{"id": 2, "messages": [1]}', b"[2]"]


def test_what_is_no_document_behind_the_first_is_noticed() -> None:
    data = b'{"messages": [{}]} and {"messages": [{"a": 1}]}'
    for chunk in (1, 5, 100):
        index = scan(io.BytesIO(data), chunk_size=chunk)
        assert index.broken_at == 18
        assert read(data, index) == [[{}]]


@pytest.mark.parametrize("prefix", [b"window.data = ", b"var a=", b'window["x [1]"] =\n', b"\xef\xbb\xbfYTD.part0 = "])
def test_a_script_around_the_document_is_passed_over(prefix: bytes) -> None:
    data = prefix + b'{"messages": [{"a": 1}]};\n'
    index = scan(io.BytesIO(data))
    assert (index.broken_at, read(data, index)) == (None, [[{"a": 1}]])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "cp1251"])
def test_another_encoding_is_named(encoding: str) -> None:
    with pytest.raises(SourceError, match="UTF-8"):
        check_encoding('{"name": "Новости"}'.encode(encoding))


def test_a_byte_order_mark_is_taken_off() -> None:
    assert check_encoding(b"\xef\xbb\xbf{}") == b"{}"
    data = b'\xef\xbb\xbf{"messages": [{"a": 1}]}'
    assert read(data, scan(io.BytesIO(data))) == [[{"a": 1}]]
    lines = b'\xef\xbb\xbf{"a": 1}\n'
    assert read(lines, scan_lines(io.BytesIO(lines))) == [[{"a": 1}]]


def test_a_json_file_without_messages_is_given_up_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "MAX_SKELETON", 1000)
    with pytest.raises(SourceError, match="messages"):
        scan(io.BytesIO(json.dumps({"rows": [{"n": n} for n in range(999)]}).encode()), chunk_size=64)


def test_an_element_beyond_all_bounds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MAX_ELEMENT", 100)
    data = json.dumps({"messages": [{"t": "x" * 500}]}).encode()
    (got,) = read(data, scan(io.BytesIO(data)))
    assert isinstance(got[0], Bad)
    assert "bytes" in got[0].reason
