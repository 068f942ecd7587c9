"""Watches are a tenant's own, have a rule that restricts, and are changed by those who may edit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.builders import make_tenant
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.audit import list_audit
from tgstudio_dagster.catalog.work.watches import (
    MAX_WATCHES,
    WatchRule,
    add_watch,
    drop_watch,
    get_watch,
    list_watches,
    move_watch,
)
from tgstudio_dagster.core.errors import ConflictError, ForbiddenError, NotFoundError, SettingsError
from tgstudio_dagster.core.principal import Principal

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
RULE = WatchRule(words=("river",))


@pytest.fixture
def acme(catalog: Catalog) -> Principal:
    return make_tenant(catalog, "acme")


def test_a_watch_is_kept_found_by_name_or_id_moved_and_removed(catalog: Catalog, acme: Principal) -> None:
    made = add_watch(catalog, acme, " floods ", RULE, seen="a", now=NOW)
    assert get_watch(catalog, acme, "floods").id == get_watch(catalog, acme, made.id).id == made.id
    assert WatchRule.parse(made.definition) == RULE
    moved = move_watch(catalog, acme, "floods", seen="b", now=NOW + timedelta(hours=1))
    assert (moved.seen, moved.updated_at) == ("b", NOW + timedelta(hours=1))
    drop_watch(catalog, acme, "floods")
    assert list_watches(catalog, acme) == []
    assert [entry.action for entry in list_audit(catalog, "acme")] == ["watch.delete", "watch.create"]


def test_a_name_is_used_once_and_an_id_goes_before_a_name_that_reads_like_it(catalog: Catalog, acme: Principal) -> None:
    first = add_watch(catalog, acme, "first", RULE, seen="", now=NOW)
    with pytest.raises(ConflictError, match="name"):
        add_watch(catalog, acme, "first", RULE, seen="", now=NOW)
    add_watch(catalog, acme, first.id, RULE, seen="", now=NOW)
    assert get_watch(catalog, acme, first.id).name == "first"


def test_another_tenant_sees_no_watch(catalog: Catalog, acme: Principal) -> None:
    other = make_tenant(catalog, "other")
    made = add_watch(catalog, acme, "floods", RULE, seen="", now=NOW)
    for named in ("floods", made.id):
        for ask in (get_watch, drop_watch):
            with pytest.raises(NotFoundError):
                ask(catalog, other, named)
        with pytest.raises(NotFoundError):
            move_watch(catalog, other, named, seen="x", now=NOW)
    assert list_watches(catalog, other) == []


def test_a_viewer_changes_nothing(catalog: Catalog, acme: Principal) -> None:
    viewer = replace(acme, role="viewer")
    add_watch(catalog, acme, "floods", RULE, seen="", now=NOW)
    for change in (
        lambda: add_watch(catalog, viewer, "x", RULE, seen="", now=NOW),
        lambda: move_watch(catalog, viewer, "floods", seen="x", now=NOW),
        lambda: drop_watch(catalog, viewer, "floods"),
    ):
        with pytest.raises(ForbiddenError, match="viewer"):
            change()
    assert [one.name for one in list_watches(catalog, viewer)] == ["floods"]


def test_there_are_not_endlessly_many(catalog: Catalog, acme: Principal) -> None:
    for n in range(MAX_WATCHES):
        add_watch(catalog, acme, f"w{n}", RULE, seen="", now=NOW)
    with pytest.raises(ConflictError, match="watches"):
        add_watch(catalog, acme, "one more", RULE, seen="", now=NOW)


@pytest.mark.parametrize(
    ("given", "says"),
    [({}, "at least one"), ({"words": [""]}, "words.0"), ({"what": 1}, "what"), ({"langs": ["x"] * 51}, "langs")],
)
def test_a_rule_that_is_none_is_refused_by_its_field(given: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        WatchRule.parse(given)


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_a_watch_needs_a_name(catalog: Catalog, acme: Principal, name: str) -> None:
    with pytest.raises(SettingsError, match="name"):
        add_watch(catalog, acme, name, RULE, seen="", now=NOW)
