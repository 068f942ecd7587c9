"""Stored files: of one's own tenant only, in parts where asked, never run by a browser."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.web.site import Client, Site

CONTENT = bytes(range(256)) * 40
SIZE = len(CONTENT)


@pytest.fixture
def uri(site: Site) -> str:
    return site.studio("acme").scope.lake.put_file(CONTENT, "jpg").uri


@pytest.fixture
def program(site: Site) -> Client:
    return site.program("acme", "read", role="viewer")


def test_a_file_comes_whole_with_its_kind_and_never_changes(program: Client, uri: str) -> None:
    answer = program.get(f"/files/{uri}")
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-type"] == "image/jpeg" and answer.headers["content-length"] == str(SIZE)
    assert answer.headers["accept-ranges"] == "bytes" and "immutable" in answer.headers["cache-control"]
    again = program.get(f"/files/{uri}", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=100-", 100, SIZE - 1),
        ("bytes=-5", SIZE - 5, SIZE - 1),
        (f"bytes=5-{SIZE * 9}", 5, SIZE - 1),
        (f"bytes=-{SIZE - 1}", 1, SIZE - 1),
    ],
)
def test_a_part_is_that_part(program: Client, uri: str, asked: str, first: int, last: int) -> None:
    answer = program.get(f"/files/{uri}", headers={"range": asked})
    assert (answer.status_code, answer.content) == (206, CONTENT[first : last + 1])
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{SIZE}"


@pytest.mark.parametrize("asked", ["bytes=5-1", "bytes=-", "bytes=0-1,5-6", "lines=1-2", "bytes=a-b", f"bytes=-{SIZE}"])
def test_what_is_no_single_part_is_the_whole(program: Client, uri: str, asked: str) -> None:
    answer = program.get(f"/files/{uri}", headers={"range": asked})
    assert (answer.status_code, len(answer.content)) == (200, SIZE)


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=-0"])
def test_a_part_behind_the_end_is_none(program: Client, uri: str, asked: str) -> None:
    answer = program.get(f"/files/{uri}", headers={"range": asked})
    assert answer.status_code == 416 and answer.headers["content-range"] == f"bytes */{SIZE}"
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_part_of_another_version_is_the_whole(program: Client, uri: str) -> None:
    asked = {"range": "bytes=0-1", "if-range": '"another"'}
    assert program.get(f"/files/{uri}", headers=asked).status_code == 200
    assert program.get(f"/files/{uri}", headers={**asked, "if-range": f'"{uri}"'}).status_code == 206


@pytest.mark.parametrize("extension", ["html", "svg", "xml", "js", "pdf", "exe", "unknown"])
def test_what_a_browser_might_run_is_downloaded(site: Site, program: Client, extension: str) -> None:
    uri = site.studio("acme").scope.lake.put_file(b"<script>alert(1)</script>", extension).uri
    headers = program.get(f"/files/{uri}").headers
    assert headers["content-disposition"].startswith("attachment")
    assert headers["x-content-type-options"] == "nosniff" and "sandbox" in headers["content-security-policy"]


def test_a_picture_is_shown_where_it_stands(program: Client, uri: str) -> None:
    assert program.get(f"/files/{uri}").headers["content-disposition"].startswith("inline")


def test_nobody_else_s_and_nothing_else_is_there(site: Site, program: Client, uri: str) -> None:
    other = site.program("other", "read")
    assert other.get(f"/files/{uri}").status_code == 404
    assert other.get(f"/files/{uri}", headers={"if-none-match": f'"{uri}"'}).status_code == 404
    assert site.nobody().get(f"/files/{uri}").status_code == 401
    assert program.get(f"/files/{'0' * 64}.jpg").status_code == 404
    for path in ("/files/nothing", "/files/..%2f..%2fcatalog.sqlite", f"/files/{uri}%00", f"/files/{uri.upper()}"):
        assert program.get(path).status_code in (401, 404, 422), path


@settings(max_examples=200)
@given(first=st.integers(0, 300), last=st.integers(0, 300), size=st.integers(1, 200), form=st.sampled_from("fls"))
def test_any_range_lies_within_the_file(first: int, last: int, size: int, form: str) -> None:
    from starlette.requests import Request

    from tgstudio_dagster.web.files import _range

    asked = {"f": f"bytes={first}-{last}", "l": f"bytes={first}-", "s": f"bytes=-{last}"}[form]
    request = Request({"type": "http", "headers": [(b"range", asked.encode())]})
    found = _range(request, size, None)
    if found is not None:
        assert 0 <= found[0] <= found[1] < size
    else:
        assert (form in "fl" and first >= size) or (form == "s" and last == 0)
