"""Files come from Telegram whole, once, and whatever breaks on the way: over the real protocol."""

from __future__ import annotations

import hashlib
import random
import shutil
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.servers.telegram import TelegramServer, files
from tests.servers.telegram.model import File
from tests.telegram.mtproto.media_desk import DAY, MediaDesk
from tests.telegram.paired import paired
from tgstudio_dagster.catalog.accounts import get_account, session_lease
from tgstudio_dagster.catalog.channels import ChannelSeen, remember_channels
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.leases import lease
from tgstudio_dagster.catalog.plans import spent
from tgstudio_dagster.catalog.reading import remember_peer
from tgstudio_dagster.catalog.subscriptions import mark_subscription
from tgstudio_dagster.catalog.tenant_settings import Filters
from tgstudio_dagster.errors import LakeError
from tgstudio_dagster.lake.objects import S3Options
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.telegram import downloads, session
from tgstudio_dagster.telegram.media import OVER_QUOTA, TOO_LARGE
from tgstudio_dagster.telegram.mtproto import files as mtproto_files
from tgstudio_dagster.telegram.staging import StagedFile

Open = Callable[..., MediaDesk]


@pytest.fixture
def opened(sqlite_template: Path, tmp_path: Path, telegram: TelegramServer) -> Iterator[Open]:
    """Opens a tenant's desk; the lake is a folder unless given."""
    shutil.copyfile(sqlite_template, tmp_path / "catalog.sqlite")
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}")

    def desk(tenant: str = "demo", lake: Lake | None = None) -> MediaDesk:
        given = paired(catalog, telegram, tmp_path, tenant)
        return MediaDesk(given, (lake or Lake(str(tmp_path / "lake"))).tenant(tenant), tmp_path / "staging")

    yield desk
    catalog.close()


@pytest.fixture
def desk(opened: Open) -> MediaDesk:
    """A tenant's desk."""
    return opened()


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def small_parts(monkeypatch: pytest.MonkeyPatch, part: int = 8192) -> None:
    """Let files come in small parts, so that small files have many."""
    monkeypatch.setattr(mtproto_files, "PART", part)


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
    first = desk.run(frame).tables[DAY]
    desk.telegram.forget_calls()
    second = desk.run(frame).tables[DAY]
    assert desk.telegram.calls() == []
    assert second.equals(first)


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
    assert desk.parts() == list(range(here, len(content), 8192))
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


def test_filters_leave_files_out_with_their_reason_and_ask_telegram_for_nothing(desk: MediaDesk) -> None:
    desk.post(noise(3000), kind="photo")
    desk.post(noise(10), name="a.exe")
    frame = desk.messages()
    desk.telegram.forget_calls()
    desk.run(frame, filters=Filters(max_file_size=2000, extensions=("jpg",)))
    assert desk.statuses() == ["skipped: larger than max_file_size", "skipped: not one of extensions"]
    assert desk.telegram.calls() == []


def test_what_is_over_the_quota_waits_for_another_day(desk: MediaDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (5000, 700, 900):
        desk.post(noise(size))
    desk.limit(1000)
    frame = desk.messages()
    desk.run(frame)
    assert desk.statuses() == [TOO_LARGE, OVER_QUOTA, "stored"]
    assert spent_today(desk) == 900
    desk.run(frame)
    assert desk.statuses() == [TOO_LARGE, OVER_QUOTA, "stored"]
    monkeypatch.setattr(downloads, "spent", lambda *_: 0)
    desk.run(frame)
    assert desk.statuses() == [TOO_LARGE, "stored", "stored"]


def test_a_file_that_is_not_as_long_as_telegram_says_fails_and_the_others_go_on(
    desk: MediaDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.post(noise(3000))
    desk.post(noise(2000))
    real = files._size

    def short(file: File, size: str) -> bytes:
        content = real(file, size)
        return content[:-1] if len(content) == 3000 else content

    monkeypatch.setattr(files, "_size", short)
    frame = desk.messages()
    desk.run(frame)
    assert desk.statuses() == [
        "failed: Telegram: upload.getFile: Telegram says 3000 bytes, and sends 2999 of them from 0 on.",
        "stored",
    ]
    desk.telegram.forget_calls()
    desk.run(frame)
    assert desk.telegram.calls() == []


def test_a_post_that_lost_its_file_since_it_was_read_fails_with_the_reason(desk: MediaDesk) -> None:
    gone, other = desk.post(noise(3000)), desk.post(noise(2000))
    frame = desk.messages()
    desk.telegram.delete(desk.channel, gone)
    desk.telegram.messages(desk.channel)[other].media = desk.telegram.add_file(noise(2001))
    desk.run(frame)
    assert desk.statuses() == [
        "failed: Telegram: the message is gone, or has no file now",
        "failed: Telegram: the file is 2001 bytes now, the post was read with 2000",
    ]
    desk.run()
    assert desk.statuses() == ["stored"]


def test_bytes_that_changed_on_this_disk_are_not_trusted(desk: MediaDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    small_parts(monkeypatch)
    desk.post(noise(30_000))
    frame = desk.messages()
    with monkeypatch.context() as patched:
        patched.setattr(StagedFile, "sha256", "0" * 64)
        desk.run(frame)
    assert desk.statuses() == [
        "pending: the staged file was changed on this machine's disk; it is downloaded anew"
    ]  # fmt: skip
    assert desk.run(frame).statuses == {"stored": 1}


def test_a_session_in_use_leaves_its_files_pending(desk: MediaDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.post(noise(3000))
    frame = desk.messages()
    monkeypatch.setattr(session, "open_session", partial(session.open_session, wait=0.1))
    with lease(desk.paired.catalog, session_lease(desk.account.id)):
        made = desk.run(frame)
    assert made.statuses == {"pending": 1}
    assert "is being done by another process" in desk.statuses()[0]
    assert desk.run(frame).statuses == {"stored": 1}


def test_a_lost_account_is_marked_and_its_files_wait(desk: MediaDesk) -> None:
    desk.post(noise(3000))
    frame = desk.messages()
    desk.telegram.revoke(desk.user)
    assert desk.run(frame).statuses == {"pending": 1}
    assert get_account(desk.paired.catalog, "demo", desk.account.id).status == "expired"
    desk.run(frame)
    assert desk.statuses() == ["pending: the account Alice is expired: pair it again"]


def test_files_of_a_channel_that_is_not_read_wait_without_a_connection(desk: MediaDesk) -> None:
    desk.post(noise(3000))
    frame = desk.messages()
    mark_subscription(desk.paired.catalog, "demo", desk.channel.id, status="paused")
    desk.telegram.forget_calls()
    desk.run(frame)
    assert desk.statuses() == ["pending: no account reads the channel now"]
    assert desk.telegram.calls() == []


def test_a_channel_that_is_lost_does_not_hold_up_another(desk: MediaDesk) -> None:
    desk.post(noise(3000))
    other = desk.follow(desk.telegram.add_channel("other"))
    first, lost = desk.messages(), desk.channel
    desk.channel = other
    desk.post(noise(2000))
    frame = pl.concat([first, desk.messages()])
    desk.telegram.ban(lost)
    assert desk.run(frame).statuses == {"pending": 1, "stored": 1}
    assert "This account can't see it (" in desk.statuses()[0]


def test_a_channel_that_telegram_refuses_does_not_hold_up_another(desk: MediaDesk) -> None:
    desk.post(noise(3000))
    first = desk.messages()
    desk.channel = desk.follow(desk.telegram.add_channel("other"))
    desk.post(noise(2000))
    frame = pl.concat([first, desk.messages()])
    desk.telegram.fail("channels.getMessages", "MESSAGE_IDS_EMPTY", code=400)
    assert desk.run(frame).statuses == {"pending": 1, "stored": 1}
    assert any(status.startswith("pending: channels.getMessages: Telegram refused it") for status in desk.statuses())


def test_the_account_that_reads_a_channel_fetches_the_files_of_its_comments(desk: MediaDesk) -> None:
    content, news = noise(3000), desk.channel.id
    group = desk.channel = desk.telegram.add_channel(title="comments", megagroup=True)
    desk.telegram.join(group, desk.user)
    desk.post(content, kind="photo")
    frame = desk.messages()
    desk.run(frame)
    assert desk.statuses() == ["pending: no account reads the channel now"]
    comments = frame.with_columns(comment_channel=pl.lit(news), comment_on=pl.lit(1, dtype=pl.Int64))
    desk.run(comments)
    assert desk.statuses() == ["pending: the account has not looked the channel up yet"]
    seen = ChannelSeen(group.id, None, group.title, "supergroup")
    remember_channels(desk.paired.catalog, "demo", [seen])
    remember_peer(desk.paired.catalog, "demo", desk.account.id, group.id, desk.key().access_hash)
    desk.run(comments)
    assert desk.contents() == [content]


def test_the_time_of_a_run_is_kept_and_the_next_goes_on(desk: MediaDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    small_parts(monkeypatch)
    content = noise(60_000)
    desk.post(content)
    frame = desk.messages()
    desk.telegram.fail("upload.getFile", delay=30, skip=4)
    desk.run(frame, read_minutes=1 / 60)
    assert desk.statuses() == ["pending: the run's time is up; the next one goes on here"]
    assert desk.run(frame).statuses == {"stored": 1}
    assert desk.contents() == [content]


def test_a_full_disk_ends_the_run_with_a_clear_error(desk: MediaDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    small_parts(monkeypatch)
    for seed in range(3):
        desk.post(noise(30_000, seed))
    frame = desk.messages()

    def full(self: StagedFile, content: bytes) -> None:
        raise LakeError(f"cannot write {self.path}: No space left on device. The disk is full: make room.")

    with monkeypatch.context() as patched:
        patched.setattr(StagedFile, "write", full)
        with pytest.raises(LakeError, match="The disk is full"):
            desk.run(frame)
    assert desk.run(frame).statuses == {"stored": 3}


def test_tenants_keep_their_files_apart(opened: Open) -> None:
    content = noise(3000)
    desks = [opened("mine"), opened("others")]
    for desk in desks:
        desk.post(content, kind="photo", thumb=b"small")
    desks[0].run()
    root = Path(desks[0].lake.root)
    assert not (root / "files/tenant=others").exists()
    assert not (desks[0].staging / "tenant=others").exists()
    desks[1].run()
    assert [len(list(root.glob(f"files/tenant={name}/*"))) for name in ("mine", "others")] == [2, 2]
    assert {name: spent(desks[0].paired.catalog, name, downloads.QUOTA, today()) for name in ("mine", "others")} == {
        "mine": 3005,
        "others": 3005,
    }


def spent_today(desk: MediaDesk) -> int:
    return spent(desk.paired.catalog, desk.paired.tenant, downloads.QUOTA, today())


def today() -> Any:
    return datetime.now(UTC).date()
