"""What a file says is cut to what Telegram allows: nothing of a forged dump fills the lake or a page."""

from __future__ import annotations

from pathlib import Path

from tests.builders import FIRST
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.channels import ChannelSeen, list_channels, remember_channels
from tgstudio_dagster.catalog.people.tenants import add_tenant
from tgstudio_dagster.posts.shape import Attachment, Post, landing_frame

LONG = "я" * 1_000_000


def test_every_word_of_a_post_has_an_end() -> None:
    post = Post(
        channel_id=1, msg_id=1, date=round(FIRST.timestamp() * 1e6), text=LONG, type="text", channel=LONG, channel_title=LONG,
        author=LONG, forwarded_from=LONG, service_action=LONG, hashtags=["a"] * 5_000, links=[LONG, "https://x.example"],
        mentions=[LONG], reactions_by_emoji=[(LONG, 1), ("x", 2)],
        attachments=[Attachment(1, "document", mime=LONG, file_name=LONG + ".pdf")],
    )  # fmt: skip
    row = landing_frame([post], "test").row(0, named=True)
    lengths = {name: len(row[name]) for name in ("text", "channel_title", "author", "forwarded_from", "service_action")}
    assert lengths == {
        "text": 16_384,
        "channel_title": 128,
        "author": 255,
        "forwarded_from": 255,
        "service_action": 255,
    }
    assert len(row["hashtags"]) == 1_000
    assert (row["links"], row["mentions"]) == (["https://x.example"], [])
    assert row["reactions_by_emoji"] == [{"emoji": "x", "count": 2}]
    (file,) = row["attachments"]
    assert len(file["file_name"]) == 255 and file["file_name"].endswith(".pdf") and len(file["mime"]) == 255
    assert len(repr(row)) < 60_000


def test_a_post_within_the_limits_is_as_it_was() -> None:
    text = "я" * 16_384
    row = landing_frame(
        [Post(channel_id=1, msg_id=1, date=0, text=text, type="text", author="a" * 255, channel_title="t" * 128)],
        "test",
    ).row(0, named=True)
    assert (row["text"], row["author"], row["channel_title"]) == (text, "a" * 255, "t" * 128)


def test_a_channel_s_title_has_an_end_in_the_catalog_too(tmp_path: Path) -> None:
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    catalog.upgrade()
    add_tenant(catalog, "acme", "Acme")
    remember_channels(catalog, "acme", [ChannelSeen(1, "x", LONG, "channel")])
    assert len(list_channels(catalog, "acme")[0].title) == 128
    catalog.close()
