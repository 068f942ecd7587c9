"""The tool that lists the channels a tenant follows, or has posts of."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from tgstudio_dagster.mcp.envelope import Answer, Item
from tgstudio_dagster.mcp.tool import Arguments, Call, Cursor, Tool, listed, short, username


class ChatsArguments(Arguments):
    """Which channels."""

    name: Annotated[
        str | None, Field(default=None, min_length=1, max_length=100, description="Part of the title or username.")
    ]
    status: Annotated[
        Literal["active", "paused", "lost", "ended", "imported"] | None,
        Field(default=None, description="Default: all. imported: there are posts, but nobody follows it."),
    ]
    limit: Annotated[int, Field(default=30, ge=1, le=100, description="At most so many.")]
    cursor: Cursor


def _chats(call: Call, given: ChatsArguments) -> Answer:
    followed = call.studio.follows.all()
    ids = {one.channel_id for one in followed}
    rows: list[dict[str, Any]] = [
        {
            "channel_id": one.channel_id,
            "username": username(one.username),
            "kind": one.kind,
            "status": one.status,
            "visibility": one.visibility,
            "members": one.members,
            "comments": one.comments,
            "read_at": one.read_at,
            "title": one.title,
            "error": one.error,
        }
        for one in followed
    ]
    rows += [
        {
            "channel_id": one.channel_id,
            "username": username(one.username),
            "kind": one.kind,
            "status": "imported",
            "title": one.title,
            "error": None,
        }
        for one in call.studio.chats.all()
        if one.channel_id not in ids
    ]
    wanted = (given.name or "").removeprefix("@").casefold()
    items = [
        _item(row)
        for row in rows
        if given.status in (None, row["status"]) and wanted in f"{row['title']} {row['username'] or ''}".casefold()
    ]
    return listed(items, given.cursor, given.limit)


def _item(row: dict[str, Any]) -> Item:
    name = row["username"]
    facts = {key: value for key, value in row.items() if key not in {"title", "error"} and value is not None}
    facts["permalink"] = f"https://t.me/{name}" if name else None
    words = {"title": short(row["title"])} | ({"error": short(row["error"])} if row["error"] else {})
    return Item(facts, words)


TELEGRAM_CHATS = Tool(
    name="telegram_chats",
    title="Channels",
    about="Lists the Telegram channels and groups that are followed or were imported: id, username, status, when last read.",
    arguments=ChatsArguments,
    run=_chats,
)
