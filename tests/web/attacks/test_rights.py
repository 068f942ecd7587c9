"""Addresses, accounts, measurements and files: somebody tries to stay, to take, or to see what is not theirs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.web.site import Client, Site
from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.catalog.people.tenants import put_settings
from tgstudio_dagster.core.scopes import SCOPES
from tgstudio_dagster.services.policy import POLICY, may
from tgstudio_dagster.services.uploads import plain_name


def page(site: Site, client: Client) -> ClientConnection:
    opened = connect(
        site.url.replace("http", "ws") + "/_stcore/stream",
        additional_headers={"cookie": client.cookie or ""},
        origin=site.url,  # type: ignore[arg-type]
        proxy=None,
    )
    opened.recv(10)
    return opened


def test_a_page_that_is_open_ends_with_its_address(site: Site) -> None:
    inside, other = site.sign_in("acme", "editor"), site.sign_in("other", "owner")
    with page(site, inside) as opened, page(site, other) as elsewhere:
        put_settings(site.catalog, "acme", TenantSettings(allowed_ips=("127.0.0.0/8",)))
        time.sleep(2.5)
        opened.send("still here")
        assert opened.recv(10) == "still here"
        put_settings(site.catalog, "acme", TenantSettings(allowed_ips=("192.0.2.0/24",)))
        begun = time.monotonic()
        with pytest.raises(ConnectionClosed):
            opened.recv(20)
        assert time.monotonic() - begun < 10
        elsewhere.send("here too")
        assert elsewhere.recv(10) == "here too"
    assert inside.get("/").status_code == 403


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_who_is_no_owner_removes_no_account_at_either_door(site: Site, role: Any) -> None:
    refused = site.sign_in("acme", role).delete("/v1/accounts/some-account")
    assert refused.status_code == 403
    assert not site.studio("acme", role).scope.may("accounts.remove")
    assert site.sign_in("acme", "owner").delete("/v1/accounts/some-account").status_code == 404


def test_a_program_removes_an_account_with_the_scope_only(site: Site) -> None:
    assert site.program("acme", "read", "order").delete("/v1/accounts/x").status_code == 403
    owner = site.principal("acme", "owner")
    assert may("accounts.remove", owner, frozenset(SCOPES)) and not may("accounts.remove", owner, frozenset({"read"}))
    assert POLICY["accounts.remove"].role == "owner"


@pytest.fixture
def proxied(bare_home: Path) -> Iterator[Site]:
    with Site(bare_home, trusted_proxies="127.0.0.1") as running:
        yield running


def test_measurements_ask_for_a_key_where_a_proxy_is_set(proxied: Site) -> None:
    for headers in ({}, {"x-forwarded-for": "127.0.0.1"}, {"x-forwarded-for": "::1"}, {"x-forwarded-for": ""}):
        assert proxied.nobody().get("/metrics", headers=headers).status_code == 401
    assert proxied.program("acme", "admin", role="owner").get("/metrics").status_code == 403
    assert proxied.program("acme", "admin", role="operator").get("/metrics").status_code == 200


def test_measurements_are_this_machine_s_where_none_is(site: Site) -> None:
    assert site.nobody().get("/metrics").status_code == 200
    for name in ("x-forwarded-for", "forwarded", "x-real-ip", "via", "x-forwarded-proto"):
        assert site.nobody().get("/metrics", headers={name: "127.0.0.1"}).status_code == 401


def test_what_a_browser_keeps_of_a_file_is_its_session_s(site: Site) -> None:
    stored = site.platform.lake.tenant("acme").put_file(b"GIF89a secret", "gif")
    anna = site.sign_in("acme", "viewer")
    first = anna.get(f"/files/{stored.uri}")
    again = anna.get(f"/files/{stored.uri}", headers={"if-none-match": first.headers["etag"]})
    assert (first.status_code, again.status_code) == (200, 304)
    for answer in (first, again):
        assert {"cookie", "authorization"} <= {name.strip() for name in answer.headers["vary"].lower().split(",")}
        assert "private" in answer.headers["cache-control"]
    for stranger in (site.sign_in("other", "owner"), site.nobody()):
        answer = stranger.get(f"/files/{stored.uri}", headers={"if-none-match": first.headers["etag"]})
        assert answer.status_code in {401, 404}
    out = anna.post("/auth/logout")
    assert "cache" in out.headers["clear-site-data"]
    assert anna.get(f"/files/{stored.uri}").status_code == 401


NAMES = {
    "result.json": "result.json",
    "../../etc/passwd.json": "etc_passwd.json",
    "..zip": "upload.zip",
    ".zip": "upload.zip",
    "a\x00b\n\u202ec.JSON": "a_b_c.json",
    "экспорт (2).zip": "экспорт (2).zip",
    "-rf.zip": "rf.zip",
    "C:\\evil.json": "C_evil.json",
}


@pytest.mark.parametrize("name", NAMES)
def test_an_upload_names_no_file_but_its_own(name: str) -> None:
    assert plain_name(name) == NAMES[name]


@pytest.mark.parametrize("letter", ["a", "я", "\N{GRINNING FACE}", "e\u0301"])
def test_a_long_name_fits_a_file_system(tmp_path: Path, letter: str) -> None:
    name = plain_name(letter * 500 + ".json")
    (tmp_path / name).write_bytes(b"")
    assert name.endswith(".json")
