"""The page about MCP tells of the tools that there are, by their own words and limits."""

from __future__ import annotations

import json
import re

from tgstudio_dagster.core.home import PROJECT
from tgstudio_dagster.core.scopes import SCOPES
from tgstudio_dagster.mcp.envelope import MAX_CHARS, MAX_FIELD, NOTICE
from tgstudio_dagster.mcp.registry import TOOLS
from tgstudio_dagster.services.confirmations import LASTS
from tgstudio_dagster.services.policy import wider_scope

PAGE = (PROJECT / "docs" / "mcp.md").read_text(encoding="utf-8")


def test_the_table_of_tools_is_what_the_server_lists() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    expected = []
    for tool in TOOLS.values():
        more = f"{wider_scope(tool.name)}: {tool.wider[1]}" if tool.wider else ""
        expected.append(f"| `{tool.name}` | {tool.scope} | {tool.about} | {more} |")
    assert rows == expected


def test_its_figures_and_words_are_the_code_s() -> None:
    assert f"at most {MAX_CHARS:,} characters, a text {MAX_FIELD:,}" in PAGE
    assert f"lasts {LASTS.seconds // 60} minutes" in PAGE
    begin, _, end = re.search(r"^Everything.*", PAGE, re.MULTILINE)[0].partition(" … ")  # type: ignore[index]
    assert NOTICE.startswith(begin) and end.split(" …")[0] in NOTICE
    for scope in SCOPES:
        assert f"`{scope}`" in PAGE


def test_its_settings_for_clients_are_json() -> None:
    blocks = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        assert "tgstudio" in json.loads(block)["mcpServers"]
