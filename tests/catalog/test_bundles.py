"""A bundle waits, is built and ends, within its tenant."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.builders import make_tenant
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.tenants import delete_tenant
from tgstudio_dagster.catalog.work.bundles import (
    MAX_WAITING,
    Bundle,
    create_bundle,
    get_bundle,
    list_bundles,
    mark_bundle,
    pending_bundles,
)
from tgstudio_dagster.core.errors import ConflictError, ForbiddenError, NotFoundError, SettingsError
from tgstudio_dagster.core.principal import Principal

NOW = datetime(2026, 3, 15, 9, tzinfo=UTC)


def _bundle(catalog: Catalog, principal: Principal, **given: Any) -> Bundle:
    wanted: dict[str, Any] = {
        "first": date(2026, 3, 1), "last": date(2026, 3, 7), "tables": ["messages"], "format": "both", "now": NOW,
    }  # fmt: skip
    return create_bundle(catalog, principal, **{**wanted, **given})


def test_a_bundle_waits_runs_and_is_done_with_its_size(catalog: Catalog) -> None:
    bundle = _bundle(catalog, make_tenant(catalog))
    assert [one.id for one in pending_bundles(catalog)] == [bundle.id]
    mark_bundle(catalog, bundle.id, "running", run_id="r1")
    assert pending_bundles(catalog) == []
    mark_bundle(catalog, bundle.id, "done", uri="u.zip", size=7)
    # A run that is told of twice, or fails after its work, takes nothing back.
    mark_bundle(catalog, bundle.id, "failed", error="late")
    (found,) = list_bundles(catalog, "demo")
    assert (found.status, found.run_id, found.uri, found.bytes, found.error) == ("done", "r1", "u.zip", 7, None)


@pytest.mark.parametrize(("field", "value"), [("last", date(2026, 2, 1)), ("format", "xlsx")])
def test_what_makes_no_bundle_names_its_field(catalog: Catalog, field: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=field):
        _bundle(catalog, make_tenant(catalog), **{field: value})


def test_only_a_few_are_made_at_once_and_none_for_a_viewer(catalog: Catalog) -> None:
    principal = make_tenant(catalog)
    made = [_bundle(catalog, principal) for _ in range(MAX_WAITING)]
    with pytest.raises(ConflictError, match="wait"):
        _bundle(catalog, principal)
    mark_bundle(catalog, made[0].id, "failed", error="disk full")
    _bundle(catalog, principal)
    with pytest.raises(ForbiddenError):
        _bundle(catalog, Principal("demo", None, "viewer"))


def test_bundles_of_another_or_a_deleted_tenant_do_not_exist(catalog: Catalog) -> None:
    bundle = _bundle(catalog, make_tenant(catalog))
    make_tenant(catalog, "other")
    assert list_bundles(catalog, "other") == []
    with pytest.raises(NotFoundError):
        get_bundle(catalog, "other", bundle.id)
    delete_tenant(catalog, "demo")
    assert pending_bundles(catalog) == []
