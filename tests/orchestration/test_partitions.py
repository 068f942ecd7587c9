"""How Dagster treats tenant × day: guards of behaviour the platform rests on, in the pinned version."""

from collections.abc import Iterator
from datetime import date

import dagster as dg
import pytest

from tgstudio_dagster.orchestration.partitions import (
    TenantDay,
    order_key,
    tenant_day,
    tenant_day_key,
    tenant_days,
    tenants,
    trailing_window,
)
from tgstudio_dagster.orchestration.tags import range_tags

DAYS = [date(2026, 3, day) for day in range(9, 16)]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(str(tenants.name), ["acme", "bravo"])
        yield instance


def test_a_range_of_one_tenant_is_one_run_over_its_days_only(instance: dg.DagsterInstance) -> None:
    seen: list[TenantDay] = []

    @dg.asset(partitions_def=tenant_day, backfill_policy=dg.BackfillPolicy.single_run())
    def upstream(context: dg.AssetExecutionContext) -> None:
        seen.extend(tenant_days(context))

    job = dg.Definitions(assets=[upstream], jobs=[dg.define_asset_job("all")]).resolve_job_def("all")
    assert job.execute_in_process(instance=instance, tags=range_tags("acme", DAYS[0], DAYS[-1])).success
    assert seen == [TenantDay("acme", day) for day in DAYS]
    materialized = instance.get_materialized_partitions(dg.AssetKey("upstream"))
    assert materialized == {str(tenant_day_key("acme", day)) for day in DAYS}


def test_a_trailing_window_asks_for_seven_days_of_the_same_tenant(instance: dg.DagsterInstance) -> None:
    upstream_keys = trailing_window.get_upstream_mapped_partitions_result_for_partitions(
        downstream_partitions_subset=tenant_day.subset_with_partition_keys([tenant_day_key("acme", DAYS[-1])]),
        downstream_partitions_def=tenant_day,
        upstream_partitions_def=tenant_day,
        dynamic_partitions_store=instance,
    ).partitions_subset.get_partition_keys()
    assert {str(key) for key in upstream_keys} == {str(tenant_day_key("acme", day)) for day in DAYS}


def test_dynamic_and_time_partitions_work_together_after_a_tenant_is_added(instance: dg.DagsterInstance) -> None:
    """Dagster's issue 33815, seen in 1.12.20 to 1.13.4: a new dynamic key was not found beside a time dimension."""
    instance.add_dynamic_partitions(str(tenants.name), ["charlie"])

    @dg.asset(partitions_def=tenant_day)
    def one(context: dg.AssetExecutionContext) -> None:
        assert tenant_days(context) == [TenantDay("charlie", DAYS[0])]

    key = tenant_day_key("charlie", DAYS[0])
    assert dg.materialize([one], partition_key=key, instance=instance).success
    assert instance.get_materialized_partitions(dg.AssetKey("one")) == {str(key)}


def test_an_order_key_names_its_tenant() -> None:
    assert order_key("acme-01jabc") == ("acme", "acme-01jabc")
