"""SQL of a viewer: at no door is it parsed where others are served, and one tenant's statements hold up no other's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from typer.testing import CliRunner

from tests.lake.sandbox_lakes import fill
from tests.mcp.asking import over_http, refused
from tests.mcp.conftest import world as world
from tests.streamlit_app.conftest import readers as readers
from tests.streamlit_app.reader import Readers
from tests.web.attacks.pulse import pulse
from tests.web.site import Site
from tgstudio_dagster.cli import app
from tgstudio_dagster.core.errors import QueryError
from tgstudio_dagster.core.settings import settings
from tgstudio_dagster.lake.sandbox_process import SIZE, run_sql
from tgstudio_dagster.lake.store import Lake, TenantLake

BOMBS = [
    "with a as (" * 8 + "select 1",
    "with a as (" * 800 + "select 1",
    "with a as (" * 12 + "select 1" + ")" * 12,
    "explain " + "with a as (" * 9 + "select 1",
    "select " + "(" * 9_000 + "1" + ")" * 9_000,
    "select " + "-" * 15_000 + "1",
    "select " + "[" * 9_000 + "1" + "]" * 9_000,
    "select 1 where " + "not " * 4_000 + "true",
    "select " + "case when 1=1 then " * 900 + "1",
    "from " + "(from " * 2_500 + "range(1)" + ")" * 2_500,
]
FEW = BOMBS[:2]
GB = 2**30


def refusal(lake: TenantLake, sql: str, **limits: Any) -> str:
    """What is said of a statement that is refused; nothing of one that runs."""
    try:
        run_sql(lake, sql, rows=10, **limits)
    except QueryError as error:
        return str(error)
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("sql", BOMBS)
def test_a_statement_that_is_hard_to_parse_stops_nothing_here(tmp_path: Path, sql: str) -> None:
    lake = fill(Lake(str(tmp_path / "lake")))
    begun = time.monotonic()
    with pulse() as measured:
        said = refusal(lake, sql, seconds=2, memory=GB)
    assert "Traceback" not in said
    assert measured.longest < 8
    assert measured.grown < GB / 4
    assert time.monotonic() - begun < 60


@pytest.mark.slow
@pytest.mark.parametrize("sql", FEW)
def test_at_the_tool_others_are_served_meanwhile(world: Site, sql: str) -> None:
    secret = world.key("acme", "read", role="viewer")[1]
    refusals: list[Any] = []
    attack = threading.Thread(
        target=lambda: refusals.extend(over_http(world.url, secret, ("sql", {"query": sql}), mode="legacy")[1])
    )
    other = world.sign_in("other", "viewer")
    with pulse() as measured:
        attack.start()
        while attack.is_alive():
            assert other.get("/v1/topics").status_code == 200
            time.sleep(0.05)
    assert measured.longest < 8
    assert refused(refusals[0])[0] == 422


@pytest.mark.slow
def test_at_the_page(readers: Readers) -> None:
    viewer = readers.of("acme", "viewer")
    with pulse() as measured:
        page = viewer.open("data", part="sql")
        page.text_area(key="sql_None").set_value(FEW[0]).run()
        page.button(key="ask").click().run(timeout=60)
    assert measured.longest < 8
    assert page.error


@pytest.mark.slow
def test_in_the_terminal(bare_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TGSTUDIO_HOME", str(bare_home))
    settings.cache_clear()
    with pulse() as measured:
        outcome = CliRunner().invoke(app, ["sql", FEW[0], "--tenant", "acme"])
    settings.cache_clear()
    assert outcome.exit_code != 0
    assert measured.longest < 8
    assert measured.grown < GB / 2


def test_sixteen_slow_statements_of_a_tenant_hold_up_nobody_else(world: Site) -> None:
    slow = "select count(*) from range(100000000000)"
    mine, other = world.key("acme", "read")[1], world.key("other", "read")[1]
    waits: list[float] = []

    async def call(secret: str, name: str, arguments: dict[str, Any]) -> None:
        sent = {"authorization": f"Bearer {secret}"}
        async with (
            httpx2.AsyncClient(headers=sent, trust_env=False, timeout=120) as http,
            Client(streamable_http_client(f"{world.url}/mcp", http_client=http), mode="legacy") as client,
        ):
            begun = time.monotonic()
            await client.call_tool(name, arguments)
            waits.append(time.monotonic() - begun)

    async def attack() -> None:
        async with anyio.create_task_group() as calls:
            for _ in range(16):
                calls.start_soon(call, mine, "sql", {"query": slow})
            await anyio.sleep(2)
            for name in ("telegram_messages", "topics"):
                await call(other, name, {"action": "list"})
            await call(other, "sql", {"query": "select 1"})
            calls.cancel_scope.cancel()

    anyio.run(attack)
    assert max(waits[-3:]) < 8


LARGE: dict[str, Callable[[], str]] = {
    "text": lambda: "select repeat('x', 20000) as t from range(1000)",
    "one cell": lambda: f"select repeat('x', {SIZE + 1}) as t",
    "nulls": lambda: "select list_transform(range(3000000), lambda x: null) as t",
    "truth": lambda: "select list_transform(range(20000000), lambda x: true) as t",
    "structs": lambda: "select list_transform(range(2000000), lambda x: {'a': true, 'b': null}) as t",
    "explained": lambda: "explain select " + ", ".join(f"repeat('x', {n}) || '{'y' * 400}'" for n in range(40)),
}


@pytest.mark.parametrize("kind", LARGE)
def test_an_answer_that_is_large_for_who_reads_it_stays_outside(tmp_path: Path, kind: str) -> None:
    lake = fill(Lake(str(tmp_path / "lake")))
    with pulse() as measured:
        try:
            rows = run_sql(lake, LARGE[kind](), rows=1_000, seconds=20)
        except QueryError as error:
            said = str(error)
        else:
            said = "small"
            assert rows.estimated_size() <= SIZE
    assert any(word in said for word in (("small",) if kind == "explained" else ("MB", "values", "GB"))), said
    assert measured.grown < GB / 4


@pytest.mark.parametrize("levels", [9, 60, 400, 4_000])
def test_a_value_nested_too_deep_for_its_reader_comes_as_text_or_not_at_all(tmp_path: Path, levels: int) -> None:
    lake = fill(Lake(str(tmp_path / "lake")))
    lists, structs = f"{'[' * levels}1{']' * levels}", "{'a':" * levels + "1" + "}" * levels
    for sql in (f"select {lists} as deep", f"select {structs} as deep"):
        try:
            rows = run_sql(lake, sql, rows=1, seconds=20)
        except QueryError:
            assert levels > 9
        else:
            assert str(rows.schema["deep"]) == "String"
