"""A channel is never read backwards, an account goes on where another stopped, and a tenant knows when it is due."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.builders import make_tenant
from tests.catalog.rows import make_account
from tgstudio_dagster.catalog.accounts.accounts import TgAccount
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.channels import ChannelSeen, remember_channels
from tgstudio_dagster.catalog.follows.reading import (
    ChannelCursor,
    begin_read,
    cursor,
    finish_read,
    note_channel_error,
    remember_peer,
    save_cursor,
    tenant_read,
    wake,
)
from tgstudio_dagster.catalog.money.plans import set_plan
from tgstudio_dagster.core.errors import ConflictError, NotFoundError

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
BIG = 2**40


@pytest.fixture
def account(catalog: Catalog) -> TgAccount:
    """The one account of tenant demo (on the plan pro), which has seen channel BIG."""
    make_tenant(catalog)
    set_plan(catalog, "demo", "pro")
    remember_channels(catalog, "demo", [ChannelSeen(BIG, "big", "Big", "channel")])
    return make_account(catalog)


def test_a_channel_never_read_begins_at_nothing(catalog: Catalog, account: TgAccount) -> None:
    assert cursor(catalog, "demo", account.id, BIG) == ChannelCursor(BIG)


def test_a_cursor_is_kept_whole(catalog: Catalog, account: TgAccount) -> None:
    saved = ChannelCursor(BIG, None, 500, ((1, 99), (120, 120)), NOW, "half of it failed")
    save_cursor(catalog, "demo", account.id, saved)
    assert cursor(catalog, "demo", account.id, BIG) == saved


def test_a_channel_is_not_read_backwards(catalog: Catalog, account: TgAccount) -> None:
    save_cursor(catalog, "demo", account.id, ChannelCursor(BIG, last_msg_id=500))
    with pytest.raises(ConflictError, match="up to 500 .* back to 499"):
        save_cursor(catalog, "demo", account.id, ChannelCursor(BIG, last_msg_id=499))
    save_cursor(catalog, "demo", account.id, ChannelCursor(BIG, last_msg_id=500, gaps=((3, 4),)))
    assert cursor(catalog, "demo", account.id, BIG).gaps == ((3, 4),)


@pytest.mark.parametrize("access_hash", [2**63 - 1, -(2**63), 0])
def test_an_access_hash_is_kept_until_it_is_forgotten(catalog: Catalog, account: TgAccount, access_hash: int) -> None:
    remember_peer(catalog, "demo", account.id, BIG, access_hash)
    known = cursor(catalog, "demo", account.id, BIG)
    assert known.access_hash == access_hash
    remember_peer(catalog, "demo", account.id, BIG, None)
    save_cursor(catalog, "demo", account.id, replace(known, last_msg_id=7))
    assert cursor(catalog, "demo", account.id, BIG) == ChannelCursor(BIG, None, 7)


def test_a_new_reader_goes_on_where_the_furthest_one_stopped_without_its_hash(
    catalog: Catalog, account: TgAccount
) -> None:
    second, third = make_account(catalog, telegram_id=2), make_account(catalog, telegram_id=3)
    for reader, last in ((account, 500), (second, 900)):
        remember_peer(catalog, "demo", reader.id, BIG, last)
        save_cursor(catalog, "demo", reader.id, ChannelCursor(BIG, last_msg_id=last, gaps=((1, last // 10),)))
    note_channel_error(catalog, "demo", second.id, BIG, "a trouble of its own")
    assert cursor(catalog, "demo", third.id, BIG) == ChannelCursor(BIG, None, 900, ((1, 90),))
    remember_peer(catalog, "demo", third.id, BIG, 3)
    assert cursor(catalog, "demo", third.id, BIG) == ChannelCursor(BIG, 3, 900, ((1, 90),))
    assert cursor(catalog, "demo", account.id, BIG) == ChannelCursor(BIG, 500, 900, ((1, 90),))


def test_an_error_of_a_channel_moves_nothing(catalog: Catalog, account: TgAccount) -> None:
    save_cursor(catalog, "demo", account.id, ChannelCursor(BIG, last_msg_id=5))
    note_channel_error(catalog, "demo", account.id, BIG, "flood")
    assert cursor(catalog, "demo", account.id, BIG) == ChannelCursor(BIG, last_msg_id=5, error="flood")
    note_channel_error(catalog, "demo", account.id, BIG, None)
    assert cursor(catalog, "demo", account.id, BIG).error is None


def test_another_tenants_reading_is_its_own(catalog: Catalog, account: TgAccount) -> None:
    make_tenant(catalog, "other")
    theirs = make_account(catalog, "other")
    save_cursor(catalog, "demo", account.id, ChannelCursor(BIG, last_msg_id=500))
    remember_channels(catalog, "other", [ChannelSeen(BIG, "big", "Big", "channel")])
    assert cursor(catalog, "other", theirs.id, BIG) == ChannelCursor(BIG)
    assert cursor(catalog, "other", account.id, BIG) == ChannelCursor(BIG)
    for act in (
        lambda: save_cursor(catalog, "other", account.id, ChannelCursor(BIG, last_msg_id=1)),
        lambda: remember_peer(catalog, "demo", theirs.id, BIG, 1),
        lambda: note_channel_error(catalog, "demo", theirs.id, BIG, "x"),
    ):
        with pytest.raises(NotFoundError):
            act()


def test_a_channel_that_was_not_seen_has_no_cursor_to_save(catalog: Catalog, account: TgAccount) -> None:
    with pytest.raises(NotFoundError, match="has not seen channel 404"):
        save_cursor(catalog, "demo", account.id, ChannelCursor(404))


def test_a_tenant_never_read_has_no_times(catalog: Catalog) -> None:
    make_tenant(catalog)
    read = tenant_read(catalog, "demo")
    assert (read.started_at, read.read_at, read.woken_at, read.waits_until, read.error) == (None,) * 5
    assert not read.woken


def test_a_reading_begins_and_ends(catalog: Catalog) -> None:
    make_tenant(catalog)
    begin_read(catalog, "demo", now=NOW)
    finish_read(catalog, "demo", now=NOW + timedelta(minutes=1), waits_until=NOW + timedelta(hours=5))
    read = tenant_read(catalog, "demo")
    assert (read.started_at, read.read_at) == (NOW, NOW + timedelta(minutes=1))
    assert (read.waits_until, read.error) == (NOW + timedelta(hours=5), None)
    finish_read(catalog, "demo", now=NOW + timedelta(minutes=2))
    assert tenant_read(catalog, "demo").waits_until is None


def test_a_reading_that_failed_is_not_a_reading(catalog: Catalog) -> None:
    make_tenant(catalog)
    finish_read(catalog, "demo", now=NOW)
    begin_read(catalog, "demo", now=NOW + timedelta(hours=1))
    finish_read(catalog, "demo", now=NOW + timedelta(hours=1), error="no network")
    read = tenant_read(catalog, "demo")
    assert (read.read_at, read.error, read.started_at) == (NOW, "no network", NOW + timedelta(hours=1))


def test_a_woken_tenant_is_due_until_its_next_reading_begins(catalog: Catalog) -> None:
    make_tenant(catalog)
    wake(catalog, "demo", now=NOW)
    assert tenant_read(catalog, "demo").woken
    begin_read(catalog, "demo", now=NOW + timedelta(seconds=1))
    assert not tenant_read(catalog, "demo").woken
    wake(catalog, "demo", now=NOW + timedelta(seconds=2))
    finish_read(catalog, "demo", now=NOW + timedelta(seconds=3))
    assert tenant_read(catalog, "demo").woken
