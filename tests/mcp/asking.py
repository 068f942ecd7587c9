"""How tests call tools: by the SDK's own client, in memory or over HTTP, one connection for each list of calls."""

from __future__ import annotations

import json
from typing import Any

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, Tool

from tests.web.site import Site
from tgstudio_dagster.mcp.server import build_local

Asked = tuple[str, dict[str, Any]]


def tools(site: Site, secret: str) -> dict[str, Tool]:
    """The tools that a key sees."""

    async def run() -> dict[str, Tool]:
        async with Client(build_local(site.platform, secret)) as client:
            return {tool.name: tool for tool in (await client.list_tools()).tools}

    return anyio.run(run)


def ask(site: Site, secret: str, name: str, /, **arguments: Any) -> CallToolResult:
    """What a tool answers, in memory."""
    return ask_all(site, secret, (name, arguments))[0]


def ask_all(site: Site, secret: str, *asked: Asked) -> list[CallToolResult]:
    """What tools answer, one after another, in memory."""

    async def run() -> list[CallToolResult]:
        async with Client(build_local(site.platform, secret)) as client:
            return [await client.call_tool(name, arguments) for name, arguments in asked]

    return anyio.run(run)


def found(result: CallToolResult) -> dict[str, Any]:
    """The structured content of an answer that is no error."""
    assert not result.is_error, said(result)
    content: dict[str, Any] = result.structured_content
    return content


def refused(result: CallToolResult) -> tuple[int, str]:
    """The status and words of an error; no stack trace is among them."""
    assert result.is_error, said(result)
    content: dict[str, Any] = result.structured_content
    says = content.get("error") or content["untrusted_content"]["error"]
    assert "Traceback" not in said(result)
    return content.get("code", 422), says


def said(result: CallToolResult) -> str:
    """All that an answer says, as text and as structure."""
    texts = [block.text for block in result.content if block.type == "text"]
    return "\n".join([*texts, json.dumps(result.structured_content, ensure_ascii=False)])


def over_http(
    url: str, secret: str, *asked: Asked, headers: dict[str, str] | None = None, mode: str = "auto"
) -> tuple[list[str], list[CallToolResult]]:
    """The names of the tools that are listed, and what those asked answer."""

    async def run() -> tuple[list[str], list[CallToolResult]]:
        sent = {"authorization": f"Bearer {secret}", **(headers or {})}
        async with (
            httpx2.AsyncClient(headers=sent, trust_env=False, timeout=30) as http,
            Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode) as client,
        ):
            names = [tool.name for tool in (await client.list_tools()).tools]
            return names, [await client.call_tool(name, arguments) for name, arguments in asked]

    return anyio.run(run)
