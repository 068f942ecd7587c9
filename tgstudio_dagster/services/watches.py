"""Watches: posts that a program wants to be told of as they come."""

from __future__ import annotations

from datetime import datetime

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
from tgstudio_dagster.posts.watching import News
from tgstudio_dagster.services.scope import Service, does

__all__ = ["News", "Watch", "WatchRule", "Watches"]


class Watches(Service):
    """The tenant's watches."""

    @does("watches.all")
    def all(self) -> list[Watch]:
        """The tenant's watches, by name."""
        return list_watches(self.scope.catalog, self.scope.principal)

    @does("watches.add")
    def add(self, name: str, rule: WatchRule, now: datetime | None = None) -> Watch:
        """Have posts watched for from now on. Raises ConflictError where there is a watch of this name, SettingsError."""
        scope = self.scope
        seen = watching.newest(scope.lake)
        return add_watch(scope.catalog, scope.principal, name, rule, seen=seen, now=now or scope.clock())

    @does("watches.remove")
    def remove(self, named: str) -> Watch:
        """Remove the watch of this id or name. Raises NotFoundError."""
        return drop_watch(self.scope.catalog, self.scope.principal, named)

    @does("watches.news")
    def news(self, named: str, *, cursor: str | None = None, limit: int = 50) -> tuple[Watch, News]:
        """The posts that are new to the watch: since its own cursor, or another one. It is not moved.

        Raises NotFoundError for an unknown watch, QueryError for a cursor that is none.
        """
        watch = get_watch(self.scope.catalog, self.scope.principal, named)
        rule = WatchRule.parse(watch.definition)
        since = watch.seen or "" if cursor is None else cursor
        return watch, watching.news(self.scope.lake, PostFilter(**rule.model_dump()), since=since, limit=limit)

    @does("watches.seen")
    def seen(self, named: str, cursor: str, now: datetime | None = None) -> Watch:
        """Keep that the watch was told of everything up to the cursor; it never goes back.

        Raises NotFoundError, QueryError.
        """
        scope = self.scope
        watch = get_watch(scope.catalog, scope.principal, named)
        later = watching.forward(watch.seen or "", cursor)
        return move_watch(scope.catalog, scope.principal, watch.id, seen=later, now=now or scope.clock())
