"""All tools, in the order they are listed."""

from __future__ import annotations

from tgstudio_dagster.capabilities import load_all
from tgstudio_dagster.mcp.tool import Tool
from tgstudio_dagster.mcp.tools import accounts, chats, media, messages, monitor, orders, searching, sql, topics

TOOLS: dict[str, Tool] = {
    one.name: one
    for one in (
        accounts.TELEGRAM_AUTH,
        chats.TELEGRAM_CHATS,
        messages.TELEGRAM_MESSAGES,
        media.TELEGRAM_MEDIA,
        searching.TELEGRAM_SEARCH,
        monitor.TELEGRAM_MONITOR,
        topics.TOPICS,
        topics.TOPIC,
        topics.RANKINGS,
        orders.ORDER_PACKAGE,
        orders.PACKAGES,
        sql.SQL,
        *(tool for _, tools in load_all("tools") for tool in tools),
    )
}

__all__ = ["TOOLS"]
