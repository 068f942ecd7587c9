"""A message is sent once per key, and whoever sent it can be named."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import make_tenant
from tests.catalog.rows import make_account
from tgstudio_dagster.catalog.accounts.accounts import TgAccount, mark_account
from tgstudio_dagster.catalog.accounts.sends import Send, begin_send, finish_send, random_id
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.plans import set_plan
from tgstudio_dagster.catalog.people.audit import audit, list_audit
from tgstudio_dagster.catalog.people.tenants import add_user
from tgstudio_dagster.core.errors import ConflictError, NotFoundError
from tgstudio_dagster.core.principal import Principal

ANN = Principal("demo", None, "editor")


@pytest.fixture
def account(catalog: Catalog) -> TgAccount:
    """The one account of tenant demo, which is on the plan pro."""
    make_tenant(catalog)
    set_plan(catalog, "demo", "pro")
    return make_account(catalog)


def _send(catalog: Catalog, account: TgAccount, *, key: str = "k", chat: str = "@me", text: str = "Привет 🙂") -> Send:
    return begin_send(catalog, ANN, key=key, account_id=account.id, chat=chat, text=text)


def test_a_new_key_is_a_new_send_that_keeps_the_texts_hash_only(catalog: Catalog, account: TgAccount) -> None:
    send = _send(catalog, account)
    assert (send.status, send.random_id) == ("sending", random_id("demo", "k"))
    assert send.text_hash == hashlib.sha256("Привет 🙂".encode()).hexdigest()
    (entry,) = (entry for entry in list_audit(catalog, "demo") if entry.action == "message.send")
    assert (entry.subject, entry.detail["chat"]) == ("k", "@me")
    assert "Привет" not in str(entry.detail)


def test_a_known_key_gives_the_send_as_it_stands(catalog: Catalog, account: TgAccount) -> None:
    first = _send(catalog, account)
    assert _send(catalog, account).status == "sending"
    finish_send(catalog, "demo", "k", status="failed", error="no network")
    again = _send(catalog, account)
    assert (again.status, again.error, again.random_id) == ("failed", "no network", first.random_id)
    finish_send(catalog, "demo", "k", status="sent", msg_id=77)
    done = _send(catalog, account)
    assert (done.status, done.error, done.msg_id) == ("sent", None, 77)
    assert [entry.action for entry in list_audit(catalog, "demo")].count("message.send") == 1


def test_a_key_is_not_used_for_another_text_chat_or_account(catalog: Catalog, account: TgAccount) -> None:
    _send(catalog, account)
    for act in (
        lambda: _send(catalog, account, text="other"),
        lambda: _send(catalog, account, chat="@you"),
        lambda: _send(catalog, make_account(catalog, telegram_id=2)),
    ):
        with pytest.raises(ConflictError, match="another text, chat or account"):
            act()


def test_what_was_sent_does_not_fail_afterwards(catalog: Catalog, account: TgAccount) -> None:
    _send(catalog, account)
    finish_send(catalog, "demo", "k", status="sent", msg_id=77)
    with pytest.raises(ConflictError, match="sent already, as message 77"):
        finish_send(catalog, "demo", "k", status="failed", error="late")


def test_a_viewer_or_a_lost_account_sends_nothing(catalog: Catalog, account: TgAccount) -> None:
    with pytest.raises(ConflictError, match="viewer"):
        begin_send(catalog, Principal("demo", None, "viewer"), key="k", account_id=account.id, chat="@me", text="x")
    mark_account(catalog, "demo", account.id, "expired")
    with pytest.raises(ConflictError, match="is expired"):
        _send(catalog, account)


def test_another_tenants_account_and_send_do_not_exist(catalog: Catalog, account: TgAccount) -> None:
    make_tenant(catalog, "other")
    theirs = make_account(catalog, "other")
    _send(catalog, account)
    with pytest.raises(NotFoundError, match=theirs.id):
        _send(catalog, theirs, key="k2")
    with pytest.raises(NotFoundError, match="'k'"):
        finish_send(catalog, "other", "k", status="sent", msg_id=1)
    own = begin_send(
        catalog, Principal("other", None, "owner"), key="k", account_id=theirs.id, chat="@me", text="Привет 🙂"
    )
    assert own.random_id != random_id("demo", "k")


@given(tenant=st.from_regex(r"[a-z0-9]{1,40}", fullmatch=True), key=st.text(st.characters(codec="utf-8"), max_size=60))
def test_a_random_id_fits_telegrams_and_is_always_the_same(tenant: str, key: str) -> None:
    assert 0 < random_id(tenant, key) < 2**63
    assert random_id(tenant, key) == random_id(tenant, key)


def test_the_audit_names_who_did_what_newest_first(catalog: Catalog) -> None:
    make_tenant(catalog)
    make_tenant(catalog, "other")
    ann = add_user(catalog, "Ann")
    audit(catalog, "demo", "tenant.look")
    audit(catalog, Principal("demo", ann.id, "owner"), "order.create", "o-1", {"topic": "t-0"})
    audit(catalog, "other", "tenant.look")
    assert [(row.user_id, row.action, row.subject, row.detail) for row in list_audit(catalog, "demo")] == [
        (ann.id, "order.create", "o-1", {"topic": "t-0"}),
        (None, "tenant.look", None, {}),
    ]


def test_an_action_that_fails_leaves_no_audit(catalog: Catalog) -> None:
    make_tenant(catalog)
    with pytest.raises(RuntimeError), catalog.tenant_session("demo", writing=True) as session:
        audit(session, "demo", "order.create")
        raise RuntimeError
    assert list_audit(catalog, "demo") == []
