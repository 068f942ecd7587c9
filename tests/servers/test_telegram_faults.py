"""The faults that the small Telegram makes on purpose, and the server as a process of its own."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from telethon import errors, functions

from tests.servers.telegram import RemoteServer, TelegramServer, open_client
from tests.servers.telegram.client import in_loop, until

START = datetime(2025, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        ("FLOOD_WAIT_18000", errors.FloodWaitError),
        ("FLOOD_PREMIUM_WAIT_5", errors.FloodPremiumWaitError),
        ("CHANNEL_PRIVATE", errors.ChannelPrivateError),
        ("CHAT_WRITE_FORBIDDEN", errors.ChatWriteForbiddenError),
    ],
)
@in_loop
async def test_a_fault_befalls_the_call_it_was_meant_for(telegram: TelegramServer, error: str, raised: type) -> None:
    telegram.add_channel("news")
    alice, bob = telegram.add_user("Alice"), telegram.add_user("Bob")
    telegram.fail("messages.getHistory", error, user=alice, skip=1)
    for user, faulty in ((bob, False), (alice, True)):
        async with open_client(telegram, telegram.session(user)) as client:
            assert await client.get_messages("news") == []
            if faulty:
                with pytest.raises(raised):
                    await client.get_messages("news")
    assert [call.user_id for call in telegram.calls("getHistory")] == [bob.id, alice.id, alice.id]


def test_a_fault_of_an_unknown_or_ambiguous_method_is_refused(telegram: TelegramServer) -> None:
    for name in ("messages.getHystory", "GetMessages"):
        with pytest.raises(ValueError, match="no method"):
            telegram.fail(name, drop=True)


@in_loop
async def test_silence_delay_and_broken_connections(telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news", admins=[alice := telegram.add_user()])
    async with open_client(telegram, telegram.session(alice)) as client:
        entity = await client.get_input_entity("news")
        telegram.fail("getHistory", silent=True)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.get_messages(entity), 0.2)
        telegram.fail("getHistory", delay=0.2)
        began = time.monotonic()
        await client.get_messages(entity)
        assert time.monotonic() - began >= 0.2
        telegram.latency, began = 0.1, time.monotonic()
        await client.get_messages(entity)
        assert time.monotonic() - began >= 0.1
        telegram.latency = 0
        telegram.fail("getHistory", drop=True)
        assert await client.get_messages(entity) == []  # Telethon connects again and asks once more.
        telegram.fail("messages.sendMessage", drop=True, after=True)
        request = functions.messages.SendMessageRequest(entity, "sent, but the answer is lost", random_id=7)
        with pytest.raises(errors.RandomIdDuplicateError):
            await client._sender.send(request)
        assert len(telegram.messages(channel)) == 1


@in_loop
async def test_a_mute_server_accepts_connections_and_says_nothing(telegram: TelegramServer) -> None:
    telegram.mute = True
    with pytest.raises(asyncio.TimeoutError):
        async with asyncio.timeout(0.3), open_client(telegram):
            pass


@in_loop
async def test_chaos_befalls_the_share_of_calls_that_was_asked_for(telegram: TelegramServer) -> None:
    telegram.add_channel("news")
    async with open_client(telegram, telegram.session(telegram.add_user())) as client:
        entity = await client.get_input_entity("news")
        telegram.chaos(0.3, kinds=("flood", "premium"), spare=["GetFile"])
        floods = 0
        for _ in range(200):
            try:
                await client.get_messages(entity)
            except errors.FloodError:
                floods += 1
        assert 30 < floods == sum(telegram.faults.struck.values()) < 90
        telegram.heal()
        await client.get_messages(entity)


@in_loop
async def test_a_stopped_server_comes_back_where_it_was(telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    async with open_client(telegram, telegram.session(telegram.add_user())) as client:
        entity = await client.get_input_entity("news")
        telegram.stop()
        telegram.post(channel, "meanwhile")
        telegram.start()
        await until(client.is_connected)
        assert [one.text for one in await client.get_messages(entity)] == ["meanwhile"]


# In a process of its own


@in_loop
async def test_the_server_runs_as_a_process_of_its_own(tmp_path: Path) -> None:
    server = RemoteServer()
    try:
        alice = server.add_user("Alice", password="hunter2")
        channel = server.add_channel("news", discussion=True)
        server.post_many(channel, ["one", "two"], start=START, step=HOUR)
        file = server.add_file(b"data", kind="photo")
        post = server.post(channel, "three", media=file, date=START + 2 * HOUR)
        async with open_client(server, server.session(alice)) as client:
            read = await client.get_messages("news", limit=10)
            assert [(one.text, one.date) for one in read][-1] == ("one", START)
            assert await client.download_media(read[0], file=bytes) == b"data"
        assert server.messages(channel)[post].text == "three"
        assert server.calls("upload.getFile")[0].user_id == alice.id
        assert server.settings(tmp_path).dc == server.dc
        assert (server.overlaps, server.failures, server.unhandled) == ([], [], {})
    finally:
        server.stop()
