"""Files that are left out, that wait, or that fail: each for its own reason, and none holds up another."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import polars as pl
import pytest

from tests.servers.telegram import files
from tests.servers.telegram.model import File
from tests.telegram.mtproto.media_desk import MediaDesk, Open, noise, small_parts, spent_today, today
from tgstudio_dagster.catalog.accounts.accounts import get_account, session_lease
from tgstudio_dagster.catalog.follows.channels import ChannelSeen, remember_channels
from tgstudio_dagster.catalog.follows.reading import remember_peer
from tgstudio_dagster.catalog.follows.subscriptions import mark_subscription
from tgstudio_dagster.catalog.leases import lease
from tgstudio_dagster.catalog.money.plans import spent
from tgstudio_dagster.catalog.people.tenant_settings import Filters
from tgstudio_dagster.core.errors import LakeError
from tgstudio_dagster.posts.attachments import OVER_QUOTA, TOO_LARGE
from tgstudio_dagster.telegram.accounts import session
from tgstudio_dagster.telegram.files import downloads
from tgstudio_dagster.telegram.files.staging import StagedFile


@pytest.fixture
def desk(opened: Open) -> MediaDesk:
    """A tenant's desk."""
    return opened()


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
