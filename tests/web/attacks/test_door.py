"""Large things at the door: forms, questions, files, texts; of who has no account, no right, or too much."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.builders import FIRST, messages
from tests.web.attacks.pulse import pulse
from tests.web.site import Client, Site
from tgstudio_dagster.catalog.people.logins import session_hash
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.posts.feed import PAGE_BYTES
from tgstudio_dagster.services.staged import StagedFiles
from tgstudio_dagster.web.limits import BodyLimits

FORMS = ["/auth/local", "/auth/logout", "/auth/tenant", "/login", "/", "/feed", "/nowhere", "/_stcore/other"]
MB = 2**20


def pour(site: Site, path: str, *, chunked: bool, length: int, method: str = "POST") -> tuple[int, int]:
    """Send a body of nobody's, until the server answers or has had `length` bytes; its status, and the bytes it took."""
    with socket.create_connection(("127.0.0.1", site.port), 20) as line:
        framing = "transfer-encoding: chunked" if chunked else f"content-length: {length}"
        kind = "content-type: application/x-www-form-urlencoded"
        line.sendall(f"{method} {path} HTTP/1.1\r\nhost: x\r\n{kind}\r\n{framing}\r\n\r\n".encode())
        block, sent = b"a" * 2**14, 0
        line.settimeout(0.2)
        answer = b""
        while sent < length and not answer:
            try:
                line.sendall(b"4000\r\n" + block + b"\r\n" if chunked else block)
                sent += len(block)
                answer = _answer(line, 0.002)
            except (BrokenPipeError, ConnectionResetError):
                break
        answer = answer or _answer(line, 10)
    return int(answer.split(b" ")[1]) if answer else 0, sent


def _answer(line: socket.socket, seconds: float) -> bytes:
    line.settimeout(seconds)
    try:
        return line.recv(4096)
    except (TimeoutError, ConnectionResetError):
        return b""


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("path", FORMS)
def test_a_form_is_counted_before_it_is_read(site: Site, path: str, chunked: bool) -> None:
    with pulse() as measured:
        status, sent = pour(site, path, chunked=chunked, length=400 * MB)
    assert status in {413, 0}
    assert sent < 8 * MB
    assert measured.grown < 64 * MB


def test_a_small_form_is_read(site: Site) -> None:
    page = site.nobody()
    answer = page.post("/auth/local", data={"login": "x" * 150, "password": "y" * 900})
    assert answer.status_code == 403  # without the page's own token


def test_a_request_that_never_ends_is_given_up(bare_home: Path) -> None:
    async def app(*_: Any) -> None:
        raise AssertionError("it was let through")

    sent: list[Any] = []

    async def run() -> None:
        async def receive() -> Any:
            await anyio.sleep(0.01)
            return {"type": "http.request", "body": b"a", "more_body": True}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/auth/local", "headers": []}
        await BodyLimits(app, seconds=0.2)(scope, receive, send)

    import anyio

    anyio.run(run)
    assert sent[0]["status"] == 408


def test_a_question_of_the_interface_is_limited_too(site: Site) -> None:
    person = site.sign_in("acme", "owner")
    answer = person.post(
        "/v1/orders", content=b'{"tone":"' + b" " * 2 * MB + b'"}', headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413


def form(content: Iterator[bytes] | bytes, *, name: str = "result.json", more: bytes = b"") -> Iterator[bytes]:
    yield f'--b\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\nContent-Type: a/b\r\n\r\n'.encode()
    yield from [content] if isinstance(content, bytes) else content
    yield b"\r\n" + more + b"--b--\r\n"


def put(client: Client, content: Iterator[bytes] | bytes, *, file_id: str | None = None, **given: Any) -> Any:
    """Upload as Streamlit's page does."""
    path = f"/_stcore/upload_file/some-session/{file_id or uuid.uuid4()}"
    return client.put(path, content=form(content, **given), headers={"content-type": "multipart/form-data; boundary=b"})


@pytest.fixture
def small_site(bare_home: Path) -> Iterator[Site]:
    """A site that takes in 4 MB."""
    with Site(bare_home, upload_megabytes=4) as running:
        yield running


def held(site: Site) -> list[Path]:
    return [path for path in (site.home / "staged").rglob("*") if path.is_file()]


def test_an_upload_goes_to_the_disk_and_is_of_its_session_only(small_site: Site) -> None:
    anna, other = small_site.sign_in("acme", "editor"), small_site.sign_in("acme", "editor")
    file_id = str(uuid.uuid4())
    with pulse() as measured:
        assert put(anna, b"x" * 3 * MB, file_id=file_id).status_code == 200
    assert measured.grown < 64 * MB
    (path,) = held(small_site)
    assert path.stat().st_size == 3 * MB
    assert path.stat().st_mode & 0o077 == 0 or path.parent.stat().st_mode & 0o077 == 0
    staged = small_site.platform.staged
    assert staged.open(other.sid or "", file_id) is None
    with staged.open(anna.sid or "", file_id) as stored:  # type: ignore[union-attr]
        assert stored.read(3) == b"xxx"
    anna.delete(f"/_stcore/upload_file/some-session/{file_id}")
    assert not held(small_site)


@pytest.mark.parametrize("role", ["viewer"])
def test_who_may_not_import_uploads_nothing(small_site: Site, role: Any) -> None:
    assert put(small_site.sign_in("acme", role), b"x").status_code == 403
    assert put(small_site.nobody(), b"x").status_code in {401, 403}
    assert not held(small_site)


def test_an_upload_is_counted_as_it_comes(small_site: Site) -> None:
    anna = small_site.sign_in("acme", "editor")
    with pulse() as measured:
        answer = put(anna, (b"x" * MB for _ in range(64)))
    assert answer.status_code == 413
    assert not held(small_site)
    assert measured.grown < 64 * MB


def test_a_session_holds_so_much_and_no_more(small_site: Site) -> None:
    anna = small_site.sign_in("acme", "editor")
    statuses = [put(anna, b"x" * 3 * MB).status_code for _ in range(4)]
    assert statuses[:2] == [200, 200] and set(statuses[2:]) == {409}
    assert sum(path.stat().st_size for path in held(small_site)) <= 8 * MB
    few = small_site.sign_in("acme", "editor")
    assert [put(few, b"x").status_code for _ in range(6)] == [200, 200, 200, 200, 409, 409]


@pytest.mark.parametrize(
    "file_id",
    ["..%2f..%2f..%2fcatalog.sqlite", "x", "%2e%2e", "a" * 300, str(uuid.uuid4()) + "/x"],
)
def test_an_upload_names_no_file_of_this_machine(small_site: Site, file_id: str) -> None:
    before = (small_site.home / "catalog.sqlite").stat().st_size
    answer = put(small_site.sign_in("acme", "editor"), b"x", file_id=file_id)
    assert answer.status_code in {404, 405, 413, 401, 403}
    assert not held(small_site)
    assert (small_site.home / "catalog.sqlite").stat().st_size >= before


@pytest.mark.parametrize(
    "given",
    [
        {"more": b'--b\r\nContent-Disposition: form-data; name="g"; filename="two"\r\n\r\nx\r\n'},
        {"name": "x" * 5_000},
        {"name": 'a"; other="'},
    ],
)
def test_a_form_that_is_none_leaves_nothing(small_site: Site, given: dict[str, Any]) -> None:
    answer = put(small_site.sign_in("acme", "editor"), b"x", **given)
    assert answer.status_code in {200, 422}
    assert answer.status_code == 200 or not held(small_site)


def test_what_a_session_leaves_goes_with_it(tmp_path: Path) -> None:
    staged = StagedFiles(tmp_path / "staged", MB)
    for sid in ("gone", "here"):
        with staged.create(sid, str(uuid.uuid4())) as file:
            file.write(b"x")
    staged.sweep({session_hash("here")}, seconds=60)
    assert len(list((tmp_path / "staged").iterdir())) == 2
    time.sleep(0.05)
    staged.sweep({session_hash("here")}, seconds=0.01)
    assert [path.name for path in (tmp_path / "staged").iterdir()] == [session_hash("here")]


def test_a_page_of_the_feed_has_at_most_a_few_megabytes_and_goes_on(site: Site) -> None:
    lake = site.platform.lake.tenant("acme")
    text = "\N{GRINNING FACE}" * 16_384
    rows = [{"msg_id": n + 1, "text": text, "date": FIRST + timedelta(seconds=n)} for n in range(150)]
    rows.append({"msg_id": 200, "text": "x" * 20 * MB, "date": FIRST + timedelta(seconds=200)})
    lake.write(MESSAGES, messages(*rows), day=FIRST.date())
    person, seen, cursor = site.sign_in("acme", "viewer"), [], None
    while len(seen) < 151:
        answer = person.get("/v1/feed", params={"limit": 200} | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200 and len(answer.content) < 3 * PAGE_BYTES
        page = answer.json()
        assert page["items"]
        seen += [post["msg_id"] for post in page["items"]]
        cursor = page["next_cursor"] if "next_cursor" in page else page["cursor"]
    assert seen == [200, *range(150, 0, -1)]
