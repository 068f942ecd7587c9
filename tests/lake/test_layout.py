"""Paths: whatever a key holds, an object lies in its tenant's folder or the key is refused."""

from __future__ import annotations

from datetime import date
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgstudio_dagster.core.errors import LakeError
from tgstudio_dagster.lake.layout import (
    check_tenant,
    file_path,
    landing_path,
    partition_path,
    partition_value,
    stem,
    table_folder,
)
from tgstudio_dagster.lake.tables import TABLES
from tgstudio_dagster.lake.tables.newsroom import EXPORTS
from tgstudio_dagster.lake.tables.posts import MESSAGES

DAY = date(2026, 3, 9)
HOSTILE = ["", ".", "..", "../other", "a/b", "a\\b", "acme\n", "acme ", "Acme", "ac-me", "تجربة", "😀", "a\0", "a" * 64]


def test_the_paths_are_those_of_the_design() -> None:
    assert (
        partition_path(MESSAGES, "acme", day=DAY, order=None) == "messages/tenant=acme/date=2026-03-09/part-0.parquet"
    )
    order = "acme-01arz3ndektsv4rrffq69g5fav"
    assert partition_path(EXPORTS, "acme", day=None, order=order) == f"exports/tenant=acme/order={order}/part-0.parquet"
    assert landing_path("acme", DAY, "0" * 32) == f"landing/tenant=acme/date=2026-03-09/{'0' * 32}.parquet"
    assert file_path("acme", f"{'a' * 64}.jpg") == f"files/tenant=acme/{'a' * 64}.jpg"


@pytest.mark.parametrize("name", HOSTILE)
def test_names_that_break_paths_are_refused(name: str) -> None:
    for build in (
        lambda: check_tenant(name),
        lambda: partition_path(EXPORTS, "acme", day=None, order=name),
        lambda: partition_path(EXPORTS, "acme", day=None, order=f"acme-{name}/.."),
        lambda: landing_path("acme", DAY, name),
        lambda: file_path("acme", name),
        lambda: file_path("acme", f"{'a' * 64}.{name}/.."),
    ):
        with pytest.raises(LakeError):
            build()


@given(st.text(), st.text())
def test_no_key_leads_out_of_its_tenants_folder(tenant: str, name: str) -> None:
    for table, build in (
        ("exports", lambda: partition_path(EXPORTS, check_tenant(tenant), day=None, order=name)),
        ("files", lambda: file_path(check_tenant(tenant), name)),
        ("landing", lambda: landing_path(check_tenant(tenant), DAY, name)),
    ):
        try:
            path = build()
        except LakeError:
            continue
        assert PurePosixPath(path).parts[:2] == (table, f"tenant={tenant}")
        assert ".." not in PurePosixPath(path).parts


@given(st.sampled_from(sorted(TABLES)), st.dates())
def test_a_partitions_value_is_read_back_from_its_path(name: str, day: date) -> None:
    table = TABLES[name]
    by_day = table.partition == "tenant_day"
    value = day.isoformat() if by_day else f"acme-{day:%Y%m%d}"
    path = partition_path(table, "acme", day=day if by_day else None, order=None if by_day else value)
    assert path.startswith(f"{table_folder(table, 'acme')}/")
    assert partition_value(path) == value
    assert stem(path) == "part-0"


def test_another_tenants_order_and_a_key_of_the_wrong_kind_are_refused() -> None:
    with pytest.raises(LakeError, match="no order of tenant acme"):
        partition_path(EXPORTS, "acme", day=None, order="acme2-01")
    with pytest.raises(LakeError, match="name a day"):
        partition_path(MESSAGES, "acme", day=None, order="acme-01")
    with pytest.raises(LakeError, match="name an order"):
        partition_path(EXPORTS, "acme", day=DAY, order=None)
