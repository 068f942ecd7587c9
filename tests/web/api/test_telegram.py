"""Pairing, chats and posting over the API, against a small Telegram."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.servers.telegram import TelegramServer
from tests.servers.telegram.model import User
from tests.web.site import Client, Site, confirmed
from tgstudio_dagster.catalog.accounts.accounts import TgAccount, add_account, list_accounts
from tgstudio_dagster.catalog.accounts.vault import new_key
from tgstudio_dagster.catalog.people.api_requests import list_requests
from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.catalog.people.tenants import put_settings

PASSWORD = "correct horse battery"


OWN = {"SESSION_KEY_1": new_key(), "TELEGRAM_DIALOGS_PER_MINUTE": "1"}


@pytest.fixture
def reached(bare_home: Path, telegram: TelegramServer) -> Iterator[Site]:
    """A site that reaches the small Telegram."""
    with Site(bare_home, environment=telegram.environment(bare_home) | OWN) as running:
        yield running


@pytest.fixture
def owner(reached: Site) -> Client:
    return reached.sign_in("acme", "owner")


def pair(site: Site, telegram: TelegramServer, user: User) -> TgAccount:
    return add_account(
        site.catalog, "acme", site.platform.vault, telegram_id=user.id, name=user.first, username=None,
        session=SecretStr(telegram.session(user)), paired_by=None,
    )  # fmt: skip


def until(client: Client, path: str, *statuses: str) -> dict[str, Any]:
    """The pairing, once it has one of these states and, while PENDING, something to show."""
    give_up = time.monotonic() + 120
    while time.monotonic() < give_up:
        found: dict[str, Any] = client.get(path).json()
        if found["status"] in statuses and (found["status"] != "PENDING" or found["url"]):
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def test_without_an_application_pairing_says_what_to_set(bare_home: Path) -> None:
    with Site(bare_home, environment={"SESSION_KEY_1": new_key()}) as site:
        answer = site.sign_in("acme", "owner").post("/v1/auth/qr")
    assert answer.status_code == 422 and "TELEGRAM_API_ID" in answer.json()["detail"]


def test_an_account_is_paired_by_qr_listed_and_removed(reached: Site, owner: Client, telegram: TelegramServer) -> None:
    alice = telegram.add_user("Alice", username="alice")
    begun = owner.post("/v1/auth/qr")
    assert begun.status_code == 201
    path = begun.headers["location"]
    telegram.accept_qr(until(owner, path, "PENDING")["url"], alice)
    asked = until(owner, path, "CONFIRM_NEEDED")
    assert (asked["name"], asked["telegram_id"], asked["url"]) == ("Alice", alice.id, None)
    done = owner.post(f"{path}/confirm").json()
    assert done["status"] == "AUTHORIZED"
    (account,) = owner.get("/v1/accounts").json()["items"]
    assert (account["id"], account["status"], account["name"]) == (done["account_id"], "active", "Alice")
    removed = owner.delete(f"/v1/accounts/{account['id']}")
    assert (removed.status_code, removed.json()["still_in"]) == (200, None)
    assert owner.delete(f"/v1/accounts/{account['id']}").status_code == 409
    assert owner.delete("/v1/accounts/nothing").status_code == 404
    assert list_accounts(reached.catalog, "acme")[0].session_cipher is None


def test_a_stranger_is_declined_and_a_pairing_is_cancelled(owner: Client, telegram: TelegramServer) -> None:
    path = owner.post("/v1/auth/qr").headers["location"]
    assert owner.post(f"{path}/confirm").status_code == 409
    telegram.accept_qr(until(owner, path, "PENDING")["url"], telegram.add_user("Mallory"))
    until(owner, path, "CONFIRM_NEEDED")
    assert owner.post(f"{path}/decline").json()["status"] == "FAILED"
    path = owner.post("/v1/auth/qr").headers["location"]
    assert owner.post(f"{path}/cancel").json()["status"] == "FAILED"
    assert owner.get("/v1/accounts").json()["items"] == []


def test_an_account_is_paired_by_phone_code_and_password_and_none_of_them_is_kept(
    reached: Site, owner: Client, telegram: TelegramServer
) -> None:
    telegram.add_user("Bob", phone="+79990001122", password=PASSWORD)
    program = reached.program("acme", "read", "admin")
    path = program.post("/v1/auth/phone", json={"phone": "+79990001122"}).headers["location"]
    until(program, path, "CODE_NEEDED")
    wrong = program.post(f"{path}/code", json={"code": "00000"}).json()
    assert wrong["status"] == "CODE_NEEDED" and wrong["error"]
    sent = program.post(f"{path}/code", json={"code": telegram.code}).json()
    assert sent["status"] == "PASSWORD_NEEDED"
    program.post(f"{path}/password", json={"password": PASSWORD})
    asked = until(program, path, "CONFIRM_NEEDED", "AUTHORIZED")
    if asked["status"] == "CONFIRM_NEEDED":
        reached_qr = path.replace("/phone/", "/qr/")
        assert program.post(f"{reached_qr}/confirm").json()["status"] == "AUTHORIZED"
    reached.platform.history.close()
    noted = str([(one.name, one.arguments) for one in list_requests(reached.catalog, "acme")[0]])
    for secret in ("9990001122", PASSWORD, "00000"):
        assert secret not in noted


def test_a_pairing_is_its_beginner_s_only(reached: Site, owner: Client) -> None:
    path = owner.post("/v1/auth/qr").headers["location"]
    for stranger in (reached.sign_in("other", "owner"), reached.program("other", "read", "admin")):
        assert stranger.get(path).status_code == 404
        assert stranger.post(f"{path}/cancel").status_code == 404
    for lesser in (reached.sign_in("acme", "editor"), reached.program("acme", "read", "order", "send")):
        assert lesser.get(path).status_code == 403
        assert lesser.post("/v1/auth/qr").status_code == 403


def test_chats_are_asked_of_telegram_and_then_known(reached: Site, owner: Client, telegram: TelegramServer) -> None:
    alice = telegram.add_user("Alice")
    telegram.join(telegram.add_channel("bignews", "Big News"), alice)
    assert owner.post("/v1/sync/chats").status_code == 409
    pair(reached, telegram, alice)
    assert owner.get("/v1/chats").json()["items"] == []
    assert owner.post("/v1/sync/chats", json={}).json() == {"channels": ["@bignews"]}
    (chat,) = owner.get("/v1/chats").json()["items"]
    assert (chat["username"], chat["title"], chat["followed"]) == ("bignews", "Big News", None)
    again = owner.post("/v1/sync/chats")
    assert again.status_code == 429 and int(again.headers["retry-after"]) >= 1
    assert owner.post("/v1/sync/chats", json={"account_id": "nothing"}).status_code == 404


def test_a_message_is_drafted_then_posted_once(reached: Site, telegram: TelegramServer) -> None:
    alice = telegram.add_user("Alice")
    pair(reached, telegram, alice)
    news = telegram.add_channel("bignews", "Big News", admins=[alice])
    program = reached.program("acme", "read", "send")
    path, body = "/v1/chats/@bignews/messages", {"text": "Hello *world*"}
    off = program.post(path, json=body)
    assert off.status_code == 409 and off.json()["field"] == "sending"
    put_settings(reached.catalog, "acme", TenantSettings(sending=True))
    drafted = program.post(path, json=body)
    assert drafted.status_code == 200 and drafted.json()["sent"] is None
    assert drafted.json()["draft"]["chat"] == "Big News" and not telegram.messages(news)
    token = drafted.json()["confirmation"]
    for n in range(2):
        sent = program.post(path, json={**body, "confirmation": token}, headers={"idempotency-key": "k1"})
        assert sent.status_code == 201 and len(telegram.messages(news)) == 1, n
    assert sent.json()["sent"]["url"].startswith("https://t.me/bignews/")
    assert program.post(path, json={**body, "confirmation": token}).json()["sent"]["again"]
    other = program.post(path, json={"text": "Another", "confirmation": token})
    assert (other.status_code, other.json()["field"]) == (409, "confirmation")
    assert confirmed(program, path, body).status_code == 201
    assert [one.text for one in telegram.messages(news).values()] == ["Hello *world*"] * 2


def test_posting_takes_its_own_scope(reached: Site) -> None:
    for client in (reached.program("acme", "read", "order", "admin"), reached.sign_in("acme", "viewer")):
        answer = client.post("/v1/chats/@bignews/messages", json={"text": "x", "confirmation": "x"})
        assert (answer.status_code, answer.json()["field"]) == (403, "scope")
