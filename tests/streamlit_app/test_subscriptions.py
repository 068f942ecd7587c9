"""The subscriptions' page: following many at once, what is wrong and how far each is, leaving."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.streamlit_app.conftest import fill
from tests.streamlit_app.reader import Reader, Readers, shown
from tests.streamlit_app.test_accounts import account
from tgstudio_dagster.catalog.follows.channels import ChannelSeen, remember_channels
from tgstudio_dagster.catalog.follows.reading import tenant_read
from tgstudio_dagster.catalog.follows.subscriptions import finish_request, mark_subscription, requests, subscribe
from tgstudio_dagster.core.clock import utc_now


def followed(readers: Readers, channel_id: int, *, tenant: str = "acme", days: int = 10) -> None:
    """A channel that is followed, half of whose history is read."""
    catalog, today = readers.platform.catalog, utc_now().date()
    remember_channels(
        catalog, tenant, [ChannelSeen(channel_id, f"channel{channel_id}", f"Channel {channel_id}", "channel")]
    )
    one = account(readers, tenant=tenant)
    subscribe(
        catalog, tenant, channel_id=channel_id, account_id=one.id, reference=f"@channel{channel_id}", visibility="public",
        members=1200, since=today - timedelta(days=days - 1), comments=False, created_by=None,
    )  # fmt: skip
    mark_subscription(catalog, tenant, channel_id, filled_from=today - timedelta(days=days // 2 - 1))


@pytest.fixture
def editor(readers: Readers) -> Reader:
    account(readers)
    return readers.of("acme", "editor")


def test_without_an_account_one_is_to_be_connected_first(readers: Readers) -> None:
    page = readers.of("acme").open("subscriptions")
    assert not page.exception
    assert "Сначала подключите аккаунт" in shown(page)


def test_many_channels_are_asked_for_at_once_and_reading_is_woken(readers: Readers, editor: Reader) -> None:
    page = editor.open("subscriptions")
    page.text_area(key="references").set_value("@first, t.me/second_one\nhttps://t.me/+AbCdEfGhIj12 # invite")
    page.button[[one.label for one in page.button].index("Подписаться")].click().run()
    assert not page.exception
    catalog = readers.platform.catalog
    assert [one.reference for one in requests(catalog, "acme")] == [
        "@first",
        "@second_one",
        "https://t.me/+AbCdEfGhIj12",
    ]
    assert tenant_read(catalog, "acme").woken_at is not None
    assert "3 канала поставлены в очередь" in shown(page)


def test_a_line_that_names_no_channel_is_pointed_at_and_nothing_is_asked(readers: Readers, editor: Reader) -> None:
    page = editor.open("subscriptions")
    page.text_area(key="references").set_value("@first\nwhat is this?")
    page.button[[one.label for one in page.button].index("Подписаться")].click().run()
    assert not page.exception
    assert "what is this" in shown(page) and page.error
    assert requests(readers.platform.catalog, "acme") == []


def test_nothing_named_is_said_so(readers: Readers, editor: Reader) -> None:
    page = editor.open("subscriptions")
    page.button[[one.label for one in page.button].index("Подписаться")].click().run()
    assert "назовите хотя бы один" in shown(page)


def test_a_request_that_failed_says_why(readers: Readers, editor: Reader) -> None:
    editor.studio.follows.request(["@nobody_here"], since=None)
    waiting = requests(readers.platform.catalog, "acme")[0]
    finish_request(readers.platform.catalog, "acme", waiting.id, status="failed", error="Nobody has this username.")
    said = shown(editor.open("subscriptions"))
    assert "@nobody_here" in said and "Nobody has this username." in said


def test_a_channel_shows_how_much_of_its_history_is_read(readers: Readers, editor: Reader) -> None:
    followed(readers, 77)
    page = editor.open("subscriptions")
    row = page.dataframe[0].value.iloc[0]
    assert row["channel"] == "Channel 77 @channel77"
    assert row["history"] == 50
    assert row["status"] == "работает"


def test_leaving_asks_first(readers: Readers, editor: Reader) -> None:
    followed(readers, 77)
    page = editor.open("subscriptions")
    chosen = {"selection": {"rows": [0], "columns": [], "cells": []}}
    page.session_state["followed"] = chosen
    page.run()
    page.session_state["followed"] = chosen
    page.button(key="leave").click().run()
    assert editor.studio.follows.get("77").status == "active"
    page.button(key="leave_yes").click().run()
    assert not page.exception
    assert editor.studio.follows.get("77").status == "ended"
    assert "Отписались от 1 канала" in shown(page)


def test_reading_now_wakes_the_tenant(readers: Readers, editor: Reader) -> None:
    followed(readers, 77)
    page = editor.open("subscriptions")
    page.button(key="now").click().run()
    assert not page.exception
    assert tenant_read(readers.platform.catalog, "acme").woken_at is not None


def test_a_viewer_sees_the_channels_and_can_change_nothing(readers: Readers) -> None:
    followed(readers, 77)
    page = readers.of("acme", "viewer").open("subscriptions")
    assert not page.exception
    assert page.dataframe[0].value.iloc[0]["channel"] == "Channel 77 @channel77"
    assert not {"now", "leave", "estimate", "own_load"} & {button.key for button in page.button}
    assert "только на чтение" in shown(page)


def test_channels_that_were_imported_are_listed_as_such_and_counted_apart(readers: Readers) -> None:
    fill(
        readers, "acme", {"msg_id": 1, "channel_id": 1}, {"msg_id": 1, "channel_id": 2}, {"msg_id": 2, "channel_id": 2}
    )
    reader = readers.of("acme")
    page = reader.open("subscriptions")
    assert not page.exception
    table = page.dataframe[0].value
    assert list(table["channel"]) == ["Channel 1 @channel1", "Channel 2 @channel2"]
    assert list(table["posts"]) == [1, 2] and set(table["status"]) == {"из импорта"}
    said = shown(reader.open("usage"))
    assert "Ещё 2 канала — из импорта" in said and "0 из" in said
