"""The asset graph, as a snapshot: a change to it is a decision, and shows in review."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetNode

from tgstudio_dagster.definitions import build_definitions
from tgstudio_dagster.lake.tables import TABLES
from tgstudio_dagster.orchestration.code_versions import CODE_VERSIONS

SNAPSHOT = Path(__file__).parent / "graph.txt"


@pytest.fixture(scope="module")
def graph() -> dg.AssetGraph:
    return build_definitions().resolve_asset_graph()


def describe(graph: dg.AssetGraph) -> str:
    """One paragraph per asset: group, partitions, owners, kinds, upstream assets, checks."""
    lines = []
    for node in sorted(graph.asset_nodes, key=lambda node: node.key.to_user_string()):
        checks = sorted(key.name for key in node.check_keys)
        partitions = type(node.partitions_def).__name__ if node.partitions_def else "none"
        lines += [
            node.key.to_user_string(),
            f"  group {node.group_name}, {partitions}, owners {', '.join(sorted(node.owners))}",
            f"  kinds {', '.join(sorted(node.kinds))}",
            f"  from {', '.join(sorted(parent.to_user_string() for parent in node.parent_keys)) or '-'}",
            f"  checks {', '.join(checks)}",
        ]
    return "\n".join(lines) + "\n"


def materialized(graph: dg.AssetGraph) -> list[AssetNode]:
    """The assets that runs make; `landings` is told of by the reader."""
    return [node for node in graph.asset_nodes if node.is_materializable]


def test_the_graph_is_the_one_that_was_decided(graph: dg.AssetGraph) -> None:
    assert describe(graph) == SNAPSHOT.read_text(encoding="utf-8")


def test_every_table_is_an_asset_with_a_description_an_owner_and_a_contract_check(graph: dg.AssetGraph) -> None:
    assert {node.key.to_user_string() for node in graph.asset_nodes} == {*TABLES, "landings"}
    for node in materialized(graph):
        assert node.description
        assert node.owners
        assert "contract" in {key.name for key in node.check_keys}
        assert node.code_version == CODE_VERSIONS[node.key.to_user_string()]
        assert "dagster/column_schema" in node.metadata


def test_days_and_orders_are_backfilled_in_one_run(graph: dg.AssetGraph) -> None:
    for node in materialized(graph):
        if TABLES[node.key.to_user_string()].partition == "tenant_day":
            assert node.backfill_policy == dg.BackfillPolicy.single_run()
