"""Watches: posts that a program wants to be told of as they come."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from tgstudio_dagster.catalog.work.watches import (
    Watch,
    WatchRule,
    add_watch,
    drop_watch,
    get_watch,
    list_watches,
    move_watch,
)
from tgstudio_dagster.posts import watching
from tgstudio_dagster.posts.fit import PostFilter

if TYPE_CHECKING:
    from tgstudio_dagster.services.facade import Studio


def watches(studio: Studio) -> list[Watch]:
    """The tenant's watches, by name."""
    return list_watches(studio.catalog, studio.principal)


def watch(studio: Studio, name: str, rule: WatchRule, now: datetime) -> Watch:
    """Have posts watched for from now on. Raises ConflictError where there is a watch of this name, SettingsError."""
    studio.may_edit("watch")
    return add_watch(studio.catalog, studio.principal, name, rule, seen=watching.newest(studio.lake), now=now)


def unwatch(studio: Studio, named: str) -> Watch:
    """Remove the watch of this id or name. Raises NotFoundError."""
    studio.may_edit("remove a watch")
    return drop_watch(studio.catalog, studio.principal, named)


def news(studio: Studio, named: str, *, cursor: str | None = None, limit: int = 50) -> tuple[Watch, watching.News]:
    """The posts that are new to the watch: since its own cursor, or another one. It is not moved.

    Raises NotFoundError for an unknown watch, QueryError for a cursor that is none.
    """
    one = get_watch(studio.catalog, studio.principal, named)
    rule = WatchRule.parse(one.definition)
    since = one.seen or "" if cursor is None else cursor
    return one, watching.news(studio.lake, PostFilter(**rule.model_dump()), since=since, limit=limit)


def seen(studio: Studio, named: str, cursor: str, now: datetime) -> Watch:
    """Keep that the watch was told of everything up to the cursor; it never goes back. Raises NotFoundError, QueryError."""
    studio.may_edit("move a watch")
    one = get_watch(studio.catalog, studio.principal, named)
    later = watching.forward(one.seen or "", cursor)
    return move_watch(studio.catalog, studio.principal, one.id, seen=later, now=now)
