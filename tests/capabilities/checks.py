"""The example capability, end to end in this process: run by test_example.py, which has the installation know of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import inspect
from typer.testing import CliRunner

from tests.builders import make_tenant
from tests.capabilities.example import NOTES
from tests.capabilities.example.lake import NOTE_WORDS
from tests.services.desk import DAY, Desk
from tests.streamlit_app.reader import Readers, shown
from tests.web.site import Client, Site, copy_home
from tgstudio_dagster.capabilities import capabilities
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.switches import switch, switch_of_plan
from tgstudio_dagster.cli import app
from tgstudio_dagster.core.errors import NotFoundError, QueryError
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.definitions import build_definitions
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.orchestration.partitions import tenants
from tgstudio_dagster.orchestration.tags import range_tags

NAME = "notes"


@pytest.fixture
def home(tmp_path: Path, sqlite_template: Path) -> Path:
    """A home in which tenant `on` has the capability, and `off` has not."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copyfile(sqlite_template, home / "catalog.sqlite")
    catalog = Catalog(f"sqlite:///{home / 'catalog.sqlite'}")
    for tenant in ("on", "off"):
        make_tenant(catalog, tenant)
    switch(catalog, Principal("on", None, "operator"), NAME, True)
    catalog.close()
    return home


@pytest.fixture
def site(home: Path) -> Iterator[Site]:
    with Site(home) as running:
        yield running


def call(client: Client, method: str, **params: Any) -> dict[str, Any]:
    """A message to the tools' server, and its answer's result or error."""
    asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    accepted = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18"}
    answer: dict[str, Any] = client.post("/mcp", json=asked, headers=accepted).json()
    return answer.get("result") or answer["error"]


def test_it_is_known_and_its_table_is_in_the_catalog(catalog: Catalog) -> None:
    assert capabilities()[NAME] is NOTES
    catalog.upgrade()
    with catalog.engine(pooled=False).connect() as connection:
        assert {"notes", "tgstudio_version_notes"} <= set(inspect(connection).get_table_names())


def test_its_route_works_counts_its_limit_and_is_not_there_where_it_is_off(site: Site) -> None:
    on, off = site.program("on", "read", "order"), site.program("off", "read", "order")
    assert on.post("/v1/notes", params={"text": "first"}).status_code == 201
    assert on.get("/v1/notes").json() == ["first"]
    assert site.program("on", "read").post("/v1/notes", params={"text": "x"}).status_code == 403
    for text in ("second", "third"):
        on.post("/v1/notes", params={"text": text})
    assert on.post("/v1/notes", params={"text": "fourth"}).status_code == 409
    for answer in (off.get("/v1/notes"), off.post("/v1/notes", params={"text": "x"})):
        assert answer.status_code == 404
    switch_of_plan(site.catalog, "free", NAME, True)
    assert off.get("/v1/notes").json() == []
    switch(site.catalog, site.principal("off"), NAME, False)
    assert off.get("/v1/notes").status_code == 404
    assert "/v1/notes" in on.get("/v1/openapi.json").json()["paths"]


def test_its_tool_is_listed_and_answers_only_where_it_is_on(site: Site) -> None:
    on, off = site.program("on", "read"), site.program("off", "read")
    names = [{tool["name"] for tool in call(client, "tools/list")["tools"]} for client in (on, off)]
    assert NAME in names[0] and names[1] == names[0] - {NAME}
    answers = [call(client, "tools/call", name=NAME, arguments={}) for client in (on, off)]
    assert [answer["isError"] for answer in answers] == [False, True]
    assert json.loads(json.dumps(answers[0]))["structuredContent"]["notes"] == 0


def test_its_page_is_in_the_menu_and_drawn_only_where_it_is_on(site: Site) -> None:
    readers = Readers(site.platform)
    site.program("on", "read", "order").post("/v1/notes", params={"text": "seen on the page"})
    for tenant, there in (("on", True), ("off", False)):
        reader = readers.of(tenant)
        reader.open()
        assert reader.studio.sees(NAME) == there
    page = readers.of("on").open().switch_page(str(Path(__file__).parent / "example" / "page.py")).run()
    assert not page.exception
    assert "seen on the page" in shown(page)


def test_its_command_runs_only_where_it_is_on(home: Path, site: Site) -> None:
    site.program("on", "read", "order").post("/v1/notes", params={"text": "by the command"})
    done = CliRunner().invoke(app, ["notes", "list", "on"])
    assert (done.exit_code, done.output.strip()) == (0, "by the command")
    refused = CliRunner().invoke(app, ["notes", "list", "off"])
    assert isinstance(refused.exception, NotFoundError)


def test_its_asset_fills_its_table_which_only_who_has_it_sees(tmp_path: Path, catalog: Catalog) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        desk = Desk.open(tmp_path, catalog, instance)
        switch(catalog, Principal("acme", None, "operator"), NAME, True)
        instance.add_dynamic_partitions(str(tenants.name), ["acme"])
        hold = dg.ResourceDefinition.hardcoded_resource
        job = build_definitions(lake=hold(desk.lake), catalog=hold(catalog)).resolve_job_def("count_words")
        assert job.execute_in_process(instance=instance, tags=range_tags("acme", DAY, DAY)).success
        assert desk.lake.tenant("acme").read(NOTE_WORDS, days=[DAY])["words"].sum() > 10
        told = desk.studio().posts.sql("select channel_id, words from note_words")
        assert told.height == desk.lake.tenant("acme").read(NOTE_WORDS, days=[DAY]).height > 0
        assert "note_words" in desk.studio().posts.sql("show tables")["name"].to_list()
        bravo = desk.studio("bravo")
        with pytest.raises(QueryError, match="no such view"):
            bravo.posts.sql("select * from note_words")
        assert "note_words" not in bravo.posts.sql("show tables")["name"].to_list()


def test_a_home_without_its_tables_gets_them_and_keeps_them_when_it_is_gone(
    tmp_path: Path, sqlite_template: Path
) -> None:
    copied = copy_home(sqlite_template.parent, tmp_path / "copy") / sqlite_template.name
    catalog = Catalog(f"sqlite:///{copied}")
    catalog.upgrade()
    catalog.close()
    assert Lake(str(tmp_path / "lake")).tenant("x").days(NOTE_WORDS) == []
