"""`tgstudio mcp`: a process of its own, bound to one key, that speaks the protocol on its standard streams."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import CallToolResult

from tests.mcp.asking import Asked, found, refused
from tests.web.site import Site
from tgstudio_dagster.catalog.people.api_requests import list_requests

ENTRY = [sys.executable, "-c", "from tgstudio_dagster.cli import main; main()", "mcp"]


def over_stdio(
    home: Path, secret: str, *asked: Asked, errlog: Any = sys.stderr, mode: str = "auto"
) -> tuple[list[str], list[CallToolResult]]:
    """The names of the tools that are listed, and what those asked answer."""
    environment = os.environ | {"TGSTUDIO_HOME": str(home), "TGSTUDIO_API_KEY": secret}
    server = StdioServerParameters(command=ENTRY[0], args=ENTRY[1:], env=environment)

    async def run() -> tuple[list[str], list[CallToolResult]]:
        async with Client(stdio_client(server, errlog=errlog), mode=mode) as client:
            names = [tool.name for tool in (await client.list_tools()).tools]
            return names, [await client.call_tool(name, arguments) for name, arguments in asked]

    return anyio.run(run)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_client_starts_it_lists_and_calls_tools(world: Site, tmp_path: Path, mode: str) -> None:
    key, secret = world.key("acme", "read", tools=["topics", "telegram_search", "sql"])
    asked: list[Asked] = [
        ("topics", {}),
        ("telegram_search", {"query": "river"}),
        ("sql", {"query": "SELECT count(*) AS n FROM messages"}),
        ("packages", {}),
    ]
    with (tmp_path / "errors").open("w") as errors:
        names, (topics, search, sql, packages) = over_stdio(world.home, secret, *asked, errlog=errors, mode=mode)
    assert names == ["telegram_search", "topics", "sql"]
    assert found(topics)["items"] and found(search)["items"]
    assert found(sql)["items"][0]["untrusted_content"]["n"] >= 61
    assert refused(packages)[0] == 403
    assert (tmp_path / "errors").read_text() == ""
    noted = [row for row in list_requests(world.catalog, "acme", limit=200)[0] if row.api_key_id == key.id]
    assert len(noted) == len(asked), "what a process asked is written down before it ends"


@pytest.mark.parametrize(
    ("key", "says"),
    [(None, "TGSTUDIO_API_KEY: not set"), ("  ", "TGSTUDIO_API_KEY: not set"), ("tgs_wrong", "unknown")],
)
def test_it_refuses_to_start_without_a_good_key(world: Site, key: str | None, says: str) -> None:
    import subprocess

    environment = {name: value for name, value in os.environ.items() if name != "TGSTUDIO_API_KEY"}
    environment |= {"TGSTUDIO_HOME": str(world.home)} | ({"TGSTUDIO_API_KEY": key} if key is not None else {})
    done = subprocess.run(ENTRY, env=environment, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert says in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""
