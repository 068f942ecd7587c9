"""Accounts keep their sessions sealed, belong to one tenant, and change keys while they are read."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr
from sqlalchemy import update

from tests.builders import make_tenant
from tests.catalog.rows import VAULT, make_account, make_subscription
from tgstudio_dagster.catalog.accounts.accounts import (
    TgAccount,
    erase_account,
    get_account,
    list_accounts,
    mark_account,
    rotate_keys,
    session_lease,
    session_of,
)
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.reading import cursor, remember_peer, save_cursor
from tgstudio_dagster.catalog.follows.subscriptions import list_subscriptions, request_subscription, requests
from tgstudio_dagster.catalog.money.plans import set_plan
from tgstudio_dagster.catalog.people.audit import list_audit
from tgstudio_dagster.catalog.people.tenants import delete_tenant
from tgstudio_dagster.core.errors import ConflictError, LimitError, NotFoundError, VaultError

TWO = Vault({1: b"1" * 32, 2: b"2" * 32})


def _session(catalog: Catalog, account: TgAccount, vault: Vault = VAULT) -> str:
    return session_of(catalog, account.tenant, vault, account.id).get_secret_value()


def _ignore(done: int, total: int) -> None:
    pass


def test_a_paired_account_is_active_and_gives_its_session_back(catalog: Catalog) -> None:
    make_tenant(catalog)
    account = make_account(catalog, session="the session")
    assert (account.status, account.name, _session(catalog, account)) == ("active", f"User {2**40}", "the session")
    assert [row.id for row in list_accounts(catalog, "demo")] == [account.id]
    assert session_lease(account.id) == f"session/{account.id}"


def test_the_session_is_stored_sealed(catalog: Catalog) -> None:
    make_tenant(catalog)
    account = make_account(catalog, session="the session")
    assert account.session_cipher is not None
    assert b"the session" not in account.session_cipher
    assert "the session" not in repr(account) + repr(vars(account))


def test_pairing_the_same_user_again_renews_the_account(catalog: Catalog) -> None:
    make_tenant(catalog)
    first = make_account(catalog, session="old")
    mark_account(catalog, "demo", first.id, "expired", "revoked")
    again = make_account(catalog, session="new")
    assert (again.id, again.status, again.error, _session(catalog, again)) == (first.id, "active", None, "new")
    assert [entry.action for entry in list_audit(catalog, "demo")] == ["account.pair", "account.pair"]


def test_the_plan_limits_accounts_but_not_pairing_again(catalog: Catalog) -> None:
    make_tenant(catalog)
    account = make_account(catalog, telegram_id=1)
    with pytest.raises(LimitError, match="allows 1, and 1 are paired"):
        make_account(catalog, telegram_id=2)
    make_account(catalog, telegram_id=1)
    erase_account(catalog, "demo", account.id)
    make_account(catalog, telegram_id=2)
    with pytest.raises(LimitError, match="allows 1"):
        make_account(catalog, telegram_id=1)
    set_plan(catalog, "demo", "pro")
    assert make_account(catalog, telegram_id=1).id == account.id


def test_two_pairings_at_once_do_not_pass_the_limit(catalog: Catalog) -> None:
    make_tenant(catalog)
    refused = []

    def pair(telegram_id: int) -> None:
        try:
            make_account(catalog, telegram_id=telegram_id)
        except LimitError as error:
            refused.append(error)

    threads = [threading.Thread(target=pair, args=(n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(list_accounts(catalog, "demo")), len(refused)) == (1, 3)


def test_what_became_of_an_account_is_marked(catalog: Catalog) -> None:
    make_tenant(catalog)
    account = make_account(catalog)
    mark_account(catalog, "demo", account.id, "banned", "USER_DEACTIVATED_BAN")
    marked = get_account(catalog, "demo", account.id)
    assert (marked.status, marked.error) == ("banned", "USER_DEACTIVATED_BAN")


def test_an_erased_account_leaves_no_session_no_hashes_and_nothing_that_it_reads(catalog: Catalog) -> None:
    principal = make_tenant(catalog)
    account = make_account(catalog)
    make_subscription(catalog, account, 7)
    remember_peer(catalog, "demo", account.id, 7, 12345)
    save_cursor(catalog, "demo", account.id, cursor(catalog, "demo", account.id, 7))
    request_subscription(catalog, principal, reference="@x", account_id=account.id, since=None, comments=False)
    erase_account(catalog, principal, account.id)
    erased = erase_account(catalog, principal, account.id)
    assert (erased.status, erased.session_cipher) == ("removed", None)
    assert cursor(catalog, "demo", account.id, 7).access_hash is None
    (view,) = list_subscriptions(catalog, "demo")
    assert view.status == "paused" and "removed" in str(view.error)
    assert [request.status for request in requests(catalog, "demo")] == ["failed"]
    assert [entry.action for entry in list_audit(catalog, "demo")].count("account.remove") == 1
    with pytest.raises(ConflictError, match="no session"):
        session_of(catalog, "demo", VAULT, account.id)
    with pytest.raises(ConflictError, match="was removed"):
        mark_account(catalog, "demo", account.id, "active")


def test_another_tenants_account_does_not_exist(catalog: Catalog) -> None:
    make_tenant(catalog, "a")
    make_tenant(catalog, "b")
    account = make_account(catalog, "a")
    for act in (
        lambda: get_account(catalog, "b", account.id),
        lambda: session_of(catalog, "b", VAULT, account.id),
        lambda: mark_account(catalog, "b", account.id, "banned"),
        lambda: erase_account(catalog, "b", account.id),
    ):
        with pytest.raises(NotFoundError, match=account.id):
            act()
    assert list_accounts(catalog, "b") == []
    assert get_account(catalog, "a", account.id).status == "active"


def test_one_telegram_user_may_be_in_two_tenants(catalog: Catalog) -> None:
    make_tenant(catalog, "a")
    make_tenant(catalog, "b")
    one, two = make_account(catalog, "a", session="A"), make_account(catalog, "b", session="B")
    assert one.id != two.id
    assert (_session(catalog, one), _session(catalog, two)) == ("A", "B")


def test_a_cipher_copied_to_another_row_does_not_open(catalog: Catalog) -> None:
    make_tenant(catalog, "a")
    make_tenant(catalog, "b")
    one, two = make_account(catalog, "a"), make_account(catalog, "b")
    with catalog.session() as session:
        session.execute(update(TgAccount).where(TgAccount.id == two.id).values(session_cipher=one.session_cipher))
    with pytest.raises(VaultError, match=two.id):
        session_of(catalog, "b", VAULT, two.id)


def test_rotation_seals_every_session_anew_once(catalog: Catalog) -> None:
    accounts = []
    for tenant in ("a", "b", "gone"):
        make_tenant(catalog, tenant)
        accounts.append(make_account(catalog, tenant, session=f"of {tenant}"))
    delete_tenant(catalog, "gone")
    told: list[tuple[int, int]] = []
    assert rotate_keys(catalog, TWO, done=lambda done, total: told.append((done, total))) == 3
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert rotate_keys(catalog, TWO, done=_ignore) == 0
    assert [_session(catalog, account, Vault({2: b"2" * 32})) for account in accounts[:2]] == ["of a", "of b"]


def test_a_session_that_does_not_open_holds_up_no_other(catalog: Catalog) -> None:
    lost = Vault({1: b"L" * 32})
    for tenant in ("a", "b", "c"):
        make_tenant(catalog, tenant)
    make_account(catalog, "a")
    bad = make_account(catalog, "b", vault=lost)
    good = make_account(catalog, "c", session="fine")
    with pytest.raises(VaultError, match=f"1 of 3 sessions.*tenant b: Account {bad.id}: SESSION_KEY_1"):
        rotate_keys(catalog, TWO, done=_ignore)
    assert _session(catalog, good, Vault({2: b"2" * 32})) == "fine"


def test_readers_read_and_accounts_are_paired_again_while_keys_rotate(catalog: Catalog) -> None:
    tenants = [f"t{n}" for n in range(6)]
    accounts = []
    for tenant in tenants:
        make_tenant(catalog, tenant)
        accounts.append(make_account(catalog, tenant, session=f"old of {tenant}"))
    stop, faults = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            for account in accounts:
                try:
                    if _session(catalog, account, TWO) not in (f"old of {account.tenant}", f"new of {account.tenant}"):
                        faults.append(account.id)
                except Exception as error:  # noqa: BLE001 - told by the main thread
                    faults.append(repr(error))

    def pair_again() -> None:
        # With a process that does not know the new key yet.
        for tenant in tenants[::2]:
            make_account(catalog, tenant, session=f"new of {tenant}", vault=VAULT)

    threads = [threading.Thread(target=read) for _ in range(2)] + [threading.Thread(target=pair_again)]
    for thread in threads:
        thread.start()
    rotate_keys(catalog, TWO, done=_ignore)
    threads[-1].join()
    rotate_keys(catalog, TWO, done=_ignore)
    stop.set()
    for thread in threads:
        thread.join()
    assert faults == []
    only_new = Vault({2: b"2" * 32})
    assert [_session(catalog, account, only_new) for account in accounts] == [
        f"{'old' if n % 2 else 'new'} of {tenant}" for n, tenant in enumerate(tenants)
    ]


def test_an_account_paired_again_in_the_middle_of_its_rotation_keeps_the_new_session(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_tenant(catalog)
    account = make_account(catalog, session="old")
    seal = Vault.seal
    meddled: list[str] = []

    def meddle(vault: Vault, session: SecretStr, *, tenant: str, account_id: str) -> bytes:
        if vault is TWO and not meddled:
            meddled.append("once")
            make_account(catalog, session="new")
        return seal(vault, session, tenant=tenant, account_id=account_id)

    monkeypatch.setattr(Vault, "seal", meddle)
    assert rotate_keys(catalog, TWO, done=_ignore) == 1
    assert _session(catalog, account, Vault({2: b"2" * 32})) == "new"


def test_times_of_accounts_are_utc(catalog: Catalog) -> None:
    make_tenant(catalog)
    before = datetime.now(UTC)
    assert before <= make_account(catalog).created_at <= datetime.now(UTC)
