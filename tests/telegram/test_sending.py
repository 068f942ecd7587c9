"""A tenant posts what was confirmed, where its account may write, once per key; and not at all unless it is switched on."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.servers.telegram import TelegramServer
from tests.servers.telegram.model import Channel, User
from tests.telegram.paired import Paired, paired
from tgstudio_dagster.catalog.accounts.accounts import TgAccount, get_account, session_of
from tgstudio_dagster.catalog.accounts.models import Send
from tgstudio_dagster.catalog.accounts.sends import begin_send
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.reading import remember_peer
from tgstudio_dagster.catalog.people.audit import list_audit
from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.catalog.people.tenants import put_settings
from tgstudio_dagster.core.errors import (
    AuthorityLostError,
    ChannelLostError,
    ConflictError,
    NotFoundError,
    TelegramError,
    TGStudioError,
    UnreachableError,
)
from tgstudio_dagster.telegram.live.sending import Draft, Sent, draft, send
from tgstudio_dagster.telegram.mtproto import sending as mtproto_sending
from tgstudio_dagster.telegram.mtproto.client import connected


@pytest.fixture
def desk(sqlite_template: Path, tmp_path: Path, telegram: TelegramServer) -> Iterator[Paired]:
    """A tenant that may send, with its catalog on SQLite."""
    shutil.copyfile(sqlite_template, tmp_path / "catalog.sqlite")
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    yield paired(catalog, telegram, tmp_path, sending=True)
    catalog.close()


@pytest.fixture
def alice(telegram: TelegramServer) -> User:
    return telegram.add_user("Alice")


@pytest.fixture
def account(desk: Paired, alice: User) -> TgAccount:
    return desk.account(alice)


@pytest.fixture
def news(telegram: TelegramServer, account: TgAccount, alice: User) -> Channel:
    """A broadcast channel that Alice may post to."""
    return telegram.add_channel("bignews", "Big News", admins=[alice])


def _draft(desk: Paired, to: str = "@bignews", text: str = "Hello *world*", **given: Any) -> Draft:
    reached: dict[str, Any] = {"catalog": desk.catalog, "vault": desk.vault, "settings": desk.settings}
    principal = given.pop("principal", desk.principal)
    return asyncio.run(draft(principal, to=to, text=text, **reached, **given))


def _send(desk: Paired, what: Draft, key: str = "k1", *, confirmed: bool = True, **given: Any) -> Sent:
    reached: dict[str, Any] = {"catalog": desk.catalog, "vault": desk.vault, "settings": desk.settings} | given
    return asyncio.run(send(desk.principal, what, key=key, confirmed=confirmed, **reached))


def _row(desk: Paired, key: str = "k1") -> Send | None:
    with desk.catalog.tenant_session(desk.tenant) as session:
        return session.get(Send, (desk.tenant, key))


def _texts(telegram: TelegramServer, channel: Channel) -> list[str]:
    return [message.text for message in telegram.messages(channel).values()]


def test_a_draft_says_what_would_be_posted_where_and_posts_nothing(
    desk: Paired, news: Channel, telegram: TelegramServer
) -> None:
    what = _draft(desk)
    assert (what.chat, what.where, what.kind, what.account) == ("Big News", "@bignews", "channel", "Alice")
    assert _texts(telegram, news) == []
    assert telegram.calls("messages.sendMessage") == []


def test_a_confirmed_text_is_posted_as_it_stands_recorded_and_audited(
    desk: Paired, news: Channel, telegram: TelegramServer, account: TgAccount
) -> None:
    sent = _send(desk, _draft(desk))
    (msg_id,) = telegram.messages(news)
    assert sent == Sent("k1", msg_id, f"https://t.me/bignews/{msg_id}", again=False)
    assert _texts(telegram, news) == ["Hello *world*"]
    row = _row(desk)
    assert row is not None and (row.status, row.msg_id) == ("sent", msg_id)
    entry = next(entry for entry in list_audit(desk.catalog, desk.tenant) if entry.action == "message.send")
    assert (entry.subject, entry.detail["account_id"]) == ("k1", account.id)


def test_nothing_is_posted_without_confirmation(desk: Paired, news: Channel, telegram: TelegramServer) -> None:
    with pytest.raises(ConflictError, match="confirmed"):
        _send(desk, _draft(desk), confirmed=False)
    assert _texts(telegram, news) == []
    assert _row(desk) is None


def test_sending_is_off_unless_the_tenant_switches_it_on(desk: Paired, news: Channel, telegram: TelegramServer) -> None:
    what = _draft(desk)
    put_settings(desk.catalog, desk.tenant, TenantSettings())
    with pytest.raises(ConflictError, match="sending=true"):
        _draft(desk)
    with pytest.raises(ConflictError, match="sending: off"):
        _send(desk, what)
    assert _texts(telegram, news) == []


def test_a_viewer_may_not_send(desk: Paired, news: Channel, telegram: TelegramServer) -> None:
    viewer = replace(desk.principal, role="viewer")
    with pytest.raises(ConflictError, match="viewer"):
        _draft(desk, principal=viewer)
    with pytest.raises(ConflictError, match="viewer"):
        asyncio.run(
            send(
                viewer,
                _draft(desk),
                key="k1",
                confirmed=True,
                catalog=desk.catalog,
                vault=desk.vault,
                settings=desk.settings,
            )
        )
    assert _texts(telegram, news) == []


def test_the_same_key_twice_posts_once(desk: Paired, news: Channel, telegram: TelegramServer) -> None:
    first, second = _send(desk, _draft(desk)), _send(desk, _draft(desk))
    assert (first.again, second.again) == (False, True)
    assert first.msg_id == second.msg_id
    assert _texts(telegram, news) == ["Hello *world*"]
    _send(desk, _draft(desk), key="k2")
    assert len(_texts(telegram, news)) == 2


def test_a_key_is_not_taken_for_another_text_or_another_reply(
    desk: Paired, news: Channel, telegram: TelegramServer
) -> None:
    sent = _send(desk, _draft(desk))
    with pytest.raises(ConflictError, match="choose a new key"):
        _send(desk, _draft(desk, text="Something else"))
    with pytest.raises(ConflictError, match="choose a new key"):
        _send(desk, _draft(desk, reply_to=sent.msg_id))
    assert len(_texts(telegram, news)) == 1


@pytest.mark.parametrize("megagroup", [False, True])
def test_after_a_crash_between_posting_and_recording_the_message_is_recorded_and_not_posted_again(
    desk: Paired, telegram: TelegramServer, account: TgAccount, alice: User, megagroup: bool
) -> None:
    chat = telegram.add_channel("chat", "Chat", megagroup=megagroup, admins=[alice])
    what = _draft(desk, "@chat")
    row = begin_send(desk.catalog, desk.principal, key="k1", account_id=account.id, chat=str(chat.id), text=what.text)

    async def post_and_die() -> int | None:
        session = session_of(desk.catalog, desk.tenant, desk.vault, account.id)
        async with connected(desk.settings, session) as client:
            return await mtproto_sending.send(
                client, what.peer, what.text, reply_to=None, random_id=row.random_id, begun=row.created_at
            )

    posted = asyncio.run(post_and_die())
    stranger = telegram.add_user("Mallory") if megagroup else None
    later = datetime.now(UTC) + timedelta(seconds=5)
    # Others, and the same words again, follow: enough to make the message hard to find.
    telegram.post_many(chat, [f"noise {n}" for n in range(150)], start=later, step=timedelta(seconds=1))
    telegram.post(chat, what.text, date=later, from_user=stranger)
    sent = _send(desk, what)
    assert sent.msg_id == posted
    assert _texts(telegram, chat).count(what.text) == 2
    known = _row(desk)
    assert known is not None and (known.status, known.msg_id) == ("sent", posted)


def test_an_answer_that_was_lost_on_the_way_is_found_out_about(
    desk: Paired, news: Channel, telegram: TelegramServer
) -> None:
    what = _draft(desk)
    telegram.fail("messages.sendMessage", drop=True, after=True)
    sent = _send(desk, what)
    assert list(telegram.messages(news)) == [sent.msg_id]


def test_where_telegram_can_not_be_reached_the_same_key_makes_sure_later(
    desk: Paired, news: Channel, telegram: TelegramServer
) -> None:
    what = _draft(desk)
    telegram.fail("messages.sendMessage", "INTERNAL", code=500, times=None)
    settings = desk.settings.model_copy(update={"retries": 0})
    with pytest.raises(UnreachableError, match="the key k1"):
        _send(desk, what, settings=settings)
    row = _row(desk)
    assert row is not None and row.status == "sending"
    telegram.heal()
    assert _send(desk, what).msg_id in telegram.messages(news)
    assert len(_texts(telegram, news)) == 1


def test_a_reply_names_the_message_it_answers(
    desk: Paired, telegram: TelegramServer, account: TgAccount, alice: User
) -> None:
    chat = telegram.add_channel("chat", "Chat", megagroup=True)
    telegram.join(chat, alice)
    question = telegram.post(chat, "Any news?", from_user=alice)
    sent = _send(desk, _draft(desk, "t.me/chat", "None.", reply_to=question))
    assert sent.msg_id is not None
    assert telegram.messages(chat)[sent.msg_id].reply_to == question


def test_a_channel_where_the_account_is_no_admin_is_refused_and_says_so(
    desk: Paired, telegram: TelegramServer, account: TgAccount, alice: User
) -> None:
    telegram.join(telegram.add_channel("theirs", "Theirs"), alice)
    with pytest.raises(TelegramError, match="may not write there"):
        _send(desk, _draft(desk, "@theirs"))
    row = _row(desk)
    assert row is not None and row.status == "failed"
    assert "may not write" in (row.error or "")


def test_a_private_chat_is_named_by_the_id_that_the_account_knows(
    desk: Paired, telegram: TelegramServer, account: TgAccount, alice: User
) -> None:
    team = telegram.add_channel(None, "Team", megagroup=True, private=True)
    with pytest.raises(ChannelLostError, match="has met it"):
        _draft(desk, str(team.id))
    desk.subscription(account, team, alice)
    invited = _draft(desk, f"t.me/+{team.invite}")
    remember_peer(desk.catalog, desk.tenant, account.id, team.id, invited.peer.access_hash)
    sent = _send(desk, _draft(desk, f"https://t.me/c/{team.id}/1"))
    assert sent.url == f"https://t.me/c/{team.id}/{sent.msg_id}"


def test_a_long_flood_wait_fails_the_send_until_then_and_the_key_works_after_it(
    desk: Paired, news: Channel, telegram: TelegramServer
) -> None:
    what = _draft(desk)
    telegram.fail("messages.sendMessage", "FLOOD_WAIT_18000")
    with pytest.raises(TelegramError, match="post again at"):
        _send(desk, what)
    with pytest.raises(TelegramError, match="post again at"):
        _send(desk, what)
    assert len(telegram.calls("messages.sendMessage")) == 1
    row = _row(desk)
    assert row is not None and row.status == "failed"


def test_a_short_flood_wait_is_waited_for(desk: Paired, news: Channel, telegram: TelegramServer) -> None:
    what = _draft(desk)
    telegram.fail("messages.sendMessage", "FLOOD_WAIT_1")
    assert _send(desk, what).msg_id is not None


def test_a_slow_chat_holds_up_no_other_chat(desk: Paired, news: Channel, telegram: TelegramServer, alice: User) -> None:
    what = _draft(desk)
    telegram.fail("messages.sendMessage", "SLOWMODE_WAIT_600")
    with pytest.raises(TelegramError, match="slow mode.*600 s"):
        _send(desk, what)
    assert _send(desk, what, key="k2").msg_id is not None


def test_a_revoked_session_marks_the_account(
    desk: Paired, news: Channel, telegram: TelegramServer, account: TgAccount, alice: User
) -> None:
    what = _draft(desk)
    telegram.revoke(alice)
    with pytest.raises(AuthorityLostError):
        _send(desk, what)
    assert get_account(desk.catalog, desk.tenant, account.id).status == "expired"
    with pytest.raises(NotFoundError, match="tgstudio login"):
        _draft(desk)


@pytest.mark.parametrize(
    ("text", "says"), [("", "empty"), (" \n", "empty"), ("x" * 4097, "4097 characters"), ("😀" * 2049, "4098")]
)
def test_a_text_that_telegram_would_not_take_is_refused_before_it_is_asked(
    desk: Paired, news: Channel, telegram: TelegramServer, text: str, says: str
) -> None:
    with pytest.raises(ConflictError, match=says):
        _draft(desk, text=text)
    assert telegram.calls() == []


def test_with_several_accounts_one_must_be_named(desk: Paired, news: Channel, telegram: TelegramServer) -> None:
    bob = desk.account(telegram.add_user("Bob"))
    with pytest.raises(ConflictError, match=r"say which one.*Alice.*Bob"):
        _draft(desk)
    assert _draft(desk, account_id=bob.id).account == "Bob"


def test_another_tenants_account_is_not_found(
    desk: Paired, news: Channel, telegram: TelegramServer, tmp_path: Path
) -> None:
    other = paired(desk.catalog, telegram, tmp_path, "other", sending=True)
    stranger = other.account(telegram.add_user("Bob"))
    with pytest.raises(TGStudioError, match=stranger.id):
        _draft(desk, account_id=stranger.id)
