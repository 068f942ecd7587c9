"""Asset checks: what the writers do not prove. What every write proves (the contract) and what is dear to look through is
checked each night over the days that changed; what must not leave the platform is checked before the next step.

The rules are pure and live in `lake/quality.py` and `topics/drift.py`; here is what is read for them, and when they run.
"""

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from tgstudio_dagster.core.errors import ContractError
from tgstudio_dagster.lake import quality
from tgstudio_dagster.lake.contract import Table
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.lake.tables import TABLES
from tgstudio_dagster.lake.tables.newsroom import CONTENT_PACKAGES, EDITOR_RESULTS, EXPORTS, IMAGES
from tgstudio_dagster.lake.tables.posts import MEDIA, MESSAGE_STATS, MESSAGE_VERSIONS, MESSAGES
from tgstudio_dagster.lake.tables.topics import EMBEDDINGS, TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.newsroom.publisher import LIMIT_CHECKS, refused
from tgstudio_dagster.newsroom.records.package import Package
from tgstudio_dagster.orchestration.partitions import OrderKey, order_key, orders, tenant_month
from tgstudio_dagster.orchestration.run_days import RunDays, TenantDay
from tgstudio_dagster.topics.drift import drifted, shape
from tgstudio_dagster.topics.window import WINDOW_DAYS, window_days

# Partitions of a check are a preview in 1.13, which is pinned; `tests/assets` guard how they behave.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)

Key = TenantDay | OrderKey
Rule = Callable[[TenantLake, Key], pl.DataFrame]
SHOWN = 10
"""Days whose broken rows are shown with a check: the newest."""
SHOWN_ROWS = 20
SHOWN_COLUMNS = frozenset(
    {"channel_id", "msg_id", "topic_id", "day", "observed_at", "text_hash", "uri", "sha256", "size", "platform", "name"}
    | {"section", "counter", "before", "after", "day_without_messages", "problem"}
    | {"metric", "value", "lowest", "highest", "usual", "days"}
)
"""What events tell of rows: which they are and how they are counted, never what tenants and strangers wrote. Events stay for
weeks, and Dagster's UI draws what looks like Markdown."""


def _keys(context: dg.AssetCheckExecutionContext, lake: Lake, run_days: RunDays, table: Table) -> list[Key]:
    if table.partition == "tenant_day":
        return list(run_days.of(context, lake))
    return [order_key(key) for key in context.partition_keys]


def _read(lake: TenantLake, table: Table, key: Key) -> pl.DataFrame:
    if isinstance(key, TenantDay):
        return lake.read(table, days=[key.day])
    return lake.read(table, order=key.order)


def _contract(table: Table) -> Rule:
    def rule(lake: TenantLake, key: Key) -> pl.DataFrame:
        try:
            table.conform(_read(lake, table, key))
        except ContractError as error:
            return pl.DataFrame({"problem": [str(error)]})
        return pl.DataFrame()

    return rule


def _text_hashes(lake: TenantLake, key: Key) -> pl.DataFrame:
    return quality.wrong_text_hashes(_read(lake, MESSAGES, key))


def _shrunk(lake: TenantLake, key: Key) -> pl.DataFrame:
    return quality.shrunk_counters(_read(lake, MESSAGE_STATS, key), _read(lake, MESSAGE_VERSIONS, key))


def _orphans(lake: TenantLake, key: Key) -> pl.DataFrame:
    assert isinstance(key, TenantDay)
    posts = lake.read(MESSAGES, days=window_days(key.day), columns=["channel_id", "msg_id"])
    return quality.orphan_topic_messages(_read(lake, TOPICS, key), _read(lake, TOPIC_MESSAGES, key), posts)


def _window(lake: TenantLake, key: Key) -> pl.DataFrame:
    assert isinstance(key, TenantDay)
    missing = quality.missing_days(window_days(key.day), lake.days(MESSAGES))
    return pl.DataFrame({"day_without_messages": missing}, schema={"day_without_messages": pl.Date})


def _drift(lake: TenantLake, key: Key) -> pl.DataFrame:
    assert isinstance(key, TenantDay)
    earlier = [shape(*_topics_of(lake, day)) for day in lake.days(TOPICS) if 0 < (key.day - day).days <= WINDOW_DAYS]
    return drifted(shape(*_topics_of(lake, key.day)), pl.concat([shape(key.day, 0, TOPIC_MESSAGES.empty()), *earlier]))


def _topics_of(lake: TenantLake, day: date) -> tuple[date, int, pl.DataFrame]:
    return day, lake.count(EMBEDDINGS, days=window_days(day)), lake.read(TOPIC_MESSAGES, days=[day])


def _stored_files(table: Table) -> Rule:
    def rule(lake: TenantLake, key: Key) -> pl.DataFrame:
        files = _read(lake, table, key).select("uri", "sha256").drop_nulls("uri").unique()
        return files.filter(
            files["uri"].map_elements(lambda uri: not _file_matches(lake, uri), return_dtype=pl.Boolean)
        )

    return rule


def _media_files(lake: TenantLake, key: Key) -> pl.DataFrame:
    # Hashes were compared when the files were stored; to read gigabytes again at every refresh would prove little more.
    stored = _read(lake, MEDIA, key).filter(status="stored")
    files = pl.concat(
        [
            stored.select("uri", "size"),
            stored.select(pl.col("thumb_uri").alias("uri"), pl.lit(None, pl.Int64).alias("size")).drop_nulls("uri"),
        ]
    ).unique()
    found = [lake.file_size(uri) for uri in files["uri"]]
    there = pl.Series(found, dtype=pl.Int64)
    return files.filter(there.is_null() | (there != files["size"]).fill_null(value=False))


def _file_matches(lake: TenantLake, uri: str) -> bool:
    if not lake.has_file(uri):
        return False
    with lake.open_file(uri) as file:
        digest = hashlib.sha256()
        while chunk := file.read(2**20):
            digest.update(chunk)
    return digest.hexdigest() == uri.split(".")[0]


RULES: list[tuple[Table, str, str, Rule]] = [
    *(
        (table, "contract", "The stored object has the table's columns, types and a unique key.", _contract(table))
        for table in TABLES.values()
    ),
    (MESSAGES, "text_hashes_match", "Every text_hash is the hash of its text.", _text_hashes),
    (MESSAGE_STATS, "counters_never_shrink", "No counter falls unless the post was edited.", _shrunk),
    (MEDIA, "files_match", "Every stored file and thumbnail is there, whole by its size.", _media_files),
    (TOPICS, "no_drift", "Cluster sizes, lone posts and the largest topic are as in the days before.", _drift),
    (TOPICS, "window_complete", "Every day of the window has messages materialized.", _window),
    (TOPIC_MESSAGES, "no_orphans", "Every topic message has its post and its topic.", _orphans),
    (
        EDITOR_RESULTS,
        "every_claim_cited",
        "Every claim cites a post, or is marked needs_verification. What is made of the text waits for it.",
        lambda lake, key: quality.uncited_claims(_read(lake, EDITOR_RESULTS, key)),
    ),
    (IMAGES, "files_match", "Every image is there and has its hash.", _stored_files(IMAGES)),
    (
        CONTENT_PACKAGES,
        "platform_limits",
        "Every platform takes its package: length, hashtags, image. Files are made only then.",
        lambda lake, key: refused(list(Package.from_frame(_read(lake, CONTENT_PACKAGES, key)))),
    ),
    (
        CONTENT_PACKAGES,
        "house_rules",
        "Every package keeps the rules that a person may weigh: sources linked, claims verified, nothing copied or banned.",
        lambda lake, key: quality.broken_rules(_read(lake, CONTENT_PACKAGES, key), LIMIT_CHECKS),
    ),
    (EXPORTS, "files_match", "Every export file is there and has its hash.", _stored_files(EXPORTS)),
]


BLOCKING = {(EDITOR_RESULTS.name, "every_claim_cited"), (CONTENT_PACKAGES.name, "platform_limits")}
"""Run with the order, after the asset and before what is made of it: what fails goes no further."""


def _checks(name: str, keys: set[tuple[str, str]]) -> dg.AssetChecksDefinition:
    """One step for several checks: a step of its own for each would cost more than the checks themselves."""
    rules = {(table.name, check): rule for table, check, _, rule in RULES}
    specs = [
        # Without partitions of its own a check makes Dagster list every partition of its asset: 0.13 s at 5,000 keys.
        dg.AssetCheckSpec(
            check,
            asset=table.name,
            description=description,
            partitions_def=_partitions(table),
            blocking=(table.name, check) in BLOCKING,
        )
        for table, check, description, _ in RULES
        if (table.name, check) in keys
    ]

    @dg.multi_asset_check(name=name, specs=specs, can_subset=True)
    def checks(
        context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake], run_days: RunDays
    ) -> Iterator[dg.AssetCheckResult]:
        for selected in sorted(context.selected_asset_check_keys, key=str):
            table = TABLES[selected.asset_key.path[-1]]
            yield _result(lake, selected, rules[table.name, selected.name], _keys(context, lake, run_days, table))

    return checks


def shown_rows(rows: pl.DataFrame) -> dict[str, Any]:
    """The first rows as an event tells them, and the columns that only the lake has."""
    hidden = sorted(set(rows.columns) - SHOWN_COLUMNS)
    first = rows.head(SHOWN_ROWS).drop(hidden)
    shown: dict[str, Any] = {"rows": json.loads(first.write_json())}
    return shown | ({"only in the lake": hidden} if hidden else {})


def _result(lake: Lake, selected: dg.AssetCheckKey, rule: Rule, keys: list[Key]) -> dg.AssetCheckResult:
    broken = {key: rows for key in keys if (rows := rule(lake.tenant(key.tenant), key)).height}
    metadata: dict[str, dg.MetadataValue] = {"broken_rows": dg.MetadataValue.int(sum(map(len, broken.values())))}
    newest = dict(sorted(broken.items(), reverse=True)[:SHOWN])
    metadata |= {" ".join(map(str, key)): dg.MetadataValue.json(shown_rows(rows)) for key, rows in newest.items()}
    blocks = (selected.asset_key.path[-1], selected.name) in BLOCKING
    return dg.AssetCheckResult(
        asset_key=selected.asset_key,
        check_name=selected.name,
        passed=not broken,
        severity=dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN,
        metadata=metadata,
    )


def _partitions(table: Table) -> dg.PartitionsDefinition[str]:
    return tenant_month if table.partition == "tenant_day" else orders


_ALL = {(table.name, check) for table, check, _, _ in RULES}
_OF_DAYS = {(table, check) for table, check in _ALL if TABLES[table].partition == "tenant_day"}
NIGHTLY = _checks("nightly_checks", _OF_DAYS)
CHECKS = [
    NIGHTLY,
    *(_checks(f"{table}_{check}", {(table, check)}) for table, check in sorted(BLOCKING)),
    _checks("order_checks", _ALL - _OF_DAYS - BLOCKING),
]
