"""The lake's promises on both stores: what is written is read, replaced whole, and equal frames are equal bytes."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from tests.builders import landing, messages
from tgstudio_dagster.core.errors import ContractError, LakeError, NotFoundError
from tgstudio_dagster.lake.store import Lake, Landing, S3Options, TenantLake
from tgstudio_dagster.lake.tables import TABLES
from tgstudio_dagster.lake.tables.newsroom import CONTENT_PACKAGES, EXPORTS
from tgstudio_dagster.lake.tables.posts import LANDING, MESSAGES
from tgstudio_dagster.lake.tables.topics import TOPICS

DAY = date(2026, 3, 9)
Root = tuple[str, dict[str, str] | None]


@pytest.fixture
def lake(lake_root: Root) -> Lake:
    root, options = lake_root
    return Lake(root, s3=S3Options(**options) if options else None)


@pytest.fixture
def acme(lake: Lake) -> TenantLake:
    return lake.tenant("acme")


def export_rows(count: int) -> pl.DataFrame:
    return pl.DataFrame(
        [{"format": f"f{n}", "uri": "u", "sha256": "s", "bytes": n, "packages": 1} for n in range(count)],
        schema=EXPORTS.schema,
    )


def test_a_partition_that_was_never_written_has_no_rows(acme: TenantLake) -> None:
    assert acme.read(MESSAGES, days=[DAY]).equals(MESSAGES.empty())
    assert acme.read(MESSAGES).equals(MESSAGES.empty())
    assert acme.days(MESSAGES) == []
    assert acme.orders(EXPORTS) == []
    assert acme.paths(MESSAGES, days=[DAY]) == []


def test_a_written_day_is_read_back_sorted_by_key(acme: TenantLake) -> None:
    frame = messages({"msg_id": 3}, {"msg_id": 1}, {"msg_id": 2, "hashtags": ["a", "б"]})
    written = acme.write(MESSAGES, frame, day=DAY)
    assert acme.read(MESSAGES, days=[DAY]).equals(frame.sort("msg_id"))
    assert acme.days(MESSAGES) == [DAY]
    assert acme.paths(MESSAGES) == [written.uri]
    assert written.rows == 3
    assert written.bytes > 0


def test_a_column_that_an_older_object_lacks_is_null_where_it_may_be(acme: TenantLake) -> None:
    before = replace(MESSAGES, columns={k: v for k, v in MESSAGES.columns.items() if k not in ("comment_on", "lang")})
    without = replace(before, columns={**before.columns, "lang": MESSAGES.columns["lang"]})
    acme.write(without, messages({"msg_id": 1}).drop("comment_on"), day=DAY)
    assert acme.read(MESSAGES, days=[DAY]).row(0, named=True)["comment_on"] is None
    acme.write(before, messages({"msg_id": 1}).drop("comment_on", "lang"), day=DAY)
    with pytest.raises(LakeError, match="Materialize it again"):
        acme.read(MESSAGES, days=[DAY])


def test_only_the_named_days_are_read_oldest_first(acme: TenantLake) -> None:
    for n in (2, 0, 1, 3):
        acme.write(MESSAGES, messages({"msg_id": n + 1}), day=DAY + timedelta(n))
    days = [DAY + timedelta(n) for n in (2, 9, 0)]
    assert acme.read(MESSAGES, days=days, columns=["msg_id"]).to_dicts() == [{"msg_id": 1}, {"msg_id": 3}]
    assert acme.read(MESSAGES, days=[*days, days[0]], columns=["msg_id"])["msg_id"].to_list() == [1, 3]
    assert acme.read(MESSAGES, columns=["msg_id"])["msg_id"].to_list() == [1, 2, 3, 4]
    assert acme.read(MESSAGES, days=[]).is_empty()


def test_an_order_is_a_partition_of_its_own(acme: TenantLake) -> None:
    acme.write(EXPORTS, export_rows(1), order="acme-01b")
    acme.write(EXPORTS, export_rows(2), order="acme-01a")
    assert acme.orders(EXPORTS) == ["acme-01a", "acme-01b"]
    assert acme.read(EXPORTS, order="acme-01b").height == 1
    assert acme.read(EXPORTS).height == 3
    assert acme.read(EXPORTS, order="acme-02").is_empty()


def test_another_tenant_sees_nothing(lake: Lake, acme: TenantLake) -> None:
    acme.write(MESSAGES, messages({}), day=DAY)
    acme.land(landing({}))
    stored = acme.put_file(b"secret", "txt")
    other = lake.tenant("acm")
    assert other.days(MESSAGES) == []
    assert other.landing_days() == []
    assert not other.has_file(stored.uri)
    with pytest.raises(NotFoundError):
        other.open_file(stored.uri)


def test_equal_frames_give_one_data_version_however_they_were_made(acme: TenantLake) -> None:
    rows = [{"msg_id": n, "channel_id": n % 7, "hashtags": ["x"] * (n % 3)} for n in range(500)]
    whole = messages(*rows).with_columns(
        pl.lit(datetime(2026, 3, 9, tzinfo=UTC)).cast(MESSAGES.schema["date"]).alias("date")
    )
    pieces = [whole.slice(n, 37) for n in range(0, 500, 37)]
    random.Random(1).shuffle(pieces)
    first = acme.write(MESSAGES, whole, day=DAY)
    second = acme.write(MESSAGES, pl.concat(pieces, rechunk=False), day=DAY + timedelta(1))
    third = acme.write(MESSAGES, acme.read(MESSAGES, days=[DAY]), day=DAY)
    assert first.data_version == second.data_version == third.data_version
    changed = acme.write(MESSAGES, whole.with_columns(pl.lit("other").alias("text")), day=DAY)
    assert changed.data_version != first.data_version


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_table_can_be_stored_without_rows(acme: TenantLake, name: str) -> None:
    table = TABLES[name]
    key = {"day": DAY} if table.partition == "tenant_day" else {"order": "acme-1"}
    acme.write(table, table.empty(), **key)  # type: ignore[arg-type]
    assert acme.read(table).equals(table.empty())


def test_a_frame_off_contract_leaves_the_old_object(acme: TenantLake) -> None:
    acme.write(MESSAGES, messages({}), day=DAY)
    with pytest.raises(ContractError, match=r"messages\.text"):
        acme.write(MESSAGES, messages({}).with_columns(pl.lit(None, pl.String).alias("text")), day=DAY)
    assert acme.read(MESSAGES, days=[DAY]).height == 1


def test_a_damaged_object_is_an_error_that_names_it(lake: Lake, acme: TenantLake) -> None:
    path = f"messages/tenant=acme/date={DAY}/part-0.parquet"

    def fill(file: io.BufferedIOBase) -> str:
        file.write(b"PAR1 half a file")
        return path

    lake.objects.put(fill)  # type: ignore[arg-type]
    with pytest.raises(LakeError, match=r"date=2026-03-09/part-0\.parquet: cannot be read .* Materialize it again"):
        acme.read(MESSAGES, days=[DAY])


def test_an_object_of_an_older_contract_is_an_error_that_names_it(lake: Lake, acme: TenantLake) -> None:
    path = f"topics/tenant=acme/date={DAY}/part-0.parquet"
    old = TOPICS.empty().with_columns(pl.col("messages").cast(pl.Int64))

    def fill(file: io.BufferedIOBase) -> str:
        old.write_parquet(file)  # type: ignore[call-overload]
        return path

    lake.objects.put(fill)  # type: ignore[arg-type]
    with pytest.raises(LakeError, match="other columns or types than topics"):
        acme.read(TOPICS)
    assert acme.read(TOPICS, columns=["topic_id"]).is_empty()


def test_replacing_a_day_moves_its_time_of_writing(acme: TenantLake) -> None:
    acme.write(MESSAGES, messages({}), day=DAY)
    before = acme.modified(MESSAGES)
    acme.write(MESSAGES, messages({"msg_id": 2}), day=DAY)
    after = acme.modified(MESSAGES)
    assert list(before) == list(after) == [DAY]
    assert after[DAY] >= before[DAY] > 1_500_000_000


def test_landings_are_split_by_day_and_named_by_content(acme: TenantLake) -> None:
    frame = landing(
        {"msg_id": 1, "date": datetime(2026, 3, 10, 0, 0, tzinfo=UTC)},
        {"msg_id": 2, "date": datetime(2026, 3, 9, 23, 59, 59, 999999, tzinfo=UTC)},
        {"msg_id": 3, "date": datetime(2026, 3, 9, 0, 0, tzinfo=UTC)},
    )
    landed = acme.land(frame)
    assert [item.day for item in landed] == [DAY, DAY + timedelta(1)]
    assert acme.land(frame.reverse()) == landed
    assert acme.landing_days() == [DAY, DAY + timedelta(1)]
    assert acme.landings(DAY) == landed[:1]
    assert acme.read_landings(landed)["msg_id"].to_list() == [2, 3, 1]
    assert acme.read_landings([]).equals(LANDING.empty())


def test_dropped_landings_are_gone_and_later_ones_stay(acme: TenantLake) -> None:
    first = acme.land(landing({"msg_id": 1}))
    second = acme.land(landing({"msg_id": 2}))
    acme.drop_landings(first)
    acme.drop_landings(first)
    assert acme.landings(DAY) == second
    acme.drop_landings(second)
    assert acme.landing_days() == []
    assert acme.land(landing({"msg_id": 1})) == first
    assert acme.landing_days() == [DAY]


@pytest.mark.parametrize("size", [0, 1, 2**20, 3 * 2**20 + 5])
def test_a_file_is_stored_once_by_its_content(acme: TenantLake, size: int) -> None:
    content = random.Random(size).randbytes(size)
    stored = acme.put_file(io.BytesIO(content), "jpg")
    assert acme.put_file(content, "jpg") == stored
    assert stored.size == size
    assert stored.uri == f"{stored.sha256}.jpg"
    assert acme.has_file(stored.uri)
    with acme.open_file(stored.uri) as file:
        assert file.read() == content


class Broken(io.RawIOBase):
    """A source that fails after its first chunk."""

    def __init__(self) -> None:
        self.chunks: Iterator[bytes] = iter([b"x" * 100])

    def read(self, size: int = -1) -> bytes:
        chunk = next(self.chunks, None)
        if chunk is None:
            raise ConnectionResetError("the other side hung up")
        return chunk


def test_a_source_that_breaks_off_stores_nothing(lake: Lake, acme: TenantLake) -> None:
    with pytest.raises(LakeError, match="the other side hung up"):
        acme.put_file(Broken(), "bin")  # type: ignore[arg-type]
    assert lake.objects.list("files") == {}


@pytest.mark.parametrize("tenant", ["", "..", "a/b", "a.b", "A", "тест", "a\n", "a b", "a=b", "a" * 64, "a-b", "*"])
def test_a_tenant_that_is_no_slug_is_refused(lake: Lake, tenant: str) -> None:
    with pytest.raises(LakeError, match="slug"):
        lake.tenant(tenant)


@pytest.mark.parametrize("order", ["", "../x", "acme-", "other-01", "acme-01/../..", "acme-01\n", "acme-*", "acme01"])
def test_an_order_that_is_not_the_tenants_is_refused(acme: TenantLake, order: str) -> None:
    with pytest.raises(LakeError, match="order"):
        acme.read(CONTENT_PACKAGES, order=order)
    with pytest.raises(LakeError, match="order"):
        acme.write(EXPORTS, export_rows(1), order=order)


def test_a_key_of_the_wrong_kind_is_refused(acme: TenantLake) -> None:
    with pytest.raises(LakeError, match="name a day"):
        acme.write(MESSAGES, messages({}), order="acme-1")
    with pytest.raises(LakeError, match="name an order"):
        acme.write(EXPORTS, export_rows(1), day=DAY)
    with pytest.raises(LakeError, match="name an order"):
        acme.read(EXPORTS, days=[DAY])


@pytest.mark.parametrize("uri", ["../../etc/passwd", "x.txt", "0" * 64, f"{'0' * 64}.a/b", f"{'0' * 64}.JPG"])
def test_a_uri_that_is_no_stored_file_is_refused(acme: TenantLake, uri: str) -> None:
    with pytest.raises(LakeError, match="stored file"):
        acme.open_file(uri)
    with pytest.raises(LakeError, match="stored file"):
        acme.has_file(uri)


@pytest.mark.parametrize("extension", ["", ".jpg", "a/b", "../x", "j pg"])
def test_an_extension_that_breaks_paths_is_refused(acme: TenantLake, extension: str) -> None:
    with pytest.raises(LakeError, match="stored file"):
        acme.put_file(b"x", extension)


@pytest.mark.parametrize("name", ["../../messages", "x", "", "a" * 31 + "/"])
def test_a_landing_that_is_no_hash_is_refused(acme: TenantLake, name: str) -> None:
    with pytest.raises(LakeError, match="landing"):
        acme.drop_landings([Landing(DAY, name)])


def test_tenants_that_wait_are_told_in_one_listing(lake: Lake) -> None:
    noon = datetime(2026, 3, 14, 12, tzinfo=UTC)
    assert lake.waiting_tenants() == set()
    (landed,) = lake.tenant("acme").land(landing({"date": noon, "observed_at": noon}))
    assert lake.waiting_tenants() == {"acme"}
    lake.tenant("acme").drop_landings([landed])
    assert lake.waiting_tenants() == set()
