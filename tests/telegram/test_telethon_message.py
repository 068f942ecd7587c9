"""From a page of Telegram to posts: the same mapping as a dump's, with what live reading adds."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import SecretStr
from telethon import types

from tests.builders import landing
from tests.servers.telegram import TelegramServer
from tests.telegram.exports import START, telethon
from tgstudio_dagster.lake.tables.posts import LANDING, MESSAGE_STATS, MESSAGE_VERSIONS, MESSAGES
from tgstudio_dagster.posts.merge import merge
from tgstudio_dagster.posts.normalize import to_micros
from tgstudio_dagster.posts.shape import Post, fold_albums, landing_frame
from tgstudio_dagster.telegram.mtproto.client import Client, connected
from tgstudio_dagster.telegram.mtproto.messages import Page, by_ids, comments, newer
from tgstudio_dagster.telegram.mtproto.peers import resolve
from tgstudio_dagster.telegram.reading.references import Username
from tgstudio_dagster.telegram.sources.decoding import Bad
from tgstudio_dagster.telegram.sources.source import Span
from tgstudio_dagster.telegram.sources.telethon_message import Messages, posts_of

NOW = datetime(2026, 6, 1, tzinfo=UTC)
POSTED = datetime.fromtimestamp(START, UTC)


def mapping(**given: Any) -> Messages:
    return Messages(Span(date(2020, 1, 1), NOW), **{"usernames": {}, "titles": {}} | given)


def page(*messages: dict[str, Any], entities: tuple[dict[str, Any], ...] = ()) -> Page:
    return Page(list(messages), list(entities), len(messages))


@pytest.fixture
def read(telegram: TelegramServer, tmp_path: Path) -> Callable[[Callable[[Client], Awaitable[Page]]], Page]:
    settings = telegram.settings(tmp_path)
    session = SecretStr(telegram.session(telegram.add_user("Alice")))

    def reading(work: Callable[[Client], Awaitable[Page]]) -> Page:
        async def connected_work() -> Page:
            async with connected(settings, session) as client:
                return await work(client)

        return asyncio.run(connected_work())

    return reading


Reading = Callable[[Callable[[Client], Awaitable[Page]]], Page]


async def everything(client: Client) -> Page:
    peer = await resolve(client, Username("world"))
    return await newer(client, peer.key, after=0)


def test_what_telegram_sends_becomes_posts(telegram: TelegramServer, read: Reading) -> None:
    world, other = telegram.add_channel("World", "World news"), telegram.add_channel("other", "Other")
    photo = telegram.add_file(b"x" * 90, kind="photo", width=800, height=600)
    entities = [types.MessageEntityHashtag(6, 5), types.MessageEntityTextUrl(0, 5, "https://example.org/a")]
    telegram.post(
        world, "Links #news", date=POSTED, entities=entities, views=7, forwards=2, reactions={"👍": 3, "🔥": 1}
    )
    telegram.post(world, "A photo", date=POSTED, media=photo, reply_to=1)
    telegram.post(world, "", date=POSTED, service="pin")
    telegram.post(world, "Copied", date=POSTED, forwarded_from=(other, 5))
    telegram.edit(world, 2, "An edited photo")

    posts = posts_of(read(everything), mapping(), NOW)
    assert [post.msg_id for post in posts] == [4, 3, 2, 1]
    forwarded, service, picture, first = posts
    assert (first.channel_id, first.channel, first.channel_title) == (world.id, "World", "World news")
    assert (first.date, first.observed_at, first.type) == (to_micros(POSTED), to_micros(NOW), "text")
    assert (first.views, first.forwards, first.reactions) == (7, 2, 4)
    assert first.reactions_by_emoji == [("👍", 3), ("🔥", 1)]
    assert (first.hashtags, first.links) == (["news"], ["https://example.org/a"])
    assert (picture.text, picture.reply_to, picture.type) == ("An edited photo", 1, "photo")
    assert picture.edit_date is not None and picture.edit_date > picture.date
    (item,) = picture.attachments
    assert (item.kind, item.status, item.path, item.width, item.height) == ("photo", "pending", None, 800, 600)
    assert (service.type, service.service_action) == ("service", "MessageActionPinMessage")
    assert forwarded.forwarded_from == "Other"
    frame = LANDING.conform(landing_frame(fold_albums(posts), "telegram"))
    assert frame["url"].to_list() == [f"https://t.me/World/{n}" for n in (1, 2, 3, 4)]


def test_an_album_is_handed_over_in_its_parts(telegram: TelegramServer, read: Reading) -> None:
    world = telegram.add_channel("world")
    telegram.post_album(world, [telegram.add_file(b"x", kind="photo") for _ in range(3)], "A caption", date=POSTED)
    posts = posts_of(read(everything), mapping(), NOW)
    assert [post.type for post in posts] == ["photo"] * 3
    (album,) = fold_albums(posts)
    assert (album.msg_id, album.type, album.text, list(album.album)) == (1, "album", "A caption", [1, 2, 3])


def test_a_comment_names_the_post_that_it_comments(telegram: TelegramServer, read: Reading) -> None:
    world = telegram.add_channel("world", discussion=True)
    post = telegram.post(world, "Says the channel", date=POSTED)
    telegram.comment(world, post, "Says Bob", user=telegram.add_user("Bob"), date=POSTED)

    async def of_the_post(client: Client) -> Page:
        peer = await resolve(client, Username("world"))
        return await comments(client, peer.key, post, after=0)

    (comment,) = posts_of(read(of_the_post), mapping(), NOW, comment_on=(world.id, post))
    assert world.discussion is not None
    assert (comment.channel_id, comment.text, comment.author) == (world.discussion.id, "Says Bob", "Bob")
    assert (comment.comment_channel, comment.comment_on) == (world.id, post)
    (plain,) = posts_of(read(of_the_post), mapping(), NOW)
    assert (plain.comment_channel, plain.comment_on) == (None, None)


def test_an_empty_message_of_known_date_is_a_delete_and_of_unknown_date_is_left_out(
    telegram: TelegramServer, read: Reading
) -> None:
    world = telegram.add_channel("world")
    telegram.post_many(world, ["one", "two", "three"], start=POSTED, step=timedelta(minutes=1))
    telegram.delete(world, 2, 3)

    async def again(client: Client) -> Page:
        peer = await resolve(client, Username("world"))
        return await by_ids(client, peer.key, [1, 2, 3])

    messages = mapping()
    messages.dates[world.id, 2] = to_micros(POSTED + timedelta(minutes=1))
    left_out: Counter[str] = Counter()
    posts = posts_of(read(again), messages, NOW, left_out=left_out)
    assert [(post.msg_id, post.type, post.deleted_at) for post in posts] == [
        (1, "text", None), (2, "deleted", to_micros(NOW)),
    ]  # fmt: skip
    assert posts[1].date == to_micros(POSTED + timedelta(minutes=1))
    assert left_out.total() == 1 and "unknown date" in next(iter(left_out))


def test_known_names_stand_in_where_a_page_tells_none() -> None:
    messages = mapping(usernames={1001: "world"}, titles={1001: "World"})
    (post,) = posts_of(page(telethon(1, "Text")), messages, NOW)
    assert (post.channel, post.channel_title) == ("world", "World")
    told = {"_": "Channel", "id": 1001, "title": "New", "usernames": [{"username": "renamed", "active": True}]}
    (post,) = posts_of(page(telethon(1, "Text"), entities=(told,)), messages, NOW)
    assert (post.channel, post.channel_title) == ("renamed", "New")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"date": datetime(2019, 1, 1, tzinfo=UTC)}, "before first day"),
        ({"date": datetime(2027, 1, 1, tzinfo=UTC)}, "in the future"),
        ({"date": None}, "no date"),
        ({"id": 0}, "not a positive id"),
        ({"peer_id": {"_": "PeerUser", "user_id": 5}}, "only channels and supergroups"),
        ({"id": "seven"}, "id"),
    ],
)
def test_what_is_no_post_is_left_out_with_its_reason(given: dict[str, Any], reason: str) -> None:
    left_out: Counter[str] = Counter()
    posts = posts_of(page(telethon(1), telethon(2) | given), mapping(), NOW, left_out=left_out)
    assert [post.msg_id for post in posts] == [1]
    assert left_out.total() == 1 and reason in next(iter(left_out))


def test_a_dict_and_a_line_of_a_dump_make_the_same_post() -> None:
    line = telethon(1, "Text with #tag")
    live = line | {"date": datetime.fromisoformat(line["date"])}
    dumped, read = mapping().post(line, NOW), mapping().post(live, NOW)
    assert isinstance(dumped, Post) and not isinstance(dumped, Bad)
    assert dumped == read


def test_a_comment_stays_one_whichever_observation_says_so() -> None:
    empty = MESSAGES.empty(), MESSAGE_VERSIONS.empty(), MESSAGE_STATS.empty()
    said = {"msg_id": 5, "text": "Says Bob", "comment_on": 7, "comment_channel": 1002}
    seen = {"msg_id": 5, "text": "Says Bob", "date": POSTED, "observed_at": NOW}
    both = pl.concat([landing(said | {"date": POSTED}), landing(seen)])
    state = merge(both, *empty)
    assert state.messages.select("comment_on", "comment_channel").row(0) == (7, 1002)
    assert state.messages.height == 1


def test_an_album_keeps_every_caption_with_its_hashtags_and_links(telegram: TelegramServer, read: Reading) -> None:
    world = telegram.add_channel("world")
    files = [telegram.add_file(b"x", kind="photo") for _ in range(5)]
    captions = ["Morning #dawn", "", "Noon https://example.org/noon", "Morning #dawn", "Night @owls"]
    telegram.post_album(world, files, captions, date=POSTED)
    (album,) = fold_albums(posts_of(read(everything), mapping(), NOW))
    assert album.text == "Morning #dawn\n\nNoon https://example.org/noon\n\nNight @owls"
    assert (album.hashtags, album.links, album.mentions) == (["dawn"], ["https://example.org/noon"], ["owls"])
