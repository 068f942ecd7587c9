"""`make demo`'s command in a home of its own, twice; and what it exports, held against the sample's labels."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections import Counter, defaultdict
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.servers.ready import COMMAND, ready_python
from tests.servers.s3 import BUCKET
from tests.web.site import copy_home
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.principals import operator
from tgstudio_dagster.core.settings import Settings
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables import TABLES
from tgstudio_dagster.services import Studio

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Demo:
    """The home after the demo ran, in one profile, and what it printed."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.settings = Settings(home=home, **settings)  # type: ignore[arg-type]
        self.environment = os.environ | {
            "TGSTUDIO_HOME": str(home),
            "PYTHONUTF8": "1",
            **{f"TGSTUDIO_{name.upper()}": value for name, value in settings.items()},
        }
        self.summary: Any = None

    def run(self, *arguments: str) -> Any:
        """A `tgstudio` command in this home; its JSON."""
        return json.loads(self.text(*arguments))

    def text(self, *arguments: str, code: int = 0) -> str:
        """What a `tgstudio` command prints; its errors where it is to fail."""
        process = ready_python().start(COMMAND, *arguments, env=self.environment)
        out, err = process.communicate(timeout=300)
        assert process.returncode == code, err[-3000:]
        return out if code == 0 else err

    def contents(self) -> dict[str, str]:
        """The hash of every table's rows, by partition."""
        lake = Lake.open(self.settings).tenant("demo")
        found = {}
        for table in TABLES.values():
            if table.partition == "tenant_day":
                parts = {str(day): lake.read(table, days=[day]) for day in lake.days(table)}
            else:
                parts = {order: lake.read(table, order=order) for order in lake.orders(table)}
            found |= {f"{table.name} {key}": frame_hash(frame) for key, frame in parts.items()}
        return found


def frame_hash(frame: pl.DataFrame) -> str:
    """A hash of a frame's columns, types and rows."""
    return hashlib.sha256(frame.rechunk().serialize()).hexdigest()


@pytest.fixture(scope="module", params=["embedded", "production"])
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    home = tmp_path_factory.mktemp(request.param) / "home"
    if request.param == "embedded":
        made = Demo(copy_home(request.getfixturevalue("demo_home"), home))
        made.summary = json.loads((home / "demo.json").read_text(encoding="utf-8"))
        return made
    options = {f"s3_{name}": value for name, value in request.getfixturevalue("s3").options.items()}
    database_url = request.getfixturevalue("postgres").create("demo")
    made = Demo(home, database_url=database_url, lake_url=f"s3://{BUCKET}/demo", **options)
    made.summary = made.run("demo", "--json")
    return made


@pytest.fixture(scope="module")
def labels(demo: Demo) -> pl.DataFrame:
    return pl.read_ndjson(demo.home / "sample" / "labels.jsonl", infer_schema_length=None)


def read(demo: Demo, table: str) -> pl.DataFrame:
    with zipfile.ZipFile(demo.home / "exports" / "demo.zip") as bundle:
        return pl.read_parquet(BytesIO(bundle.read(f"{table}.parquet")))


def test_every_labelled_post_is_exported_exactly_once(demo: Demo, labels: pl.DataFrame) -> None:
    posts = read(demo, "messages").filter(pl.col("type") != "service")
    exported = Counter(zip(posts["channel_id"], posts["msg_id"], strict=True))
    wanted = set(zip(labels["channel_id"], labels["message_id"], strict=True))
    assert wanted <= set(exported)
    assert set(exported.values()) == {1}
    assert posts.height >= 1500
    assert posts["channel"].n_unique() >= 8


def test_topics_gather_the_posts_of_one_event(demo: Demo, labels: pl.DataFrame) -> None:
    """Of the topics with labelled posts, most posts share the topic's leading story; most events keep together."""
    last = read(demo, "topic_messages").filter(pl.col("day") == pl.col("day").max())
    joined = last.join(labels, left_on=["channel_id", "msg_id"], right_on=["channel_id", "message_id"])
    labelled = joined.drop_nulls("story")
    majority = (
        labelled.group_by("topic_id", "story")
        .len()
        .group_by("topic_id")
        .agg(pl.col("len").max(), pl.col("len").sum().alias("all"))
    )
    purity = majority["len"].sum() / majority["all"].sum()
    by_event = (
        labelled.group_by("event", "topic_id")
        .len()
        .group_by("event")
        .agg(pl.col("len").max(), pl.col("len").sum().alias("all"))
    )
    together = by_event["len"].sum() / by_event["all"].sum()
    assert purity >= 0.9
    assert together >= 0.7


def test_the_top_topics_have_packages_within_every_limit(demo: Demo) -> None:
    assert len(demo.summary["topics"]) == 3
    packages = demo.run("packages", "--tenant", "demo", "--json")
    per_order = defaultdict(set)
    for package in packages:
        per_order[package["order_id"]].add(package["platform"])
        assert all(check["passed"] for check in package["checks"])
        assert package["text"]
    assert len(per_order) == 3
    assert all(platforms == {"tg", "vk", "x", "ig"} for platforms in per_order.values())


def test_every_sentence_of_a_package_names_its_sources(demo: Demo) -> None:
    packages = demo.summary["packages"]
    catalog = Catalog.open(demo.settings)
    studio = Studio.open(operator(catalog, "demo"), catalog, Lake.open(demo.settings))
    explanations = [studio.packages.explain(package).model_dump(mode="json") for package in packages]
    catalog.close()
    assert len(packages) == 3 * 4
    assert demo.run("explain", packages[0], "--tenant", "demo", "--json") == explanations[0]
    for explanation in explanations:
        assert explanation["sentences"]
        assert not explanation["stale"]
        for sentence in explanation["sentences"]:
            assert sentence["needs_verification"] or sentence["sources"], sentence["text"]
            assert all(source["url"].startswith("https://t.me/") for source in sentence["sources"])


def test_edits_deletes_albums_and_growing_counters_are_in_the_lake(demo: Demo) -> None:
    posts = read(demo, "messages")
    assert posts.filter(pl.col("version") > 1).height >= 10
    assert posts.filter(pl.col("deleted_at").is_not_null()).height >= 5
    assert posts.filter(pl.col("album").list.len() > 1).height >= 10
    observed = demo.run(
        "sql",
        "--tenant",
        "demo",
        "--json",
        "select count(*) n from (select channel_id, msg_id from message_stats group by all having count(*) >= 3)",
    )
    assert observed[0]["n"] >= 500
    stored = demo.run("sql", "--tenant", "demo", "--json", "select count(*) n from media where status = 'stored'")
    assert stored[0]["n"] >= 50


def test_the_bundle_is_the_one_its_manifest_describes(demo: Demo) -> None:
    with zipfile.ZipFile(demo.home / "exports" / "demo.zip") as bundle:
        manifest = json.loads(bundle.read("manifest.json"))
        for file in manifest["files"]:
            content = bundle.read(file["name"])
            assert hashlib.sha256(content).hexdigest() == file["sha256"]
            if file["format"] == "parquet":
                assert pl.read_parquet(BytesIO(content)).height == file["rows"]


def test_running_it_again_changes_nothing_and_doubles_nothing(demo: Demo) -> None:
    before = demo.contents()
    again = demo.run("demo", "--json")
    assert demo.contents() == before
    assert again["imported"] == 0
    assert again["materialized"] == []
    assert again["packages"] == demo.summary["packages"]


def test_materializing_the_same_days_again_gives_the_same_bytes(demo: Demo) -> None:
    before = demo.contents()
    demo.run("materialize", "--tenant", "demo", "--from", "2026-03-14", "--to", "2026-03-15", "--json")
    assert demo.contents() == before


def test_reading_commands_answer_in_json(demo: Demo) -> None:
    assert len(demo.run("feed", "--tenant", "demo", "--lang", "ru", "--limit", "5", "--json")) == 5
    assert demo.run("top", "--tenant", "demo", "--by", "message", "--window", "7d", "--json")[0]["rank"] == 1
    assert demo.run("topics", "--tenant", "demo", "--json")
    assert demo.run("orders", "--tenant", "demo", "--json")[0]["status"] == "done"
    assert {finding["status"] for finding in demo.run("doctor", "--json")} <= {"ok", "missing"}


def test_a_wrong_name_is_one_clear_line(demo: Demo) -> None:
    assert "nobody" in demo.text("feed", "--tenant", "nobody", code=1)
    assert "t-000000000000" in demo.text("order", "--tenant", "demo", "--topic", "t-000000000000", code=1)
    assert "Traceback" not in demo.text("sql", "--tenant", "demo", "copy messages to '/tmp/x.csv'", code=1)
