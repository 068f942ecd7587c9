"""Nothing of the pages without a session; who somebody is comes from the gate alone; no socket outlives its session."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path

import pytest
from starlette.responses import HTMLResponse
from starlette.types import Receive, Scope, Send
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.web.site import Client, Site, StubPages
from tgstudio_dagster.catalog.people.logins import end_session, end_sessions_of, read_session, switch_tenant
from tgstudio_dagster.catalog.people.models import User
from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.catalog.people.tenants import add_tenant, put_settings
from tgstudio_dagster.core.clock import utc_now

PAGE = {"accept": "text/html,application/xhtml+xml"}


class DocumentPages(StubPages):
    """In place of Streamlit: answers with its document."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        document = "<!doctype html><html><head><title>Streamlit</title></head><body></body></html>"
        await HTMLResponse(document, headers={"etag": '"1"', "cache-control": "public"})(scope, receive, send)


@pytest.fixture(scope="module")
def gate_site(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("gate")
    (home / "catalog.sqlite").write_bytes(sqlite_template.read_bytes())
    with Site(home) as site:
        for slug in ("acme", "other"):
            add_tenant(site.catalog, slug, slug.title())
        yield site


FILE = "/_stcore/upload_file/s/0c9b1c9e-0000-4000-8000-000000000000"


def socket(site: Site, client: Client | None, *, origin: str | None = "own", **headers: str) -> ClientConnection:
    """A page's socket."""
    sent = dict(headers)
    if client is not None and client.cookie:
        sent["cookie"] = client.cookie
    return connect(
        f"ws://127.0.0.1:{site.port}/_stcore/stream",
        origin=site.url if origin == "own" else origin,  # type: ignore[arg-type]
        additional_headers=sent,
        proxy=None,
    )


def closes(opened: ClientConnection, seconds: float = 5) -> int | None:
    """The code that the socket is closed with; None where it stays open."""
    try:
        opened.recv(timeout=seconds)
    except TimeoutError:
        return None
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None
    raise AssertionError("something was said instead")


def test_an_upload_that_is_too_large_is_refused_before_it_is_read(gate_site: Site) -> None:
    anna = gate_site.sign_in("acme", "editor")
    sent = HTTPConnection("127.0.0.1", gate_site.port, timeout=30)
    sent.putrequest("PUT", FILE)
    for name, value in {**anna.headers, "content-length": str(512 * 2**20 + 2**21)}.items():
        sent.putheader(name, value)
    sent.endheaders(b"x" * 10)
    answer = sent.getresponse()
    assert (answer.status, b"512 MB" in answer.read()) == (413, True)
    sent.close()
    assert anna.put("/another", content=iter([b"x"])).status_code == 200


def test_without_a_session_a_page_leads_to_the_sign_in_page_and_back(gate_site: Site) -> None:
    answer = gate_site.nobody().get("/topics?day=2026-03-15&x=a%20b", headers=PAGE)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Ftopics%3Fday%3D2026-03-15%26x%3Da%2520b"


@pytest.mark.parametrize(
    "path",
    ["/", "/feed", "/media/abc.png", "/component/x", "/_stcore/metrics", "/_stcore/upload_file", "/_stcore/agent/x"],
)
def test_without_a_session_nothing_of_the_pages_is_given(gate_site: Site, path: str) -> None:
    answer = gate_site.nobody().get(path)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/static/js/main.js", "/_stcore/health", "/_stcore/host-config", "/favicon.png"])
def test_what_is_everybodys_is_given_without_an_identity(gate_site: Site, path: str) -> None:
    answer = gate_site.nobody().get(path, headers={"x-tgstudio-user": "forged"})
    assert answer.status_code == 200
    assert not [name for name in answer.json()["headers"] if name.startswith("x-tgstudio")]
    assert gate_site.nobody().put(path).status_code in {401, 403}


def test_a_session_is_handed_over_as_headers(gate_site: Site) -> None:
    client = gate_site.sign_in("acme", "editor")
    assert client.user is not None
    headers = client.get("/feed").json()["headers"]
    assert {name: value for name, value in headers.items() if name.startswith("x-tgstudio")} == {
        "x-tgstudio-user": client.user.id,
        "x-tgstudio-tenant": "acme",
        "x-tgstudio-sid": client.sid,
    }


def test_a_document_says_where_the_server_is_however_deep_its_address(bare_home: Path) -> None:
    """Else the browser asks /top/_stcore/health and /top/_stcore/host-config, which are not there."""
    with Site(bare_home, pages=DocumentPages()) as site:
        client = site.sign_in("acme")
        for path in ("/", "/top", "/topic?topic=t-1"):
            answer = client.get(path, headers=PAGE)
            assert answer.status_code == 200
            head = answer.text[answer.text.index("<head>") : answer.text.index("</head>")]
            assert "BACKEND_BASE_URL: location.origin + '/'" in head and "<title>TG Studio</title>" in head
            # Another document tomorrow must not be taken for this one.
            assert "etag" not in answer.headers and answer.headers["cache-control"] == "no-store"
            assert int(answer.headers["content-length"]) == len(answer.content)


def test_the_first_page_stands_at_the_root(bare_home: Path) -> None:
    with Site(bare_home, pages=DocumentPages()) as site:
        client = site.sign_in("acme")
        answer = client.get("/feed?q=%D0%BC%D0%B5%D1%82%D1%80%D0%BE", headers=PAGE)
        assert (answer.status_code, answer.headers["location"]) == (303, "/?q=%D0%BC%D0%B5%D1%82%D1%80%D0%BE")
        assert client.get("/feed", headers=PAGE).headers["location"] == "/"
        assert client.get("/feedback", headers=PAGE).status_code == 200


@pytest.mark.parametrize("spelling", ["X-TGStudio-Tenant", "x_tgstudio_tenant", "X-Tgstudio_Operator"])
def test_a_header_that_claims_an_identity_is_dropped(gate_site: Site, spelling: str) -> None:
    answer = gate_site.sign_in("acme").get("/feed", headers={spelling: "other"})
    found = {name for name in answer.json()["headers"] if name.replace("_", "-").startswith("x-tgstudio")}
    assert found == {"x-tgstudio-user", "x-tgstudio-tenant", "x-tgstudio-sid"}
    assert answer.json()["headers"]["x-tgstudio-tenant"] == "acme"
    assert gate_site.nobody().get("/feed", headers={spelling: "other"}).status_code == 401


def test_a_session_that_has_ended_or_whose_user_was_disabled_is_none(gate_site: Site) -> None:
    client = gate_site.sign_in("acme", "viewer")
    assert client.sid and client.get("/").status_code == 200
    end_session(gate_site.catalog, client.sid, utc_now())
    assert client.get("/").status_code == 401
    idle = gate_site.sign_in("acme", now=utc_now() - gate_site.platform.ttl - timedelta(seconds=1))
    assert idle.get("/").status_code == 401


def test_a_session_is_prolonged_by_its_use_and_a_token_by_nothing(gate_site: Site) -> None:
    ttl = gate_site.platform.ttl
    used = gate_site.sign_in("acme", now=utc_now() - ttl + timedelta(minutes=5))
    assert used.get("/").status_code == 200
    assert used.sid
    row = read_session(gate_site.catalog, used.sid, utc_now(), ttl)
    assert row is not None and row.expires_at > utc_now() + ttl - timedelta(minutes=1)
    assert used.user is not None
    old = gate_site.platform.signer.sign(used.sid, used.user.id, utc_now() - timedelta(days=30, minutes=1))
    assert gate_site.nobody().get("/", headers={"cookie": f"tgstudio={old}"}).status_code == 401


def test_a_page_that_only_watches_does_not_prolong_its_session(gate_site: Site) -> None:
    ttl = gate_site.platform.ttl
    left = gate_site.sign_in("acme", now=utc_now() - ttl + timedelta(minutes=5))
    assert left.sid and left.get("/v1/me", headers={"x-watch": "1"}).status_code == 200
    row = read_session(gate_site.catalog, left.sid, utc_now(), ttl, slide=False)
    assert row is not None and row.expires_at < utc_now() + timedelta(minutes=6)


def test_streamlits_measurements_are_for_the_operator(gate_site: Site) -> None:
    assert gate_site.sign_in("acme", "owner").get("/_stcore/metrics").status_code == 403
    assert gate_site.sign_in("acme", "operator").get("/_stcore/metrics").status_code == 200


def test_an_upload_from_a_foreign_page_is_refused(gate_site: Site) -> None:
    client = gate_site.sign_in("acme")
    path, form = FILE, {"file": ("result.json", b"{}")}
    assert client.put(path, files=form).status_code == 200
    assert client.put(path, files=form, headers={"origin": "https://evil.example"}).status_code == 403
    del client.headers["origin"]
    assert client.put(path, files=form).status_code == 403


def test_a_tenant_lets_in_whom_it_has_said(gate_site: Site) -> None:
    client = gate_site.sign_in("other", "owner")
    put_settings(gate_site.catalog, "other", TenantSettings(allowed_ips=("192.0.2.0/24",)))
    try:
        answer = client.get("/", headers={**PAGE, "accept-language": "ru"})
        assert answer.status_code == 403
        assert "192.0.2" not in answer.text and "allowed_ips" in answer.text and "Нет доступа" in answer.text
        with pytest.raises(InvalidStatus):
            socket(gate_site, client)
        put_settings(gate_site.catalog, "other", TenantSettings(allowed_ips=("127.0.0.0/8",)))
        assert client.get("/").status_code == 200
    finally:
        put_settings(gate_site.catalog, "other", TenantSettings())


def test_a_socket_is_opened_for_the_sessions_tenant(gate_site: Site) -> None:
    with socket(gate_site, gate_site.sign_in("acme")) as opened:
        assert opened.recv(timeout=5) == "acme"
        opened.send("hello")
        assert opened.recv(timeout=5) == "hello"


def test_a_socket_without_a_session_or_with_a_claimed_identity_is_refused(gate_site: Site) -> None:
    for headers in ({}, {"x-tgstudio-user": "x", "x-tgstudio-tenant": "acme"}, {"cookie": "tgstudio=forged"}):
        with pytest.raises(InvalidStatus) as refused:
            socket(gate_site, None, **headers)
        assert refused.value.response.status_code == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", None])
def test_a_socket_of_a_foreign_page_is_refused(gate_site: Site, origin: str | None) -> None:
    with pytest.raises(InvalidStatus) as refused:
        socket(gate_site, gate_site.sign_in("acme"), origin=origin)
    assert refused.value.response.status_code == 403


def test_signing_out_closes_every_socket_of_the_session_and_no_other(gate_site: Site) -> None:
    client, another = gate_site.sign_in("acme"), gate_site.sign_in("acme")
    with socket(gate_site, client) as first, socket(gate_site, client) as second, socket(gate_site, another) as other:
        for opened in (first, second, other):
            assert opened.recv(timeout=5) == "acme"
        began = time.monotonic()
        assert client.post("/auth/logout").status_code == 303
        assert [closes(first), closes(second)] == [4401, 4401]
        assert time.monotonic() - began < 4
        assert closes(other, 2) is None
        other.send("still here")
        assert other.recv(timeout=5) == "still here"
    with pytest.raises(InvalidStatus):
        socket(gate_site, client)


def test_a_socket_ends_with_all_sessions_of_a_user_and_with_the_user(gate_site: Site) -> None:
    client = gate_site.sign_in("acme", "viewer")
    assert client.user is not None
    with socket(gate_site, client) as opened:
        assert opened.recv(timeout=5) == "acme"
        end_sessions_of(gate_site.catalog, client.user.id, utc_now())
        assert closes(opened) == 4401
    client = gate_site.sign_in("other", "viewer")
    assert client.user is not None
    with socket(gate_site, client) as opened:
        assert opened.recv(timeout=5) == "other"
        with gate_site.catalog.session() as session:
            session.get_one(User, client.user.id).disabled_at = utc_now()
        assert closes(opened) == 4401


def test_a_session_moves_on_where_its_user_no_longer_belongs(gate_site: Site) -> None:
    client = gate_site.sign_in("acme", "operator")
    assert client.sid
    switch_tenant(gate_site.catalog, client.sid, "other")
    assert client.get("/").json()["headers"]["x-tgstudio-tenant"] == "other"


def test_sockets_are_counted(gate_site: Site) -> None:
    def count() -> float:
        lines = gate_site.nobody().get("/metrics").text.splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("tgstudio_sockets "))

    before = count()
    with socket(gate_site, gate_site.sign_in("acme")) as opened:
        opened.recv(timeout=5)
        assert count() == before + 1
    give_up = time.monotonic() + 5
    while count() != before:
        assert time.monotonic() < give_up
        time.sleep(0.1)
