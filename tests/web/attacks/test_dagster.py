"""Dagster behind the gate: pages of others, people without the right, and pictures in posts try to end or read it."""

from __future__ import annotations

import json
import shutil
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import httpx2
import polars as pl
import psutil
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.servers.dagster import DagsterServer
from tests.web.site import Client, Site
from tgstudio_dagster.catalog.people.tenants import add_tenant
from tgstudio_dagster.orchestration.checks import shown_rows
from tgstudio_dagster.reader.reports import DagsterReports
from tgstudio_dagster.services.runs import RunsClient

GRAPHQL = "/dagster/graphql"
SHUT_DOWN = 'mutation{shutdownRepositoryLocation(repositoryLocationName:"tgstudio"){__typename}}'
WIPE = """mutation{addDynamicPartition(partitionsDefName:"t",partitionKey:"k",
repositorySelector:{repositoryName:"r",repositoryLocationName:"l"}){__typename}}"""
VERSION = {"query": "{version}"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Site]:
    """The app over a bare home, and Dagster's web server at its socket, for all tests of the module."""
    home = tmp_path_factory.mktemp("dagster") / "home"
    home.mkdir()
    shutil.copyfile(sqlite_template, home / "catalog.sqlite")
    with (
        Site(home) as running,
        dg.instance_for_test(temp_dir=str(home)) as instance,
        DagsterServer(instance, running.platform.settings.dagster_socket_path),
    ):
        add_tenant(running.catalog, "acme", "Acme")
        yield running


@pytest.fixture
def operator(site: Site) -> Client:
    """An operator's browser."""
    return site.sign_in("acme", "operator")


def test_an_operator_sees_the_page_its_files_and_asks(operator: Client) -> None:
    page = operator.get("/dagster/", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert '"pathPrefix": "/dagster"' in page.text
    script = page.text.partition('src="/dagster/_next/')[2].partition('"')[0]
    assert operator.get(f"/dagster/_next/{script}").status_code == 200
    assert operator.post(GRAPHQL, json=VERSION).json() == {"data": {"version": "test"}}
    assert operator.get("/dagster").headers["location"] == "/dagster/"
    assert operator.get("/dagster/runs/some-id").status_code == 200


def test_no_port_of_dagster_is_open(site: Site) -> None:
    path = site.platform.settings.dagster_socket_path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    ports = {one.laddr.port for one in psutil.Process().net_connections("inet") if one.status == psutil.CONN_LISTEN}
    assert ports == {site.port}


@pytest.mark.parametrize(
    "path", ["/dagster", "/dagster/", GRAPHQL, "/dagster/runs", "/dagster/_next/x.js", "/dagster//graphql"]
)
@pytest.mark.parametrize("role", ["owner", "editor", "viewer"])
def test_nobody_but_operators_gets_anything(site: Site, role: Any, path: str) -> None:
    person, nobody = site.sign_in("acme", role), site.nobody()
    program = site.program("acme", "admin", role="operator")
    for client, statuses in ((person, {403}), (nobody, {303, 401, 403}), (program, {303, 401, 403})):
        assert client.get(path).status_code in statuses
        assert client.post(path, json=VERSION, headers={"origin": site.url}).status_code in statuses


@pytest.mark.parametrize("query", [SHUT_DOWN, WIPE, "{version}"])
@pytest.mark.parametrize("accept", ["image/avif,image/webp,*/*", "text/html", "application/json"])
def test_a_picture_s_address_changes_and_asks_nothing(operator: Client, query: str, accept: str) -> None:
    for path in (GRAPHQL, GRAPHQL + "/", "/dagster/graphql%2f", "/dagster/%67raphql"):
        for method in ("GET", "HEAD"):
            answer = operator.request(method, path, params={"query": query}, headers={"accept": accept})
            assert "data" not in answer.text or "<html" in answer.text
            assert "version" not in answer.headers.get("x-dagster-call-counts", "")
            assert answer.status_code == 405 or "<html" in answer.text or method == "HEAD"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", None])
def test_a_page_of_others_changes_nothing(operator: Client, origin: str | None) -> None:
    headers = {"origin": origin} if origin else {}
    if origin is None:
        del operator.headers["origin"]
    assert operator.post(GRAPHQL, json={"query": SHUT_DOWN}, headers=headers).status_code == 403


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/graphql", "multipart/form-data", "",
             "text/plain; application/json", "application/jsonp"],
)  # fmt: skip
def test_only_json_is_taken(operator: Client, kind: str) -> None:
    body = json.dumps({"query": SHUT_DOWN}).encode()
    answer = operator.post(GRAPHQL, content=body, headers={"content-type": kind})
    assert answer.status_code == 415


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"])
def test_no_other_method_is_handed_on(operator: Client, method: str) -> None:
    assert operator.request(method, GRAPHQL, json=VERSION).status_code in {400, 405}


@pytest.mark.parametrize(
    "path",
    ["/dagster/report_asset_materialization/landings", "/dagster/report_asset_check/landings", "/dagster/notebook?path=x.ipynb",
     "/dagster/report%5Fasset%5Fobservation/x", "/dagster/logs/x", "/dagster/dagit/notebook",
     "/dagster/../dagster/report_asset_check/x", "/dagster/%2567raphql?query={__typename}", "/dagster/x%2f..%2fgraphql",
     "/dagster/graphql%3f", "/dagster/graphql%23", "/dagster/%256eotebook", "/dagster/x%5c..%5cgraphql"],
)  # fmt: skip
def test_what_is_the_reader_s_or_a_file_of_the_machine_is_not_there(operator: Client, path: str) -> None:
    for method in ("GET", "POST"):
        assert operator.request(method, path, json={}).status_code in {404, 405}


def test_a_question_is_limited_before_it_is_read(operator: Client) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"query":"'
        for _ in range(64):
            yield b" " * 2**16
        yield b'"}'

    assert operator.post(GRAPHQL, content=chunks(), headers={"content-type": "application/json"}).status_code == 413


def test_cookies_keys_and_headers_of_the_gate_stay_here(bare_home: Path) -> None:
    path = bare_home / "dagster.sock"
    with Site(bare_home) as site, socket.socket(socket.AF_UNIX) as spy:
        spy.bind(str(path))
        spy.listen()
        spy.settimeout(20)
        operator = site.sign_in("acme", "operator")
        operator.timeout = httpx2.Timeout(0.5)
        with pytest.raises(httpx2.TimeoutException):
            operator.post(GRAPHQL, json=VERSION, headers={"x-tgstudio-user": "x", "authorization": ""})
        connection = spy.accept()[0]
        text = connection.recv(65_536).lower()
        connection.close()
    for word in (b"cookie", b"csrf", b"x-tgstudio", b"origin", b"authorization", b"forwarded"):
        assert word not in text
    assert text.startswith(b"post /dagster/graphql ")


def test_no_page_frames_it_and_it_draws_no_picture_of_others(operator: Client) -> None:
    for path in ("/dagster/", "/dagster/runs", "/dagster/favicon.png", GRAPHQL):
        headers = operator.get(path).headers if path != GRAPHQL else operator.post(path, json=VERSION).headers
        policy = {
            part.split()[0]: part.split()[1:] for part in headers["content-security-policy"].split(";") if part.strip()
        }
        assert policy["img-src"] == ["'self'", "data:", "blob:"]
        assert policy["frame-ancestors"] == policy["frame-src"] == policy["form-action"] == ["'none'"]
        assert policy["connect-src"][0] == "'self'"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cross-origin-resource-policy"] == "same-origin"


def sub(site: Site, client: Client, *, origin: str | None = None, path: str = GRAPHQL) -> Any:
    headers = {"cookie": client.cookie} if client.cookie else {}
    address = site.url.replace("http", "ws") + path
    return connect(address, additional_headers=headers, origin=origin, subprotocols=["graphql-ws"], proxy=None)  # type: ignore[list-item, arg-type]


def test_the_socket_is_the_operator_s_and_of_this_origin(site: Site, operator: Client) -> None:
    for client, origin in (
        (operator, "https://evil.example"),
        (operator, None),
        (operator, "null"),
        (site.sign_in("acme", "owner"), site.url),
        (site.nobody(), site.url),
    ):
        with pytest.raises(InvalidStatus):
            sub(site, client, origin=origin)
    with sub(site, operator, origin=site.url) as opened:
        opened.send(json.dumps({"type": "connection_init"}))
        assert json.loads(opened.recv(10))["type"] == "connection_ack"


@pytest.mark.parametrize("query", [SHUT_DOWN, WIPE, "{version}"])
def test_the_socket_takes_subscriptions_only(site: Site, operator: Client, query: str) -> None:
    with sub(site, operator, origin=site.url) as opened:
        opened.send(json.dumps({"type": "connection_init"}))
        opened.recv(10)
        opened.send(json.dumps({"type": "start", "id": "1", "payload": {"query": query}}))
        try:
            answer = json.loads(opened.recv(10))
        except ConnectionClosed:
            return
        assert answer["type"] == "error"


def test_the_socket_ends_with_the_session(site: Site, operator: Client) -> None:
    with sub(site, operator, origin=site.url) as opened:
        operator.post("/auth/logout")
        with pytest.raises(ConnectionClosed):
            opened.recv(10)


def test_where_dagster_is_down_it_is_said(bare_home: Path) -> None:
    with Site(bare_home) as site:
        answer = site.sign_in("acme", "operator").get("/dagster/")
        assert answer.status_code == 502
        assert "tgstudio up" in answer.json()["detail"]


def test_the_web_app_and_the_reader_ask_at_the_socket(site: Site) -> None:
    path = site.platform.settings.dagster_socket_path
    assert site.platform.runs.runs() == []
    assert site.platform.runs.pages == f"{site.url}/dagster"
    runs = RunsClient(path)
    runs.close()

    async def report() -> int:
        async with DagsterReports(path).client() as client:
            answer = await client.post("/report_asset_materialization/landings", json={"metadata": {}})
            return int(answer.status_code)

    import anyio

    assert anyio.run(report) == 200


def test_what_strangers_wrote_is_in_no_event() -> None:
    evil = "![x](/dagster/graphql?query=mutation) <img src=x> secret words"
    claims = pl.DataFrame(
        {"text": [evil], "section": ["lead"], "detail": [evil], "channel_title": [evil], "msg_id": [7]}
    )
    shown = shown_rows(claims)
    assert shown["rows"] == [{"section": "lead", "msg_id": 7}]
    assert shown["only in the lake"] == ["channel_title", "detail", "text"]
