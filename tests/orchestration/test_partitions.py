"""How Dagster treats tenant × month: guards of behaviour the platform rests on, in the pinned version."""

from collections.abc import Iterator
from datetime import date

import dagster as dg
import pytest

from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.orchestration.partitions import (
    TenantMonth,
    order_key,
    tenant_month,
    tenant_month_key,
    tenant_months,
    tenants,
    trailing_window,
)
from tgstudio_dagster.orchestration.tags import DAYS_TAG, days_tags, range_tags

MONTHS = [date(2026, month, 1) for month in (1, 2, 3)]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(str(tenants.name), ["acme", "bravo"])
        yield instance


def test_a_range_of_one_tenant_is_one_run_over_its_months_only(instance: dg.DagsterInstance) -> None:
    seen: list[TenantMonth] = []

    @dg.asset(partitions_def=tenant_month, backfill_policy=dg.BackfillPolicy.single_run())
    def upstream(context: dg.AssetExecutionContext) -> None:
        seen.extend(tenant_months(context))

    job = dg.Definitions(assets=[upstream], jobs=[dg.define_asset_job("all")]).resolve_job_def("all")
    assert job.execute_in_process(
        instance=instance, tags=range_tags("acme", date(2026, 1, 9), date(2026, 3, 2))
    ).success
    assert seen == [TenantMonth("acme", month) for month in MONTHS]
    materialized = instance.get_materialized_partitions(dg.AssetKey("upstream"))
    assert materialized == {str(tenant_month_key("acme", month)) for month in MONTHS}


def test_the_calendar_begins_where_telegram_did() -> None:
    assert tenant_month.get_partitions_def_for_dimension("month").get_first_partition_key() == "2013-08"


def test_several_ranges_of_touching_months_are_one_box_and_their_tag_names_the_days() -> None:
    ranges = [DayRange(date(2026, 1, 30), date(2026, 2, 2)), DayRange(date(2026, 3, 9), date(2026, 3, 9))]
    tags = days_tags("acme", ranges)
    assert tags["dagster/asset_partition_range_start"] == "2026-01|acme"
    assert tags["dagster/asset_partition_range_end"] == "2026-03|acme"
    assert tags[DAYS_TAG] == "2026-01-30..2026-02-02,2026-03-09"


def test_a_trailing_window_asks_for_the_month_and_the_one_before_of_the_same_tenant(
    instance: dg.DagsterInstance,
) -> None:
    upstream_keys = trailing_window.get_upstream_mapped_partitions_result_for_partitions(
        downstream_partitions_subset=tenant_month.subset_with_partition_keys([tenant_month_key("acme", MONTHS[-1])]),
        downstream_partitions_def=tenant_month,
        upstream_partitions_def=tenant_month,
        dynamic_partitions_store=instance,
    ).partitions_subset.get_partition_keys()
    assert {str(key) for key in upstream_keys} == {str(tenant_month_key("acme", month)) for month in MONTHS[1:]}


def test_dynamic_and_time_partitions_work_together_after_a_tenant_is_added(instance: dg.DagsterInstance) -> None:
    """Dagster's issue 33815, seen in 1.12.20 to 1.13.4: a new dynamic key was not found beside a time dimension."""
    instance.add_dynamic_partitions(str(tenants.name), ["charlie"])

    @dg.asset(partitions_def=tenant_month)
    def one(context: dg.AssetExecutionContext) -> None:
        assert tenant_months(context) == [TenantMonth("charlie", MONTHS[0])]

    key = tenant_month_key("charlie", MONTHS[0])
    assert dg.materialize([one], partition_key=key, instance=instance).success
    assert instance.get_materialized_partitions(dg.AssetKey("one")) == {str(key)}


def test_days_of_the_version_before_in_the_storage_break_nothing(instance: dg.DagsterInstance) -> None:
    """A home of the version before has materializations of tenant × day keys of the same assets."""

    @dg.asset(partitions_def=tenant_month, backfill_policy=dg.BackfillPolicy.single_run())
    def upstream(context: dg.AssetExecutionContext) -> None:
        assert tenant_months(context)

    old = dg.AssetMaterialization("upstream", partition="2026-03-15|acme")
    instance.report_runless_asset_event(old)
    job = dg.Definitions(assets=[upstream], jobs=[dg.define_asset_job("all")]).resolve_job_def("all")
    assert job.execute_in_process(instance=instance, tags=range_tags("acme", MONTHS[-1], MONTHS[-1])).success
    assert "2026-03|acme" in instance.get_materialized_partitions(dg.AssetKey("upstream"))


def test_an_order_key_names_its_tenant() -> None:
    assert order_key("acme-01jabc") == ("acme", "acme-01jabc")
