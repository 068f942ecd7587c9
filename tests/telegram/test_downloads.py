"""Which files of a day are wanted, which are kept or skipped, and how they are staged: no network."""

from __future__ import annotations

import errno
import hashlib
import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import FIRST, landing, messages
from tgstudio_dagster.catalog.follows.media_backlog import Waiting
from tgstudio_dagster.catalog.people.tenant_settings import Filters
from tgstudio_dagster.core.errors import LakeError
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.posts import MEDIA
from tgstudio_dagster.posts.attachments import (
    OUT_OF_TIME,
    OVER_QUOTA,
    REFUSED,
    RETRY,
    TOO_LARGE,
    Item,
    Outcome,
    fetched_rows,
    media_table,
    new_backlog,
    settled,
    still_wanted,
    waiting,
    wanted,
    with_fetched,
    within_quota,
)
from tgstudio_dagster.telegram.files.file_store import store_files
from tgstudio_dagster.telegram.files.staging import Record, StagedFile, Staging
from tgstudio_dagster.telegram.sources.source import MediaFile

DAY = date(2026, 3, 9)
NONE = MEDIA.empty()
STORED = Outcome("stored", "ab" * 32, "ab" * 32 + ".jpg", 10, "cd" * 32, "cd" * 32 + ".jpg")


def photo(msg_id: int = 1, **given: Any) -> dict[str, Any]:
    item: dict[str, Any] = {"msg_id": msg_id, "kind": "photo", "mime": "image/jpeg", "file_name": None, "size": 10}
    return item | {"width": 8, "height": 6, "duration": None, "sha256": None, "status": "pending"} | given


def stored_before(frame: pl.DataFrame) -> pl.DataFrame:
    plan = wanted(frame, NONE, Filters())
    return settled(plan.table, dict.fromkeys(plan.wanted, STORED))


def statuses(frame: pl.DataFrame, filters: Filters | None = None, before: pl.DataFrame = NONE) -> list[str]:
    return wanted(frame, before, filters or Filters()).table["status"].to_list()


def test_a_pending_file_is_wanted_with_the_message_that_carries_it() -> None:
    album = messages({"msg_id": 10, "album": [10, 11], "attachments": [photo(10), photo(11)], "comment_channel": 7})
    plan = wanted(album, NONE, Filters())
    assert [(item.msg_id, item.index, item.member_id, item.comment_channel) for item in plan.wanted] == [
        (10, 0, 10, 7),
        (10, 1, 11, 7),
    ]
    assert MEDIA.conform(plan.table)["status"].to_list() == ["pending", "pending"]


def test_the_newest_post_comes_first() -> None:
    frame = messages({"attachments": [photo(1)]}, {"attachments": [photo(2)]}, {"attachments": [photo(3)]})
    assert [item.member_id for item in wanted(frame, NONE, Filters()).wanted] == [3, 2, 1]


def test_what_an_import_left_stands_as_before() -> None:
    items = [
        photo(1, status="stored", sha256="ab" * 32),
        photo(1, status="skipped: not included in the export"),
        photo(1, status="failed: file is missing"),
    ]
    frame = messages({"attachments": items})
    plan = wanted(frame, NONE, Filters(max_file_size=0, media_channels=("else",)))
    assert plan.wanted == []
    assert plan.table.equals(media_table(frame))
    assert plan.table.select("uri", "status").rows() == [
        ("ab" * 32 + ".jpg", "stored"),
        (None, "skipped: not included in the export"),
        (None, "failed: file is missing"),
    ]


def test_what_is_stored_is_kept_and_not_wanted_again() -> None:
    frame = messages({"attachments": [photo()]})
    plan = wanted(frame, stored_before(frame), Filters(max_file_size=0))
    assert plan.wanted == []
    assert plan.table.select("status", "sha256", "uri", "thumb_sha256", "thumb_uri").rows() == [
        ("stored", STORED.sha256, STORED.uri, STORED.thumb_sha256, STORED.thumb_uri)
    ]


def test_a_stored_file_keeps_its_place_when_another_member_of_the_album_turns_up() -> None:
    late = messages({"msg_id": 11, "album": [11, 12], "attachments": [photo(11, size=11), photo(12)]})
    before = stored_before(late)
    whole = messages({"msg_id": 10, "album": [10, 11, 12], "attachments": [photo(10), photo(11, size=11), photo(12)]})
    assert statuses(whole, before=before) == ["pending", "pending", "stored"]
    assert [item.member_id for item in wanted(whole, before, Filters()).wanted] == [10, 11]


@pytest.mark.parametrize("change", [{"size": 11}, {"kind": "video"}, {"width": 9}, {"file_name": "b.jpg"}])
def test_a_post_that_has_another_file_now_wants_it(change: dict[str, Any]) -> None:
    before = stored_before(messages({"attachments": [photo()]}))
    assert statuses(messages({"attachments": [photo(**change)]}), before=before) == ["pending"]


def test_a_file_without_a_known_size_is_kept_too() -> None:
    frame = messages({"attachments": [photo(size=None)]})
    kept = wanted(frame, stored_before(frame), Filters()).table
    assert kept.select("status", "size").rows() == [("stored", 10)]


def test_what_telegram_refused_is_not_asked_for_again_but_what_an_import_missed_is() -> None:
    frame = messages({"attachments": [photo()]})
    before = stored_before(frame)
    refused = before.with_columns(status=pl.lit(f"{REFUSED}gone"), sha256=pl.lit(None, dtype=pl.String))
    assert statuses(frame, before=refused) == [f"{REFUSED}gone"]
    missed = refused.with_columns(status=pl.lit("failed: file is missing"))
    assert statuses(frame, before=missed) == ["pending"]


def test_a_file_that_was_left_pending_for_a_reason_is_wanted_again() -> None:
    frame = messages({"attachments": [photo()]})
    before = stored_before(frame).with_columns(status=pl.lit(OVER_QUOTA))
    assert len(wanted(frame, before, Filters()).wanted) == 1


def test_filters_that_were_loosened_let_a_skipped_file_in() -> None:
    frame = messages({"attachments": [photo()]})
    skipped = wanted(frame, NONE, Filters(max_file_size=9)).table
    assert skipped["status"].to_list() == ["skipped: larger than max_file_size"]
    assert statuses(frame, Filters(max_file_size=10), skipped) == ["pending"]


@pytest.mark.parametrize(
    ("filters", "status"),
    [
        ({"max_file_size": 9}, "skipped: larger than max_file_size"),
        ({"media_kinds": ("video",)}, "skipped: not one of media_kinds"),
        ({"extensions": ("png",)}, "skipped: not one of extensions"),
        ({"media_channels": ("@elsewhere",)}, "skipped: not one of media_channels"),
        ({"media_channels": ("@Channel1001",)}, "pending"),
        ({"media_channels": ("1001",)}, "pending"),
        ({"media_keywords": ("storm",)}, "skipped: none of media_keywords"),
        ({"media_keywords": ("POST",)}, "pending"),
    ],
)
def test_a_filter_skips_a_file_with_its_reason(filters: dict[str, Any], status: str) -> None:
    assert statuses(messages({"attachments": [photo()], "text": "A post"}), Filters(**filters)) == [status]


def test_a_deleted_post_has_nothing_to_fetch() -> None:
    frame = messages({"attachments": [photo()], "deleted_at": FIRST + timedelta(days=1)})
    assert statuses(frame) == ["skipped: the post was deleted"]


def test_an_import_keeps_to_the_filters_of_media_too(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"a")
    frame = landing(*({"text": text, "attachments": [photo(size=1)]} for text in ("Storm", "Calm")))
    files = [MediaFile(0, 0, "a.jpg"), MediaFile(1, 0, "a.jpg")]
    lake = Lake(str(tmp_path / "lake")).tenant("demo")
    made = store_files(frame, files, tmp_path, lake, Filters(media_keywords=("storm",)))
    assert [row[0]["status"] for row in made["attachments"]] == ["stored", "skipped: none of media_keywords"]


def item(size: int | None, number: int = 1) -> Item:
    return Item(1001, number, 0, number, "photo", "image/jpeg", None, size, datetime(2026, 3, 9, tzinfo=UTC))


def test_a_file_over_the_quota_waits_for_another_day_and_smaller_ones_go_on() -> None:
    items = [item(60, 1), item(60, 2), item(40, 3), item(101, 4)]
    fitting, rest = within_quota(items, left=100, whole=100)
    assert fitting == [items[0], items[2]]
    assert {one.msg_id: outcome.status for one, outcome in rest.items()} == {2: OVER_QUOTA, 4: TOO_LARGE}


@given(st.lists(st.one_of(st.none(), st.integers(0, 50)), max_size=20), st.integers(-10, 100), st.integers(0, 100))
def test_the_quota_is_never_exceeded_and_every_file_has_its_place(
    sizes: list[int | None], left: int, whole: int
) -> None:
    items = [item(size, number) for number, size in enumerate(sizes)]
    fitting, rest = within_quota(items, left=left, whole=whole)
    assert sum(one.size or 0 for one in fitting) <= max(left, 0)
    assert sorted([*fitting, *rest], key=lambda one: one.msg_id) == items


def test_news_of_files_stand_in_the_table_and_are_wanted_no_more() -> None:
    plan = wanted(messages({"attachments": [photo(1), photo(2)]}), NONE, Filters())
    first, second = plan.wanted
    news = fetched_rows({first: STORED, second: Outcome(OVER_QUOTA)})
    assert with_fetched(plan, news)["status"].to_list() == ["stored", OVER_QUOTA]
    assert still_wanted(plan, news) == [second]
    assert still_wanted(plan, pl.concat([news, fetched_rows({second: STORED})])) == []


def test_news_of_a_file_that_the_post_no_longer_has_is_left_out() -> None:
    plan = wanted(messages({"attachments": [photo(1)]}), NONE, Filters())
    news = fetched_rows({replace(plan.wanted[0], member_id=99): STORED})
    assert with_fetched(plan, news).equals(plan.table)


def test_files_wait_for_their_reason_and_new_ones_are_fetched_at_once() -> None:
    now = datetime(2026, 3, 9, 12, tzinfo=UTC)
    flood = now + timedelta(hours=5)
    assert waiting([STORED], now, None) is None
    assert waiting([Outcome(OUT_OF_TIME), Outcome(OVER_QUOTA)], now, None) == Waiting(2, now)
    assert waiting([Outcome(OVER_QUOTA)], now, None) == Waiting(1, datetime(2026, 3, 10, tzinfo=UTC))
    assert waiting([Outcome("pending: a flood")], now, flood) == Waiting(1, flood)
    assert waiting([Outcome("pending: no account")], now, None) == Waiting(1, now + RETRY)
    plan = wanted(messages({"attachments": [photo(1), photo(2)]}), NONE, Filters())
    assert new_backlog(plan.table, now) == Waiting(2, now)
    told = with_fetched(plan, fetched_rows(dict.fromkeys(plan.wanted, Outcome(OVER_QUOTA))))
    assert new_backlog(told, now) is None


def staged(folder: Path, content: bytes, whole: int = 10) -> StagedFile:
    (folder / "a.part").write_bytes(content)
    return StagedFile(folder / "a.part", whole, 4)


@pytest.mark.parametrize(("here", "trusted"), [(0, 0), (3, 0), (4, 4), (9, 8), (10, 10), (11, 8), (12, 8)])
def test_only_whole_parts_of_a_staged_file_are_trusted(tmp_path: Path, here: int, trusted: int) -> None:
    content = bytes(range(12))
    file = staged(tmp_path, content[:here])
    assert file.size == trusted
    assert file.sha256 == hashlib.sha256(content[:trusted]).hexdigest()
    file.write(content[trusted:10])
    file.close()
    assert (tmp_path / "a.part").read_bytes() == content[:10]
    assert file.sha256 == hashlib.sha256(content[:10]).hexdigest()


def test_a_full_disk_is_a_clear_error_and_keeps_what_is_there(tmp_path: Path) -> None:
    file = staged(tmp_path, b"0123")
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    file.close()
    file._file = full.open("r+b", buffering=0)  # type: ignore[assignment]
    with pytest.raises(LakeError, match="The disk is full: make room and run it again") as caught:
        file.write(b"4567")
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert (tmp_path / "a.part").read_bytes() == b"0123"


def test_what_was_stored_is_remembered_for_a_while_and_by_tenant(tmp_path: Path) -> None:
    mine, others = Staging(tmp_path, "mine"), Staging(tmp_path, "others")
    mine.prepare()
    others.prepare()
    record = Record("ab" * 32, "ab" * 32 + ".jpg", 10)
    mine.note_stored("photo-1-y", record)
    mine.prepare()
    assert mine.stored("photo-1-y") == record
    assert others.stored("photo-1-y") is None


def test_what_was_forgotten_is_swept(tmp_path: Path) -> None:
    staging = Staging(tmp_path, "mine")
    staging.prepare()
    for name in ("old.part", "old.stored", "new.part"):
        (tmp_path / "tenant=mine" / name).write_bytes(b"x")
    for name in ("old.part", "old.stored"):
        os.utime(tmp_path / "tenant=mine" / name, (0, 0))
    staging.prepare()
    assert [path.name for path in (tmp_path / "tenant=mine").iterdir()] == ["new.part"]


def test_a_tenant_cannot_leave_its_staging(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="slug"):
        Staging(tmp_path, "../mine")
