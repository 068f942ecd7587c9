"""The page's first HTML: told where its server is; nothing else is touched."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from tgstudio_dagster.web.shell import Shell

PAGE = "<html><head><title>Streamlit</title></head><body>é</body></html>"
INNER = Starlette(
    routes=[
        Route("/page", lambda _: HTMLResponse(PAGE, headers={"etag": "x"})),
        Route("/text", lambda _: PlainTextResponse(PAGE)),
    ]
)
BROWSER = {"accept": "text/html,*/*"}


def test_a_page_is_told_where_its_server_is_and_has_our_title() -> None:
    answer = TestClient(Shell(INNER)).get("/page", headers=BROWSER)
    assert answer.text.startswith("<html><head><script>window.__streamlit")
    assert "<title>TG Studio</title>" in answer.text
    assert len(answer.content) == int(answer.headers["content-length"])
    assert "etag" not in answer.headers


def test_what_is_no_page_passes_as_it_is() -> None:
    assert TestClient(Shell(INNER)).get("/text", headers=BROWSER).text == PAGE
    assert TestClient(Shell(INNER)).get("/page", headers={"accept": "*/*"}).text == PAGE


def test_without_a_page_the_refusal_passes() -> None:
    assert TestClient(Shell(INNER)).get("/nothing", headers=BROWSER).status_code == 404


def test_the_first_pages_name_leads_to_where_it_is_served() -> None:
    client = TestClient(Shell(INNER), follow_redirects=False)
    answer = client.get("/feed?q=ferry", headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (303, "/?q=ferry")
