"""A person's versions of a package are added, never changed, within their tenant; the newest counts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.builders import make_tenant
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.work.edits import PackageEdit, add_edit, edits_of, latest_edits
from tgstudio_dagster.catalog.work.orders import create_order
from tgstudio_dagster.core.errors import ForbiddenError, NotFoundError
from tgstudio_dagster.core.principal import Principal

NOW = datetime(2026, 3, 15, 9, tzinfo=UTC)


@pytest.fixture
def order(catalog: Catalog) -> str:
    return create_order(
        catalog, make_tenant(catalog), topic_id="t-1", day=date(2026, 3, 15), platforms=["tg", "x"], language="ru",
        tone="neutral", now=NOW,
    ).id  # fmt: skip


def _edit(catalog: Catalog, order: str, text: str, **given: Any) -> PackageEdit:
    wanted: dict[str, Any] = {"platform": "tg", "hashtags": ["a"], "image": None, "now": NOW}
    principal = given.pop("principal", Principal("demo", None, "editor"))
    return add_edit(catalog, principal, order_id=order, text=text, **{**wanted, **given})


def test_versions_are_counted_by_package_and_the_newest_comes_first(catalog: Catalog, order: str) -> None:
    assert [_edit(catalog, order, text).n for text in ("one", "two")] == [1, 2]
    assert _edit(catalog, order, "short", platform="x").n == 1
    assert [edit.text for edit in edits_of(catalog, "demo", order, "tg")] == ["two", "one"]
    latest = latest_edits(catalog, "demo")
    assert {key: edit.text for key, edit in latest.items()} == {(order, "tg"): "two", (order, "x"): "short"}
    assert latest_edits(catalog, "demo", ["demo-other"]) == {}


def test_the_same_version_twice_is_one(catalog: Catalog, order: str) -> None:
    assert (_edit(catalog, order, "one").n, _edit(catalog, order, "one").n) == (1, 1)
    assert _edit(catalog, order, "one", image=1).n == 2


def test_a_viewer_and_another_tenant_edit_nothing(catalog: Catalog, order: str) -> None:
    with pytest.raises(ForbiddenError):
        _edit(catalog, order, "x", principal=Principal("demo", None, "viewer"))
    with pytest.raises(NotFoundError):
        _edit(catalog, order, "x", principal=make_tenant(catalog, "other"))
    assert (edits_of(catalog, "other", order, "tg"), latest_edits(catalog, "other")) == ([], {})
