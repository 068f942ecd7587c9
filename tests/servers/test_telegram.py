"""The small Telegram shows channels, messages and files as Telegram does, as far as a real Telethon client can see."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from telethon import errors, events, functions, types

from tests.servers.telegram import TelegramServer, open_client
from tests.servers.telegram.client import in_loop, until

START = datetime(2025, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


# Channels


@in_loop
async def test_usernames_move_from_channel_to_channel(telegram: TelegramServer) -> None:
    old = telegram.add_channel("news", "Old")
    async with open_client(telegram, telegram.session(telegram.add_user())) as client:
        assert (await client.get_entity("news")).id == old.id
        telegram.rename(old, "other")
        new = telegram.add_channel("News", "New")
        found = await client(functions.contacts.ResolveUsernameRequest("news"))
        assert found.peer.channel_id == new.id
        with pytest.raises(errors.UsernameNotOccupiedError):
            await client(functions.contacts.ResolveUsernameRequest("nobody"))


@in_loop
async def test_a_private_channel_is_for_members_only(telegram: TelegramServer) -> None:
    alice, channel = telegram.add_user(), telegram.add_channel(title="Secret", private=True)
    telegram.post(channel, "hush")
    async with open_client(telegram, telegram.session(alice)) as client:
        assert (await client(functions.messages.CheckChatInviteRequest(channel.invite))).title == "Secret"
        await client(functions.messages.ImportChatInviteRequest(channel.invite))
        with pytest.raises(errors.UserAlreadyParticipantError):
            await client(functions.messages.ImportChatInviteRequest(channel.invite))
        entity = await client.get_input_entity(channel.link)
        assert [message.text for message in await client.get_messages(entity)] == ["hush"]
        telegram.kick(channel, alice)
        with pytest.raises(errors.ChannelPrivateError):
            await client.get_messages(entity)


@in_loop
async def test_an_access_hash_is_of_one_account_only(telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    async with open_client(telegram, telegram.session(telegram.add_user())) as client:
        hers = await client.get_input_entity("news")
    async with open_client(telegram, telegram.session(telegram.add_user())) as client:
        with pytest.raises(errors.ChannelInvalidError):
            await client.get_messages(hers)
        assert (await client.get_input_entity("news")).access_hash != hers.access_hash
        telegram.ban(channel)
        with pytest.raises(errors.ChannelPrivateError):
            await client.get_messages(await client.get_input_entity(types.PeerChannel(channel.id)))


@in_loop
async def test_an_access_hash_is_of_one_session_only(telegram: TelegramServer) -> None:
    alice, channel = telegram.add_user(), telegram.add_channel("news")
    telegram.post(channel, "one", media=telegram.add_file(b"x" * 9000, dc=4))
    async with open_client(telegram, telegram.session(alice)) as client:
        former = await client.get_input_entity("news")
        message = (await client.get_messages(former))[0]
        # Another data centre lets the session in by a ticket: it is the same session there.
        assert await client.download_media(message, file=bytes) == b"x" * 9000
    async with open_client(telegram, telegram.session(alice)) as client:
        with pytest.raises(errors.ChannelInvalidError):
            await client.get_messages(former)
        with pytest.raises(errors.LocationInvalidError):
            await client.download_media(message, file=bytes)
        assert (await client.get_input_entity("news")).access_hash == telegram.access_hash(channel, alice)


@in_loop
async def test_dialogs_and_folders_list_what_a_user_joined(telegram: TelegramServer) -> None:
    alice = telegram.add_user()
    channels = [telegram.add_channel(f"c{number}", f"C{number}") for number in range(130)]
    for number, channel in enumerate(channels):
        telegram.post(channel, "hello", date=START + number * HOUR)
        telegram.join(channel, alice)
    empty = telegram.add_channel(title="Empty", private=True)
    telegram.join(empty, alice)
    telegram.add_folder(alice, "Daily", channels[:2])
    async with open_client(telegram, telegram.session(alice)) as client:
        titles = [dialog.name async for dialog in client.iter_dialogs()]
        assert titles == ["Empty", *(f"C{number}" for number in reversed(range(130)))]
        folders = (await client(functions.messages.GetDialogFiltersRequest())).filters
        assert [peer.channel_id for peer in folders[1].include_peers] == [one.id for one in channels[:2]]
        assert folders[1].title.text == "Daily"


@in_loop
async def test_a_full_channel_names_its_members_and_its_discussion(telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news", discussion=True)
    assert channel.discussion is not None
    telegram.join(channel, telegram.add_user())
    async with open_client(telegram, telegram.session(telegram.add_user())) as client:
        full = (await client(functions.channels.GetFullChannelRequest("news"))).full_chat
        assert (full.participants_count, full.linked_chat_id) == (1, channel.discussion.id)


# Messages


@in_loop
async def test_history_is_exact_forward_backward_and_from_anywhere(telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    telegram.post_many(channel, [f"post {number} #t{number % 5}" for number in range(500)], start=START, step=HOUR)
    telegram.skip_ids(channel, 250)
    telegram.delete(channel, *range(100, 220))
    telegram.post_many(channel, [f"late {number}" for number in range(333)], start=START + 600 * HOUR, step=HOUR)
    ids = list(telegram.messages(channel))
    async with open_client(telegram, telegram.session(telegram.add_user())) as client:

        async def read(**options: Any) -> list[int]:
            return [message.id async for message in client.iter_messages("news", wait_time=0, **options)]

        assert await read() == ids[::-1]
        assert await read(reverse=True) == ids
        for last in (0, 1, 99, 150, 219, 500, 700, ids[-2], ids[-1]):
            later = [number for number in ids if number > last]
            assert await read(min_id=last, reverse=True) == later
            assert await read(min_id=last) == later[::-1]
            assert await read(max_id=last or 1) == [number for number in reversed(ids) if number < (last or 1)]
        middle = START + 300 * HOUR
        assert await read(offset_date=middle) == list(range(300, 219, -1)) + list(range(99, 0, -1))
        assert await read(offset_date=middle, reverse=True) == [number for number in ids if number > 300]
        assert len(await read(search="#t3")) == sum("#t3" in one.text for one in telegram.messages(channel).values())
        found = await client.get_messages("news", ids=[1, 150, 2])
        assert [one and one.id for one in found] == [1, None, 2]


@in_loop
async def test_messages_show_all_that_was_posted(telegram: TelegramServer) -> None:
    source = telegram.add_channel("source", "Source")
    channel = telegram.add_channel("news")
    bold = [types.MessageEntityBold(0, 4)]
    reactions = {"👍": 3, "🔥": 1}
    first = telegram.post(channel, "bold", entities=bold, views=70, forwards=2, reactions=reactions, date=START)
    telegram.post(channel, "answer", reply_to=first, forwarded_from=(source, 7))
    telegram.post(channel, service="New title")
    async with open_client(telegram, telegram.session(telegram.add_user())) as client:
        renamed, answer, message = await client.get_messages("news", limit=3)
        assert (message.date, message.views, message.forwards, message.post) == (START, 70, 2, True)
        assert message.entities == bold and message.edit_date is None
        assert {one.reaction.emoticon: one.count for one in message.reactions.results} == reactions
        assert answer.reply_to.reply_to_msg_id == first
        assert (answer.fwd_from.from_id.channel_id, answer.fwd_from.channel_post) == (source.id, 7)
        assert renamed.action == types.MessageActionChatEditTitle("New title")


@in_loop
async def test_counters_move_and_reactions_move_the_edit_date(telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    post = telegram.post(channel, "text")
    async with open_client(telegram, telegram.session(telegram.add_user())) as client:

        async def read() -> Any:
            return await client.get_messages("news", ids=post)

        telegram.count(channel, post, views=10, forwards=3)
        assert ((await read()).views, (await read()).forwards, (await read()).edit_date) == (10, 3, None)
        telegram.now = lambda: START
        telegram.count(channel, post, reactions={"👍": 1})
        assert ((await read()).edit_date, (await read()).edit_hide, (await read()).text) == (START, True, "text")
        telegram.edit(channel, post, "new")
        assert ((await read()).text, (await read()).edit_hide) == ("new", False)
        entity = await client.get_input_entity("news")
        for increment, views in ((False, 10), (True, 11)):
            counted = await client(functions.messages.GetMessagesViewsRequest(entity, [post], increment))
            assert counted.views[0].views == views


@in_loop
async def test_comments_are_counted_and_read_page_by_page(telegram: TelegramServer) -> None:
    channel, bob = telegram.add_channel("news", discussion=True), telegram.add_user("Bob")
    assert channel.discussion is not None
    post, other = telegram.post(channel, "what do you think?"), telegram.post(channel, "nothing here")
    comments = [telegram.comment(channel, post, f"comment {number}", user=bob) for number in range(250)]
    telegram.delete(channel.discussion, comments.pop(7))
    async with open_client(telegram, telegram.session(telegram.add_user())) as client:
        shown = await client.get_messages("news", ids=[post, other])
        assert [(one.replies.comments, one.replies.replies) for one in shown] == [(True, 249), (True, 0)]
        assert shown[0].replies.channel_id == channel.discussion.id
        read = [one async for one in client.iter_messages("news", reply_to=post, reverse=True, min_id=1, wait_time=0)]
        assert [one.id for one in read] == comments
        assert (await read[0].get_sender()).first_name == "Bob"
        found = await client(functions.messages.GetDiscussionMessageRequest("news", post))
        assert found.messages[0].fwd_from.saved_from_msg_id == post


@in_loop
async def test_forum_topics_are_threads(telegram: TelegramServer) -> None:
    forum = telegram.add_channel("forum", "Forum", forum=True)
    topic = telegram.add_topic(forum, "Sport")
    first = telegram.post(forum, "goal", forum_topic=topic)
    second = telegram.post(forum, "really?", forum_topic=topic, reply_to=first)
    telegram.post(forum, "elsewhere")
    async with open_client(telegram, telegram.session(telegram.add_user())) as client:
        read = await client.get_messages("forum", reply_to=topic, limit=10)
        assert [one.id for one in read] == [second, first]
        headers = [
            (one.reply_to.forum_topic, one.reply_to.reply_to_msg_id, one.reply_to.reply_to_top_id) for one in read
        ]
        assert headers == [(True, first, topic), (True, topic, None)]
        listed = await client(functions.messages.GetForumTopicsRequest("forum", None, 0, 0, 100))
        assert [(one.id, one.title) for one in listed.topics] == [(topic, "Sport")]


@in_loop
async def test_members_hear_of_new_edited_and_deleted_messages(telegram: TelegramServer) -> None:
    alice, channel = telegram.add_user(), telegram.add_channel("news")
    telegram.join(channel, alice)
    photos = [telegram.add_file(b"x" * 100, kind="photo") for _ in range(3)]
    heard: Counter[str] = Counter()
    async with open_client(telegram, telegram.session(alice)) as client:
        await client.get_entity("news")
        for name in ("NewMessage", "MessageEdited", "MessageDeleted", "Album"):

            async def note(_: Any, name: str = name) -> None:
                heard[name] += 1

            client.add_event_handler(note, getattr(events, name)())
        post = telegram.post(channel, "one")
        telegram.edit(channel, post, "two")
        telegram.delete(channel, post)
        telegram.post_album(channel, photos, "album")
        await until(lambda: heard == {"NewMessage": 4, "MessageEdited": 1, "MessageDeleted": 1, "Album": 1})
        telegram.drop_connections()
        await until(lambda: client.is_connected() and telegram.connections)
        telegram.post(channel, "after the break")
        await until(lambda: heard["NewMessage"] == 5)


@in_loop
async def test_sending_needs_the_right_and_happens_once(telegram: TelegramServer) -> None:
    alice = telegram.add_user()
    own = telegram.add_channel("own", "Own", admins=(alice,))
    telegram.add_channel("theirs", "Theirs")
    async with open_client(telegram, telegram.session(alice)) as client:
        sent = await client.send_message("own", "hello")
        assert telegram.messages(own)[sent.id].text == "hello"
        with pytest.raises(errors.ChatWriteForbiddenError):
            await client.send_message("theirs", "hello")
        request = functions.messages.SendMessageRequest(await client.get_input_entity("own"), "once", random_id=7)
        await client(request)
        assert [one.text for one in telegram.messages(own).values()] == ["hello", "once"]
        # Past the client, which would sleep two seconds and repeat, five times over.
        with pytest.raises(errors.RandomIdDuplicateError):
            await client._sender.send(request)
        assert len(telegram.messages(own)) == 2


# Files


@in_loop
async def test_files_of_each_kind_are_read_whole_and_as_thumbnails(telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    data, thumb = bytes(range(256)) * 1000, b"small" * 100
    async with open_client(telegram, telegram.session(telegram.add_user())) as client:
        for kind in ("photo", "video", "document", "voice", "audio"):
            file = telegram.add_file(data, kind=kind, thumb=thumb, name="name.bin", dc=4 if kind == "audio" else None)
            message = await client.get_messages("news", ids=telegram.post(channel, media=file))
            assert getattr(message, kind) is not None
            assert await client.download_media(message, file=bytes) == data
            assert await client.download_media(message, file=bytes, thumb=0) == thumb


@in_loop
async def test_file_references_expire_and_fresh_ones_work(telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    post = telegram.post(channel, media=telegram.add_file(b"picture", kind="photo"))
    async with open_client(telegram, telegram.session(telegram.add_user())) as client:
        message = await client.get_messages("news", ids=post)
        telegram.expire_file_references()
        with pytest.raises(errors.FileReferenceExpiredError):
            await client.download_media(message, file=bytes)
        fresh = await client.get_messages("news", ids=post)
        assert await client.download_media(fresh, file=bytes) == b"picture"
