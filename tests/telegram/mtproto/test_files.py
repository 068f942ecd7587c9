"""Files come from Telegram whole, once, and whatever breaks on the way: over the real protocol."""

from __future__ import annotations

import hashlib
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.telegram.mtproto.media_desk import MediaDesk, Open, noise, small_parts, spent_today
from tgstudio_dagster.lake.objects import S3Options
from tgstudio_dagster.lake.store import Lake


@pytest.fixture
def desk(opened: Open) -> MediaDesk:
    """A tenant's desk."""
    return opened()


def test_photo_video_document_and_voice_are_stored_with_their_thumbnails(
    opened: Open, lake_root: tuple[str, dict[str, str] | None]
) -> None:
    root, options = lake_root
    desk = opened(lake=Lake(root, s3=S3Options(**options) if options else None))
    contents = [noise(3000, 1), noise(700_000, 2), noise(1_048_576, 3), noise(1, 4)]
    desk.post(contents[0], kind="photo", thumb=b"small photo")
    desk.post(contents[1], kind="video", name="clip.mp4", thumb=b"small video")
    desk.post(contents[2], name="report.pdf", mime="application/pdf")
    desk.post(contents[3], kind="voice")
    made = desk.run()
    assert made.statuses == {"stored": 4}
    assert made.downloads.bytes == sum(map(len, contents)) + len(b"small photo") + len(b"small video")
    assert desk.contents() == contents
    table = desk.before
    assert table["kind"].to_list() == ["photo", "video", "document", "voice"]
    assert table["sha256"].to_list() == [hashlib.sha256(content).hexdigest() for content in contents]
    assert [uri.split(".")[1] for uri in table["uri"]] == ["jpg", "mp4", "pdf", "ogg"]
    assert table["size"].to_list() == [len(content) for content in contents]
    thumbs = [desk.lake.open_file(uri).read() if uri else None for uri in table["thumb_uri"]]
    assert thumbs == [b"small photo", b"small video", None, None]
    assert table["thumb_sha256"][0] == hashlib.sha256(b"small photo").hexdigest()


def test_a_second_run_asks_telegram_for_nothing(desk: MediaDesk) -> None:
    desk.post(noise(3000), kind="photo")
    frame = desk.messages()
    desk.run(frame)
    first = desk.before
    desk.telegram.forget_calls()
    desk.run(frame)
    assert desk.telegram.calls() == []
    assert desk.before.equals(first)


def test_an_album_and_a_large_backlog_are_fetched_by_hundreds(desk: MediaDesk) -> None:
    ids = [desk.telegram.add_file(noise(50, seed), kind="photo") for seed in range(3)]
    desk.telegram.post_album(desk.channel, ids, "caption", date=datetime(2026, 3, 9, tzinfo=UTC))
    for seed in range(97):
        desk.post(noise(60, seed))
    frame = desk.messages()
    desk.telegram.forget_calls()
    assert desk.run(frame).statuses == {"stored": 100}
    assert len(desk.telegram.calls("channels.getMessages")) == 1
    assert sorted(map(len, desk.contents())) == [50] * 3 + [60] * 97


def test_a_file_of_20_mb_never_stands_in_memory(desk: MediaDesk) -> None:
    content = noise(20 * 2**20)
    desk.post(content, name="big.bin")
    frame = desk.messages()
    tracemalloc.start()
    try:
        made = desk.run(frame)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert made.statuses == {"stored": 1}
    assert desk.before["sha256"][0] == hashlib.sha256(content).hexdigest()
    assert peak < 10 * 2**20, f"{peak / 2**20:.1f} MiB"


def test_a_connection_that_breaks_within_a_file_is_mended(desk: MediaDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    small_parts(monkeypatch)
    content = noise(100_000)
    desk.post(content)
    frame = desk.messages()
    for skip in (3, 7):
        desk.telegram.fail("upload.getFile", drop=True, skip=skip)
    desk.telegram.fail("upload.getFile", "RPC_CALL_FAIL", skip=9)
    assert desk.run(frame).statuses == {"stored": 1}
    assert desk.contents() == [content]


def test_a_silent_connection_is_left_for_a_new_one(desk: MediaDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    small_parts(monkeypatch)
    contents = [noise(60_000, seed) for seed in range(3)]
    for content in contents:
        desk.post(content)
    frame = desk.messages()
    desk.telegram.fail("upload.getFile", silent=True, skip=8, times=2)
    assert desk.run(frame, request_seconds=0.4).statuses == {"stored": 3}
    assert desk.contents() == contents


def test_whatever_happens_at_random_every_file_comes_whole(desk: MediaDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    small_parts(monkeypatch)
    contents = [noise(30_000 + seed, seed) for seed in range(12)]
    for seed, content in enumerate(contents):
        desk.post(content, dc=(2, 4)[seed % 2], kind=("photo", "document")[seed % 3 // 2], thumb=b"small")
    frame = desk.messages()
    desk.telegram.chaos(0.1, seed=3, kinds=("drop", "lost_answer", "error500", "silent"))
    for _ in range(10):
        if desk.run(frame, request_seconds=0.3).statuses == {"stored": 12}:
            break
    assert desk.contents() == contents


def test_a_download_that_broke_off_goes_on_where_it_was(desk: MediaDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    small_parts(monkeypatch)
    content = noise(100_000)
    desk.post(content)
    frame = desk.messages()
    desk.telegram.fail("upload.getFile", drop=True, skip=6, times=None)
    made = desk.run(frame, retries=1, request_seconds=0.5)
    assert desk.statuses()[0].startswith("pending: upload.getFile: Telegram can't be reached now")
    assert made.statuses == {"pending": 1}
    [part] = (desk.staging / "tenant=demo").glob("*.part")
    here = part.stat().st_size
    assert 0 < here < len(content)
    assert here % 8192 == 0
    part.write_bytes(part.read_bytes() + b"torn")
    desk.telegram.heal()
    desk.telegram.forget_calls()
    assert desk.run(frame).statuses == {"stored": 1}
    assert sorted(desk.parts()) == list(range(here, len(content), 8192))
    assert desk.contents() == [content]
    assert not part.exists()
    assert spent_today(desk) == len(content)


def test_what_was_stored_by_a_run_that_died_is_not_downloaded_again(desk: MediaDesk) -> None:
    content = noise(3000)
    desk.post(content, kind="photo", thumb=b"small")
    frame, before = desk.messages(), desk.before
    desk.run(frame)
    table, desk.before = desk.before, before
    desk.telegram.forget_calls()
    desk.run(frame)
    assert desk.before.equals(table)
    assert desk.telegram.calls("upload.getFile") == []


def test_an_expired_reference_is_renewed_within_a_file(desk: MediaDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    small_parts(monkeypatch)
    contents = [noise(60_000, 1), noise(60_000, 2)]
    desk.post(contents[0], kind="photo", thumb=b"small")
    desk.post(contents[1], name="b.bin")
    frame = desk.messages()
    desk.telegram.fail("upload.getFile", "FILE_REFERENCE_EXPIRED", code=400, skip=4, times=2)
    desk.telegram.fail("upload.getFile", "FILE_REFERENCE_INVALID", code=400, skip=8)
    desk.telegram.forget_calls()
    assert desk.run(frame).statuses == {"stored": 2}
    assert desk.contents() == contents
    assert len(desk.telegram.calls("channels.getMessages")) > 1


def test_references_that_expire_while_files_wait_are_renewed(desk: MediaDesk) -> None:
    for seed in range(4):
        desk.post(noise(1000, seed), kind="photo")
    frame = desk.messages()
    desk.telegram.fail("upload.getFile", delay=0.5)
    desk.telegram.file_reference_seconds = 0.25
    assert desk.run(frame, media_parallel=1).statuses == {"stored": 4}


def test_a_reference_that_never_holds_fails_with_its_reason(desk: MediaDesk) -> None:
    desk.post(noise(1000))
    desk.telegram.fail("upload.getFile", "FILE_REFERENCE_EXPIRED", code=400, times=None)
    desk.run()
    assert desk.statuses()[0].startswith("failed: Telegram: upload.getFile: Telegram refused it 4 times")


@pytest.mark.parametrize("flood", ["FLOOD_WAIT_1", "FLOOD_PREMIUM_WAIT_1"])
def test_a_short_flood_is_slept_and_the_file_goes_on(
    desk: MediaDesk, monkeypatch: pytest.MonkeyPatch, flood: str
) -> None:
    small_parts(monkeypatch)
    content = noise(60_000)
    desk.post(content)
    frame = desk.messages()
    desk.telegram.fail("upload.getFile", flood, skip=3)
    began = time.monotonic()
    assert desk.run(frame).statuses == {"stored": 1}
    assert time.monotonic() - began >= 1
    assert desk.contents() == [content]


def test_a_long_flood_leaves_the_rest_pending_and_says_until_when(
    desk: MediaDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_parts(monkeypatch)
    contents = [noise(60_000, seed) for seed in range(3)]
    for content in contents:
        desk.post(content)
    frame = desk.messages()
    desk.telegram.fail("upload.getFile", "FLOOD_WAIT_18000", skip=10)
    made = desk.run(frame, media_parallel=1)
    assert made.statuses == {"pending": 2, "stored": 1}
    assert all("upload.getFile: Telegram asks to wait until" in status for status in desk.statuses()[:2])
    assert made.downloads.waits_until is not None
    assert timedelta(hours=4.9) < made.downloads.waits_until - datetime.now(UTC) < timedelta(hours=5.1)
    desk.telegram.forget_calls()
    assert desk.run(frame).statuses == {"pending": 2, "stored": 1}
    assert desk.telegram.calls("upload.getFile") == []


def test_the_same_file_in_two_posts_is_downloaded_and_stored_once(desk: MediaDesk) -> None:
    content = noise(3000)
    number = desk.telegram.add_file(content, kind="photo")
    for _ in range(2):
        desk.telegram.post(desk.channel, date=datetime(2026, 3, 9, tzinfo=UTC), media=number)
    desk.post(content, kind="photo")
    assert desk.run().statuses == {"stored": 3}
    assert desk.before["uri"].n_unique() == 1
    assert len(desk.parts()) == 2
    assert len(list(Path(desk.lake.root).glob("files/tenant=demo/*"))) == 1


def test_a_file_of_another_data_centre_is_fetched_there(desk: MediaDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    small_parts(monkeypatch)
    contents = [noise(60_000, 1), noise(60_000, 2), noise(60_000, 3)]
    desk.post(contents[0], dc=4)
    desk.post(contents[1], kind="photo", dc=4, thumb=b"small")
    desk.post(contents[2], dc=2)
    frame = desk.messages()
    desk.telegram.fail("upload.getFile", drop=True, skip=5)
    assert desk.run(frame).statuses == {"stored": 3}
    assert desk.contents() == contents


def test_a_file_that_has_moved_is_followed(desk: MediaDesk) -> None:
    content = noise(3000)
    desk.post(content)
    desk.telegram.fail("upload.getFile", "FILE_MIGRATE_4", code=303)
    assert desk.run().statuses == {"stored": 1}
    assert desk.contents() == [content]
