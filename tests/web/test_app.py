"""The app as a whole: errors that a program reads, origins, measurements, and no address of a sign-in in a log."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.web.site import Site
from tgstudio_dagster.asgi import build_app


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/nowhere", "/v1/feed/x/y/z"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_what_is_not_there_is_a_problem_and_no_page(site: Site, method: str, path: str) -> None:
    answer = site.sign_in("acme").request(method, path, headers={"accept": "text/html"})
    assert answer.status_code in {404, 405}
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code


def test_another_method_than_an_address_has_is_told_which_it_has(site: Site) -> None:
    answer = site.sign_in("acme").delete("/v1/me")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_problem_carries_the_requests_id(site: Site) -> None:
    answer = site.nobody().get("/v1/me", headers={"x-request-id": "mine-1"})
    assert answer.headers["x-request-id"] == answer.json()["request"] == "mine-1"
    assert site.nobody().get("/v1/me", headers={"x-request-id": "a b<script>"}).json()["request"] != "a b<script>"


def test_a_fault_tells_nothing_of_itself(site: Site) -> None:
    @site.app.get("/boom")
    def boom() -> None:
        raise RuntimeError("a secret of the inside")

    # The pages are mounted at the root, and would take it first.
    site.app.router.routes.insert(0, site.app.router.routes.pop())
    answer = site.nobody().get("/boom")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.json()["request"] == answer.headers["x-request-id"]


def test_a_session_may_not_change_anything_without_its_token(site: Site) -> None:
    client = site.sign_in("acme")
    token = client.csrf
    assert token
    for wrong in ("", "x", site.sign_in("acme").csrf or ""):
        client.headers["x-csrf-token"] = wrong
        assert client.post("/auth/logout").status_code == 403
    client.headers["x-csrf-token"] = token
    assert client.post("/auth/logout", headers={"origin": "https://evil.example"}).status_code == 403
    assert client.get("/v1/me").status_code == 200
    assert client.post("/auth/logout").status_code == 303


def test_no_other_origin_may_read_unless_the_settings_say_so(bare_home: Path) -> None:
    origin = {"origin": "https://app.example.org"}
    asked = {**origin, "access-control-request-method": "GET", "access-control-request-headers": "authorization"}
    with Site(bare_home) as site:
        assert "access-control-allow-origin" not in site.nobody().get("/healthz", headers=origin).headers
    with Site(bare_home, cors_origins="https://app.example.org") as site:
        allowed = site.nobody().options("/v1/me", headers=asked)
        assert allowed.headers["access-control-allow-origin"] == "https://app.example.org"
        assert "access-control-allow-credentials" not in allowed.headers
        foreign = site.nobody().options("/v1/me", headers={**asked, "origin": "https://evil.example"})
        assert "access-control-allow-origin" not in foreign.headers


def test_it_says_whether_it_lives_and_is_ready(site: Site) -> None:
    assert site.nobody().get("/healthz").json() == {"status": "ok"}
    assert site.nobody().get("/readyz").json() == {"catalog": "ok", "lake": "ok"}


def test_it_is_not_ready_without_its_catalog(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.exc import OperationalError

    def gone() -> None:
        raise OperationalError("select 1", {}, Exception("postgresql://user:password@host"))

    monkeypatch.setattr(site.platform.catalog, "reading", gone)
    answer = site.nobody().get("/readyz")
    assert (answer.status_code, answer.json()["catalog"]) == (503, "failed")
    assert "password" not in answer.text


def test_measurements_name_routes_and_not_their_ids(site: Site) -> None:
    site.sign_in("acme").get("/v1/me")
    site.nobody().get("/v1/things/01abcsecret")
    text = site.nobody().get("/metrics").text
    assert 'tgstudio_requests_total{method="GET",route="/v1/me",status="200"}' in text
    assert "01abcsecret" not in text


def test_measurements_are_for_this_machine_and_the_operator(site: Site) -> None:
    forwarded = {"x-forwarded-for": "192.0.2.7"}
    assert site.nobody().get("/metrics").status_code == 200
    assert site.nobody().get("/metrics", headers=forwarded).status_code == 401
    named = {"host": f"studio.example.org:{site.port}"}  # a proxy that adds no header of its own
    assert site.nobody().get("/metrics", headers=named).status_code == 401
    assert site.sign_in("acme").get("/metrics", headers=forwarded).status_code == 403
    assert site.sign_in("acme", "operator").get("/metrics", headers=forwarded).status_code == 200
    assert site.program("acme", "read", role="operator").get("/metrics", headers=forwarded).status_code == 403
    assert site.program("acme", "admin", role="operator").get("/metrics", headers=forwarded).status_code == 200


def test_addresses_are_not_logged(site: Site) -> None:
    assert logging.getLogger("uvicorn.access").disabled


def test_the_interface_is_described(site: Site) -> None:
    spec = site.nobody().get("/v1/openapi.json").json()
    assert spec["info"]["title"] == "TG Studio"
    assert "/v1/me" in spec["paths"] and "/login" not in spec["paths"]


def test_an_app_has_what_it_was_built_over(site: Site) -> None:
    again = build_app(site.platform, pages=site._pages)
    assert again.state.platform is site.platform


def test_every_answer_says_what_a_page_may_load_and_which_devices_it_may_not(site: Site) -> None:
    for path in ("/", "/static/x.js", "/v1/me", "/nowhere"):
        headers = site.sign_in("acme").get(path, headers={"accept": "text/html"}).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["img-src"] == "'self' data: blob:"
        assert "evil.example" not in policy["connect-src"] and "*" not in headers["content-security-policy"]
        assert "camera=()" in headers["permissions-policy"] and "microphone=()" in headers["permissions-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "strict-transport-security" not in headers


def test_behind_tls_the_browser_is_told_to_stay_with_it(bare_home: Path) -> None:
    with Site(bare_home, public_url="https://studio.example.org") as site:
        headers = site.nobody().get("/login").headers
        assert headers["strict-transport-security"].startswith("max-age=")
        assert "default-src 'none'" in headers["content-security-policy"], "the sign-in page keeps its own"
