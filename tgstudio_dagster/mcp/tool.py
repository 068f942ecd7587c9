"""What a tool is: a name, arguments as a model, and a function from a call to an answer. No tool belongs here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from tgstudio_dagster.core.cursor import read_offset, write_offset
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.scopes import KeyScope
from tgstudio_dagster.mcp.envelope import Answer, Item
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services.keys import ApiKey
from tgstudio_dagster.services.platform import Platform
from tgstudio_dagster.services.policy import of_tool, wider_scope
from tgstudio_dagster.web.who import Visitor

SHORT = 300
"""Longest title or name that is handed on."""
_LINK = re.compile(r"https://t\.me/[\w+/-]{1,120}", re.ASCII)
_NAME = re.compile(r"\w{1,64}", re.ASCII)


class Arguments(BaseModel):
    """What a tool is called with; a field that it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Cursor = Annotated[
    str | None,
    Field(default=None, max_length=2_000, description="next_cursor of the page before, with the same arguments."),
]
Channels = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=100)], ...],
    Field(default=(), max_length=50, description="Usernames or ids of channels; default: all."),
]
Langs = Annotated[
    tuple[Annotated[str, Field(min_length=2, max_length=3)], ...],
    Field(default=(), max_length=20, description="Language codes, for example ru."),
]
First = Annotated[date | None, Field(default=None, description="First day (UTC), YYYY-MM-DD.")]
Last = Annotated[date | None, Field(default=None, description="Last day (UTC), YYYY-MM-DD.")]
Day = Annotated[
    date | None, Field(default=None, description="Day (UTC) whose window of 7 days is meant; default: the newest.")
]


@dataclass(frozen=True)
class Call:
    """One call: who calls, when, and what may be reached."""

    platform: Platform
    visitor: Visitor
    key: ApiKey
    now: datetime

    @property
    def principal(self) -> Principal:
        """Whom the key acts for."""
        return self.visitor.principal

    @cached_property
    def studio(self) -> Studio:
        """What the key may do with all that the tenant has."""
        return self.platform.studio(self.principal, self.visitor.scopes, self.visitor.credential)


@dataclass(frozen=True)
class Tool:
    """A tool as it is listed and run.

    The policy says which scope is needed to see it, and which one lets it do more: with that it takes the arguments of
    `wider` instead, and no longer only reads. `hidden` are arguments whose value is not kept in the history of requests, only
    its length.
    """

    name: str
    title: str
    about: str
    arguments: type[Arguments]
    run: Callable[[Call, Any], Answer]
    wider: tuple[type[Arguments], str] | None = None
    open_world: bool = False
    destructive: bool = False
    hidden: frozenset[str] = field(default_factory=frozenset)

    @property
    def scope(self) -> KeyScope:
        """The scope that a key needs to see the tool."""
        return of_tool(self.name).scope or "admin"

    def arguments_for(self, scopes: frozenset[str]) -> type[Arguments]:
        """What a key with these scopes may call it with."""
        return self.wider[0] if self.widened(scopes) and self.wider else self.arguments

    def widened(self, scopes: frozenset[str]) -> bool:
        """Whether these scopes let it do more than read."""
        return self.wider is not None and wider_scope(self.name) in scopes

    def about_for(self, scopes: frozenset[str]) -> str:
        """What it does for a key with these scopes."""
        return f"{self.about} {self.wider[1]}" if self.wider and self.widened(scopes) else self.about

    def reads_only(self, scopes: frozenset[str]) -> bool:
        """Whether a key with these scopes changes nothing by it."""
        return self.scope == "read" and not self.widened(scopes)


def link(url: object) -> str | None:
    """A permalink, if it is one: a forged dump could have put anything there."""
    return url if isinstance(url, str) and _LINK.fullmatch(url) else None


def username(name: object) -> str | None:
    """A username without @, if it is one."""
    return name if isinstance(name, str) and _NAME.fullmatch(name) else None


def short(text: str | None) -> str | None:
    """One line of at most SHORT characters."""
    if text is None:
        return None
    line = " ".join(text.split())
    return line if len(line) <= SHORT else line[: SHORT - 1] + "…"


def post(row: Mapping[str, Any], **more: Any) -> Item:
    """A post as an item: of a row of the feed, of a topic or of news."""
    counters = {name: row[name] for name in ("views", "forwards", "reactions", "comments") if row.get(name) is not None}
    facts = {
        "channel_id": row["channel_id"],
        "msg_id": row["msg_id"],
        "channel": username(row.get("channel")),
        "date": row["date"],
        "permalink": link(row.get("url")),
        "type": row.get("type"),
        "lang": row.get("lang"),
        **counters,
        **({"deleted_at": row["deleted_at"]} if row.get("deleted_at") else {}),
        **({"edits": row["edits"]} if row.get("edits") else {}),
        **more,
    }
    words = {"channel_title": short(row.get("channel_title")), "text": row.get("text") or ""}
    if row.get("forwarded_from"):
        words["forwarded_from"] = short(row["forwarded_from"])
    return Item(facts, words)


def listed(items: Sequence[Item], cursor: str | None, limit: int, **facts: Any) -> Answer:
    """One page of a list that is at hand, with how many there are in all."""
    start = read_offset(cursor)
    further = write_offset(start + limit) if len(items) > start + limit else None
    part = items[start : start + limit]
    return Answer(
        {**facts, "total": len(items)}, items=part, cursor=further, cursor_at=lambda n: write_offset(start + n)
    )
