"""The tool that watches for posts, and tells what is new since it was asked last."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from tgstudio_dagster.core.errors import FieldError
from tgstudio_dagster.mcp.envelope import Answer, Item
from tgstudio_dagster.mcp.tool import Arguments, Call, Cursor, Tool, listed, post
from tgstudio_dagster.services.watches import Watch, WatchRule

_Name = Annotated[str | None, Field(default=None, min_length=1, max_length=100, description="Name or id of the watch.")]


class MonitorArguments(Arguments):
    """What is asked of a watch."""

    action: Annotated[
        Literal["list", "new"],
        Field(
            default="list",
            description="list: the watches. new: posts that came since the watch's cursor, oldest first.",
        ),
    ]
    watch: _Name
    limit: Annotated[int, Field(default=20, ge=1, le=50, description="At most so many posts.")]
    cursor: Cursor


class KeepArguments(MonitorArguments):
    """What is asked or changed of a watch."""

    action: Annotated[  # type: ignore[assignment]
        Literal["list", "new", "create", "delete", "seen"],
        Field(
            default="list",
            description=(
                "list: the watches. new: posts that came since the watch's cursor, oldest first; the cursor stays where it "
                "is. seen: move it to `cursor` (the next_cursor of new). create: a watch from now on, with `rule`. delete."
            ),
        ),
    ]
    rule: Annotated[WatchRule | None, Field(default=None, description="create: which posts.")]


def _monitor(call: Call, given: MonitorArguments) -> Answer:
    match given.action:
        case "list":
            items = [_item(one) for one in call.studio.watches.all()]
            return listed(items, given.cursor, 50)
        case "new":
            return _new(call, given)
    name = _named(given)
    match given.action:
        case "create":
            rule = given.rule if isinstance(given, KeepArguments) else None
            if rule is None:
                raise FieldError("rule", "say which posts to watch for, by words, any_words, channels, langs or types.")
            made = call.studio.watches.add(name, rule, call.now)
            return Answer({"status": "created"}, items=[_item(made)])
        case "seen":
            if not given.cursor:
                raise FieldError("cursor", "give the next_cursor of the last page of new that was dealt with.")
            moved = call.studio.watches.seen(name, given.cursor, call.now)
            return Answer({"status": "seen", "watch": moved.id})
        case _:
            gone = call.studio.watches.remove(name)
            return Answer({"status": "deleted", "watch": gone.id})


def _new(call: Call, given: MonitorArguments) -> Answer:
    watch, found = call.studio.watches.news(_named(given), cursor=given.cursor, limit=given.limit)
    items = [post(row, seen_at=row["seen_at"]) for row in found.rows.iter_rows(named=True)]
    facts = {"watch": watch.id, "more": found.more}
    return Answer(facts, items=items, cursor=found.cursor, cursor_at=lambda n: found.cursors[n - 1])


def _named(given: MonitorArguments) -> str:
    if given.watch is None:
        raise FieldError("watch", "name the watch; action=list tells which there are.")
    return given.watch


def _item(watch: Watch) -> Item:
    facts: dict[str, Any] = {"id": watch.id, "created_at": watch.created_at, "moved_at": watch.updated_at}
    # A program may have put posts' words into its rule.
    return Item(facts, {"name": watch.name, "rule": {k: v for k, v in watch.definition.items() if v}})


TELEGRAM_MONITOR = Tool(
    name="telegram_monitor",
    title="Watches",
    about=(
        "Tells which posts are new since a program looked last. action=new gives posts of a watch, and a next_cursor that "
        "always is there: hand it back as cursor to go on."
    ),
    arguments=MonitorArguments,
    run=_monitor,
    wider=(KeepArguments, "action=create and delete keep watches, action=seen moves a watch's own cursor."),
)
