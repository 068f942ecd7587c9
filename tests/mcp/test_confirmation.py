"""Nothing is ordered or posted by a first call, by another draft's token, by another key's, too late, or twice."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mcp.asking import ask, found, refused, said, tools
from tests.mcp.world import TOPIC
from tests.servers.telegram import TelegramServer
from tests.servers.telegram.model import Channel, User
from tests.telegram.paired import VAULT_KEY, Paired
from tests.web.site import Site
from tgstudio_dagster.catalog.accounts.pairings import list_pairings
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.money.models import Quota
from tgstudio_dagster.catalog.money.plans import set_plan
from tgstudio_dagster.catalog.people.api_requests import list_requests
from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.catalog.people.tenants import put_settings
from tgstudio_dagster.catalog.work.orders import list_orders
from tgstudio_dagster.core.errors import ConflictError
from tgstudio_dagster.services.confirmations import LASTS, check_token, draw_token
from tgstudio_dagster.services.sessions import Signer

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
SIGNER = Signer(["k" * 32])
WHAT = {"send": "hello", "to": 1001, "tenant": "acme"}


def test_a_token_confirms_what_it_was_drawn_for_until_it_runs_out() -> None:
    token, until = draw_token(SIGNER, "key", WHAT, NOW)
    assert check_token(SIGNER, token, "key", dict(reversed(WHAT.items())), until).until == until == NOW + LASTS
    with pytest.raises(ConflictError, match="run out"):
        check_token(SIGNER, token, "key", WHAT, until + timedelta(seconds=1))


@pytest.mark.parametrize("change", [{"send": "hello!"}, {"to": 1002}, {"tenant": "other"}, {"more": None}])
def test_a_token_confirms_nothing_else(change: dict[str, Any]) -> None:
    token, _ = draw_token(SIGNER, "key", WHAT, NOW)
    for key, what, signer in (
        ("key", WHAT | change, SIGNER),
        ("key2", WHAT, SIGNER),
        ("key", WHAT, Signer(["x" * 32])),
    ):
        with pytest.raises(ConflictError, match="not of this draft"):
            check_token(signer, token, key, what, NOW)


@given(st.text(), st.integers(0, 200))
def test_a_forged_or_altered_token_is_refused(text: str, place: int) -> None:
    token, _ = draw_token(SIGNER, "key", WHAT, NOW)
    altered = token[:place] + text + token[place + 1 :]
    for forged in (text, altered if altered != token else text):
        with pytest.raises(ConflictError):
            check_token(SIGNER, forged, "key", WHAT, NOW)


ORDER: dict[str, Any] = {"topic_id": TOPIC, "platforms": ["tg", "x"], "language": "en"}


def test_an_order_is_estimated_first_and_made_once_when_it_is_confirmed(world: Site) -> None:
    secret = world.key("acme", "read", "order")[1]
    before = len(list_orders(world.catalog, "acme"))
    first = found(ask(world, secret, "order_package", **ORDER))
    assert first["status"] == "estimate" and first["cost_usd"] == 0 and first["posts"] > 0
    assert first["quota_left"]["orders_per_day"] > 0
    assert len(list_orders(world.catalog, "acme")) == before
    made = found(ask(world, secret, "order_package", **ORDER, confirmation=first["confirmation"]))
    assert made["status"] == "queued" and made["platforms"] == ["tg", "x"]
    status, words = refused(ask(world, secret, "order_package", **ORDER, confirmation=first["confirmation"]))
    assert status == 409 and "used already" in words
    assert list_orders(world.catalog, "acme")[0].id == made["order_id"]
    assert len(list_orders(world.catalog, "acme")) == before + 1


def test_an_order_is_not_made_by_a_token_of_another_one_or_of_another_key(world: Site) -> None:
    secret = world.key("acme", "read", "order")[1]
    token = found(ask(world, secret, "order_package", **ORDER))["confirmation"]
    before = len(list_orders(world.catalog, "acme"))
    for key, changed in (
        (secret, ORDER | {"platforms": ["tg"]}),
        (secret, ORDER | {"tone": "lively"}),
        (world.key("acme", "read", "order")[1], ORDER),
        (world.key("other", "read", "order")[1], ORDER),
    ):
        assert refused(ask(world, key, "order_package", **changed, confirmation=token))[0] == 409
    assert len(list_orders(world.catalog, "acme")) == before


@pytest.mark.parametrize(
    "wrong", [{}, {"topic_id": TOPIC, "messages": [[1, 2]]}, {"topic_id": "t-ffffffffffff"}, {"messages": [[1, 1]]}]
)
def test_what_cannot_be_ordered_gets_no_token(world: Site, wrong: dict[str, Any]) -> None:
    assert refused(ask(world, world.key("acme", "read", "order")[1], "order_package", **wrong))[0] in {404, 422}


def test_an_order_beyond_the_day_s_limit_is_refused_though_confirmed(world: Site) -> None:
    secret = world.key("other", "read", "order")[1]
    token = found(ask(world, secret, "order_package", **ORDER))["confirmation"]
    with world.catalog.tenant_session("other", writing=True) as session:
        session.add(Quota(tenant="other", name="orders_per_day", limit=0))
    status, words = refused(ask(world, secret, "order_package", **ORDER, confirmation=token))
    assert status == 429 and "orders_per_day" in words


class Sending:
    """A site whose tenant acme has an account at the test server."""

    def __init__(self, site: Site, telegram: TelegramServer, folder: Path) -> None:
        self.site, self.telegram = site, telegram
        self.alice: User = telegram.add_user("Alice")
        self.news: Channel = telegram.add_channel("bignews", "Big <system>News", admins=[self.alice])
        set_plan(site.catalog, "acme", "pro")
        principal = site.principal("acme")
        vault = Vault({1: VAULT_KEY})
        self.paired = Paired("acme", principal, site.catalog, telegram, telegram.settings(folder), vault)
        self.account = self.paired.account(self.alice)
        put_settings(site.catalog, "acme", TenantSettings(sending=True))
        self.secret = site.key("acme", "read", "send", "admin")[1]

    def send(self, text: str = "Hello *world*", **more: Any) -> Any:
        given = {"action": "send", "to": "@bignews", "text": text} | more
        return ask(self.site, self.secret, "telegram_messages", **given)

    @property
    def posted(self) -> list[str]:
        return [message.text for message in self.telegram.messages(self.news).values()]


@pytest.fixture
def sending(bare_home: Path, telegram: TelegramServer, tmp_path: Path) -> Iterator[Sending]:
    environment = telegram.environment(tmp_path) | {"SESSION_KEY_1": base64.b64encode(VAULT_KEY).decode()}
    with Site(bare_home, environment=environment) as site:
        yield Sending(site, telegram, tmp_path)


def test_a_text_is_shown_first_and_posted_once_when_it_is_confirmed(sending: Sending) -> None:
    draft = found(sending.send())
    assert draft["status"] == "draft" and draft["chat"] == "bignews" and sending.posted == []
    assert draft["untrusted_content"]["chat_title"] == "Big ‹system>News"
    sent = found(sending.send(confirmation=draft["confirmation"]))
    (msg_id,) = sending.telegram.messages(sending.news)
    assert (sent["status"], sent["permalink"]) == ("posted", f"https://t.me/bignews/{msg_id}")
    again = found(sending.send(confirmation=draft["confirmation"]))
    assert (again["status"], again["msg_id"]) == ("posted before", msg_id)
    assert sending.posted == ["Hello *world*"]
    sending.site.platform.history.close()
    rows = list_requests(sending.site.catalog, "acme")[0]
    assert "Hello" not in repr([row.arguments for row in rows])


def test_a_token_posts_no_other_text_to_no_other_chat(sending: Sending) -> None:
    sending.telegram.add_channel("others", "Others", admins=[sending.alice])
    token = found(sending.send())["confirmation"]
    for changed in ({"text": "Hello world"}, {"to": "@others"}, {"reply_to": 1}, {"confirmation": "1.x.y"}):
        assert refused(sending.send(**{"confirmation": token} | changed))[0] == 409
    assert sending.posted == []


def test_nothing_is_posted_where_the_tenant_does_not_allow_it(sending: Sending) -> None:
    token = found(sending.send())["confirmation"]
    put_settings(sending.site.catalog, "acme", TenantSettings())
    for more in ({}, {"confirmation": token}):
        assert "sending: off" in refused(sending.send(**more))[1]
    assert sending.posted == []


def test_what_looks_like_sending_but_reads_is_refused(sending: Sending) -> None:
    status, words = refused(ask(sending.site, sending.secret, "telegram_messages", to="@bignews", text="Hello"))
    assert status == 403 and "action='send'" in words


def test_an_account_is_paired_by_a_code_that_only_its_own_user_sees(sending: Sending) -> None:
    site, bob = sending.site, sending.telegram.add_user("Bob")
    begun = found(ask(site, sending.secret, "telegram_auth", action="pair"))
    assert begun["status"] == "PENDING" and begun["url"].startswith("tg://login?token=")
    assert begun["qr"].count("\n") > 10 and "█" in begun["qr"]
    stranger = site.key("acme", "read", "admin", role="operator")[1]
    foreign = site.key("other", "read", "admin")[1]
    for secret in (stranger, foreign):
        for action in ("pairing", "confirm", "cancel"):
            result = ask(site, secret, "telegram_auth", action=action, pairing_id=begun["pairing_id"])
            assert result.is_error and begun["url"] not in said(result)
    sending.telegram.accept_qr(begun["url"], bob)
    state: dict[str, Any] = {"status": "PENDING"}
    while state["status"] == "PENDING":
        state = found(ask(site, sending.secret, "telegram_auth", action="pairing", pairing_id=begun["pairing_id"]))
    assert state["status"] == "CONFIRM_NEEDED" and state["untrusted_content"]["name"] == "Bob"
    answer = found(ask(site, sending.secret, "telegram_auth", action="confirm", pairing_id=begun["pairing_id"]))
    while answer["status"] == "CONFIRM_NEEDED":
        answer = found(ask(site, sending.secret, "telegram_auth", action="pairing", pairing_id=begun["pairing_id"]))
    assert answer["status"] == "AUTHORIZED" and "url" not in answer
    names = {row["untrusted_content"]["name"] for row in found(ask(site, sending.secret, "telegram_auth"))["items"]}
    assert names == {"Alice", "Bob"}
    site.platform.history.close()
    assert "tg://" not in repr([row.arguments for row in list_requests(site.catalog, "acme", limit=200)[0]])
    assert {row.status for row in list_pairings(site.catalog, "acme")} == {"AUTHORIZED"}


def test_a_tool_that_needs_an_account_says_so_where_there_is_none(site: Site) -> None:
    secret = site.key("acme", "read", "send", "admin")[1]
    put_settings(site.catalog, "acme", TenantSettings(sending=True))
    assert "telegram_messages" in tools(site, secret)
    status, words = refused(ask(site, secret, "telegram_messages", action="send", to="@x_chan", text="hi"))
    assert status < 500 and "Traceback" not in words
