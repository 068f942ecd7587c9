"""The newest sight of a channel is kept, for each tenant its own."""

from __future__ import annotations

from tests.builders import make_tenant
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.channels import ChannelSeen, channel_usernames, list_channels, remember_channels

BIG = 2**40


def test_a_channel_seen_again_has_its_newest_title_and_username(catalog: Catalog) -> None:
    make_tenant(catalog)
    remember_channels(
        catalog, "demo", [ChannelSeen(BIG, "old", "Old", "channel"), ChannelSeen(BIG, "new", "New", "group")]
    )
    remember_channels(catalog, "demo", [ChannelSeen(BIG, "newest", "Newest", "group")])
    assert [(row.username, row.title, row.kind) for row in list_channels(catalog, "demo")] == [
        ("newest", "Newest", "group")
    ]


def test_a_source_that_tells_no_username_does_not_wipe_out_a_known_one(catalog: Catalog) -> None:
    make_tenant(catalog)
    remember_channels(
        catalog, "demo", [ChannelSeen(1, "one", "One", "channel"), ChannelSeen(2, None, "Two", "channel")]
    )
    remember_channels(catalog, "demo", [ChannelSeen(1, None, "One!", "channel")])
    assert channel_usernames(catalog, "demo", [1, 2, 3]) == {1: "one"}


def test_one_tenants_import_does_not_rename_anothers_channel(catalog: Catalog) -> None:
    make_tenant(catalog, "a")
    make_tenant(catalog, "b")
    remember_channels(catalog, "a", [ChannelSeen(1, "true", "True", "channel")])
    remember_channels(catalog, "b", [ChannelSeen(1, "false", "False", "channel")])
    assert channel_usernames(catalog, "a", [1]) == {1: "true"}


def test_no_channel_is_no_work(catalog: Catalog) -> None:
    make_tenant(catalog)
    remember_channels(catalog, "demo", [])
    assert channel_usernames(catalog, "demo", []) == {}


def test_a_username_that_moved_is_the_new_channels_only(catalog: Catalog) -> None:
    make_tenant(catalog, "demo")
    make_tenant(catalog, "other")
    for tenant in ("demo", "other"):
        remember_channels(
            catalog, tenant, [ChannelSeen(1, "News", "Old", "channel"), ChannelSeen(3, "x", "X", "group")]
        )
    remember_channels(catalog, "demo", [ChannelSeen(2, "news", "New", "channel")])
    assert channel_usernames(catalog, "demo", [1, 2, 3]) == {2: "news", 3: "x"}
    assert channel_usernames(catalog, "other", [1, 2]) == {1: "News"}
