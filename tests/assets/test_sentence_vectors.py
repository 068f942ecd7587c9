"""The refresh with a sentence model set: vectors in every table that uses them, each computed once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from tests.builders import landing
from tests.topics.models import Scripted
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.tenants import add_tenant
from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.core.errors import FieldError
from tgstudio_dagster.definitions import build_definitions
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables import TABLES
from tgstudio_dagster.operate.launch import QUIET
from tgstudio_dagster.orchestration.jobs import REFRESH
from tgstudio_dagster.orchestration.partitions import tenants
from tgstudio_dagster.orchestration.tags import days_tags
from tgstudio_dagster.search.find import Search
from tgstudio_dagster.topics.sentence import Encoder, SentenceEncoder

DAY = date(2026, 3, 14)
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
TEXTS = {
    1: "Землетрясение у берегов Валдории, разрушены десятки домов",
    2: "Strong earthquake off the coast destroys dozens of houses",
    3: "Шахматный турнир перенесли на лето",
}


class Platform:
    """A lake and a catalog of this test's own, with a refresh by a given model."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.lake, self.instance = Lake(str(folder / "lake")), instance
        self.catalog = Catalog(f"sqlite:///{folder / 'catalog.sqlite'}")
        for tenant in ("acme", "bravo"):
            add_tenant(self.catalog, tenant, tenant)
            instance.add_dynamic_partitions(str(tenants.name), [tenant])

    def refresh(self, encoder: Encoder | None, tenant: str = "acme") -> dg.ExecuteInProcessResult:
        rows = [
            {"channel_id": n, "msg_id": n, "date": NOON, "observed_at": NOON, "text": text} for n, text in TEXTS.items()
        ]
        self.lake.tenant(tenant).land(landing(*rows))
        given = {"lake": self.lake, "catalog": self.catalog, "encoder": encoder}
        resources = {name: dg.ResourceDefinition.hardcoded_resource(value) for name, value in given.items()}
        job = build_definitions(**resources).resolve_job_def(REFRESH)
        tags = days_tags(tenant, [DayRange(DAY, DAY)])
        return job.execute_in_process(instance=self.instance, tags=tags, run_config=QUIET, raise_on_error=False)

    def read(self, table: str, tenant: str = "acme") -> pl.DataFrame:
        return self.lake.tenant(tenant).read(TABLES[table], days=[DAY])


@pytest.fixture
def platform(tmp_path: Path, sqlite_template: Path) -> Iterator[Platform]:
    shutil.copyfile(sqlite_template, tmp_path / "catalog.sqlite")
    with dg.DagsterInstance.ephemeral() as instance:
        made = Platform(tmp_path, instance)
        yield made
        made.catalog.close()


def scripted() -> Scripted:
    return Scripted({"землетрясение": 0, "earthquake": 0})


def test_two_languages_meet_in_topics_and_search_and_nothing_is_computed_twice(
    platform: Platform, tmp_path: Path
) -> None:
    encoder = scripted()
    assert platform.refresh(encoder).success
    assert platform.read("embeddings")["dense_model"].to_list() == ["scripted@1"] * 3
    assert platform.read("topic_messages")["channel_id"].to_list() == [1, 2]
    first = {name: platform.lake.tenant("acme").paths(TABLES[name], days=[DAY]) for name in ("embeddings", "topics")}
    before = {name: Path(path).read_bytes() for name, (path,) in first.items()}
    page = Search(platform.lake.tenant("acme"), tmp_path / "home", encoder).find("earthquake", by="meaning", limit=2)
    assert {hit.channel_id for hit in page.hits} == {1, 2} and page.method == "scripted@1"

    again = scripted()
    assert platform.refresh(again).success and platform.refresh(again, "bravo").success
    assert again.read == []
    assert {name: Path(path).read_bytes() for name, (path,) in first.items()} == before


def test_without_a_model_no_vector_is_stored(platform: Platform) -> None:
    assert platform.refresh(None).success
    assert platform.read("embeddings")["dense"].null_count() == 3
    assert platform.read("search_index")["vector"].null_count() == 3
    assert platform.lake.objects.list("vectors") == {}


def test_a_model_that_cannot_be_loaded_fails_the_run_and_says_why(platform: Platform) -> None:
    result = platform.refresh(SentenceEncoder("/no/such/folder"))
    assert not result.success
    (failure,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    error = failure.step_failure_data.error
    assert error is not None and error.cause is not None
    assert FieldError.__name__ in str(error) and "TGSTUDIO_EMBEDDINGS_MODEL: /no/such/folder" in str(error)
    assert platform.read("embeddings").is_empty()
