"""The accounts' page: their state, what they wait for, and removing one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.servers.telegram import TelegramServer
from tests.streamlit_app.reader import Readers, shown
from tgstudio_dagster.catalog.accounts.accounts import TgAccount, add_account, get_account, mark_account
from tgstudio_dagster.catalog.accounts.models import AccountWait
from tgstudio_dagster.catalog.accounts.vault import Vault, new_key
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.settings import telegram_settings

VAULT = Vault({1: bytes(range(32))})


def account(readers: Readers, name: str = "Anna", tenant: str = "acme", session: str = "session") -> TgAccount:
    return add_account(
        readers.platform.catalog, tenant, VAULT, telegram_id=abs(hash(name)) % 10**9, name=name, username="anna",
        session=SecretStr(session), paired_by=None,
    )  # fmt: skip


def test_without_accounts_the_page_leads_to_onboarding(readers: Readers) -> None:
    page = readers.of("acme").open("accounts")
    assert not page.exception
    assert "Подключить аккаунт" in shown(page)


def test_an_account_is_shown_with_its_state_and_never_with_its_session(readers: Readers) -> None:
    account(readers, session="very secret")
    said = shown(readers.of("acme").open("accounts"))
    assert "Anna" in said and "работает" in said and "very secret" not in said


def test_a_flood_wait_is_told_in_plain_words(readers: Readers) -> None:
    one = account(readers)
    with readers.platform.catalog.tenant_session("acme", writing=True) as session:
        session.add(
            AccountWait(
                tenant="acme", account_id=one.id, method="messages.GetHistoryRequest",
                not_before=utc_now() + timedelta(minutes=9, seconds=30), flood_seconds=600,
            )
        )  # fmt: skip
    said = shown(readers.of("acme").open("accounts"))
    assert "Telegram просит подождать" in said and "Чтение истории" in said and "осталось 9" in said


def test_an_expired_account_is_to_be_paired_again(readers: Readers) -> None:
    mark_account(readers.platform.catalog, "acme", account(readers).id, "expired", "revoked")
    said = shown(readers.of("acme").open("accounts"))
    assert "сессия истекла" in said and "Подключить снова" in said


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_who_is_no_owner_may_remove_nothing(readers: Readers, role: str) -> None:
    one = account(readers)
    page = readers.of("acme", role).open("accounts")
    assert "Anna" in shown(page)
    assert not [button for button in page.button if button.key == f"remove_{one.id}"]


def test_removing_an_account_asks_first_and_logs_it_out(
    readers: Readers, telegram: TelegramServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in telegram.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SESSION_KEY_1", new_key())
    telegram_settings.cache_clear()
    user = telegram.add_user("Anna")
    one = add_account(
        readers.platform.catalog, "acme", readers.platform.vault, telegram_id=user.id, name="Anna", username=None,
        session=SecretStr(telegram.session(user)), paired_by=None,
    )  # fmt: skip
    page = readers.of("acme", "owner").open("accounts")
    page.button(key=f"remove_{one.id}").click().run()
    assert get_account(readers.platform.catalog, "acme", one.id).status == "active"
    page.button(key="remove_yes").click().run()
    assert not page.exception
    assert get_account(readers.platform.catalog, "acme", one.id).status == "removed"
    assert telegram.calls("auth.logOut")
    assert "отключён" in shown(page)
