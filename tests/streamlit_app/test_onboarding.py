"""Onboarding: pairing by QR code and phone against the test's Telegram, and importing exports."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.exports import desktop_export, packed
from tests.servers.telegram import TelegramServer
from tests.streamlit_app.conftest import fill
from tests.streamlit_app.reader import Reader, Readers, shown
from tgstudio_dagster.catalog.accounts.accounts import list_accounts
from tgstudio_dagster.catalog.accounts.pairings import Pairing, list_pairings
from tgstudio_dagster.catalog.accounts.vault import new_key
from tgstudio_dagster.catalog.money.models import Quota
from tgstudio_dagster.catalog.work.uploads import list_uploads
from tgstudio_dagster.core.settings import telegram_settings
from tgstudio_dagster.definitions import build_definitions
from tgstudio_dagster.orchestration.tags import UPLOAD_TAG

PASSWORD = "correct horse"


@pytest.fixture
def editor(readers: Readers, telegram: TelegramServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """An editor of `acme`, on a machine that reaches the test's Telegram."""
    for name, value in (telegram.environment(tmp_path) | {"SESSION_KEY_1": new_key()}).items():
        monkeypatch.setenv(name, value)
    telegram_settings.cache_clear()
    return readers.of("acme", "editor")


def pairing(reader: Reader) -> Pairing:
    return list_pairings(reader.platform.catalog, reader.tenant)[0]


def until(page: AppTest, done: Callable[[], bool]) -> None:
    """Run the page, as its fragment would, until this is so."""
    give_up = time.monotonic() + 120
    while not done():
        assert time.monotonic() < give_up, shown(page)
        time.sleep(0.1)
    page.run()
    assert not page.exception


def press(page: AppTest, label: str) -> None:
    next(one for one in page.button if one.label == label).click().run()
    assert not page.exception


def test_a_machine_without_telegrams_keys_says_what_is_to_be_set(readers: Readers) -> None:
    page = readers.of("acme", "operator").open("onboarding")
    assert not page.exception and "begin_qr" not in {button.key for button in page.button}
    for name in ("SESSION_KEY_1", "TELEGRAM_API_ID", "TELEGRAM_API_HASH"):
        assert f"<code>{name}</code>" in shown(page)
    said = shown(readers.of("acme").open("onboarding", way="phone"))
    assert "Попросите администратора студии" in said and "SESSION_KEY_1" not in said
    assert "Загрузить экспорт" in said


def test_an_account_is_paired_by_qr_code_password_and_confirmation(editor: Reader, telegram: TelegramServer) -> None:
    user = telegram.add_user("Anna", password=PASSWORD)
    page = editor.open("onboarding")
    press(page, "Показать QR-код")
    until(page, lambda: pairing(editor).url is not None)
    assert "QR-код для входа в Telegram" in shown(page)
    assert str(pairing(editor).url) not in shown(page)
    telegram.accept_qr(str(pairing(editor).url), user)
    until(page, lambda: pairing(editor).status == "PASSWORD_NEEDED")
    page.text_input[0].set_value("wrong")
    press(page, "Войти")
    assert "Осталось 2 попытки" in shown(page)
    page.text_input[0].set_value(PASSWORD)
    press(page, "Войти")
    assert "Подключить аккаунт «Anna»?" in shown(page)
    assert PASSWORD not in shown(page)
    press(page, "Да, подключить")
    assert "подключён" in shown(page)
    assert [one.status for one in list_accounts(editor.platform.catalog, "acme")] == ["active"]


def test_a_stranger_who_scanned_is_declined(editor: Reader, telegram: TelegramServer) -> None:
    page = editor.open("onboarding")
    press(page, "Показать QR-код")
    until(page, lambda: pairing(editor).url is not None)
    telegram.accept_qr(str(pairing(editor).url), telegram.add_user("Stranger"))
    until(page, lambda: pairing(editor).status == "CONFIRM_NEEDED")
    press(page, "Нет, это не он")
    assert list_accounts(editor.platform.catalog, "acme") == []
    press(page, "Начать заново")
    assert "Войти по QR-коду" in shown(page)


def test_a_pairing_is_found_again_after_a_reload_by_its_person_only(editor: Reader, readers: Readers) -> None:
    page = editor.open("onboarding")
    press(page, "Показать QR-код")
    until(page, lambda: pairing(editor).url is not None)
    assert "Отсканируйте код" in shown(editor.open("onboarding"))
    assert "Отсканируйте код" not in shown(readers.of("acme", "editor").open("onboarding"))
    assert "Отсканируйте код" not in shown(readers.of("other", "owner").open("onboarding"))


def test_a_pairing_can_be_cancelled(editor: Reader) -> None:
    page = editor.open("onboarding")
    press(page, "Показать QR-код")
    until(page, lambda: pairing(editor).url is not None)
    press(page, "Отменить")
    assert pairing(editor).status == "FAILED"
    assert "Войти по QR-коду" in shown(page)


def test_an_account_is_paired_by_phone_number_and_code(editor: Reader, telegram: TelegramServer) -> None:
    telegram.add_user("Anna", phone="79991112233")
    page = editor.open("onboarding")
    page.button_group(key="at_way").set_value("phone").run()
    page.text_input[0].set_value("+7 999 111-22-33")
    press(page, "Получить код")
    until(page, lambda: pairing(editor).status == "CODE_NEEDED")
    assert "79991112233" not in shown(page)
    page.text_input[0].set_value(telegram.code)
    press(page, "Продолжить")
    press(page, "Да, подключить")
    assert "подключён" in shown(page)


def test_a_number_that_is_none_is_refused_before_telegram_is_asked(editor: Reader) -> None:
    page = editor.open("onboarding")
    page.button_group(key="at_way").set_value("phone").run()
    page.text_input[0].set_value("12")
    press(page, "Получить код")
    assert "от 7 до 15 цифр" in shown(page)
    assert list_pairings(editor.platform.catalog, "acme") == []


def test_a_viewer_is_offered_nothing(readers: Readers) -> None:
    page = readers.of("acme", "viewer").open("onboarding")
    assert not page.exception
    assert "только на чтение" in shown(page)
    assert not [one for one in page.button if one.key == "begin_qr"]


def test_an_export_is_uploaded_and_imported(readers: Readers) -> None:
    reader = readers.of("acme", "editor")
    page = reader.open("onboarding")
    page.button_group(key="at_way").set_value("import").run()
    content = packed(**{"export/result.json": desktop_export(1)})
    page.get("file_uploader")[0].set_value(("export.zip", content, "application/zip")).run()
    press(page, "Импортировать")
    assert "Ждёт своей очереди" in shown(page.run())
    (upload,) = list_uploads(reader.platform.catalog, "acme")
    job = build_definitions(lake=reader.platform.lake, catalog=reader.platform.catalog).resolve_job_def("import_upload")
    assert job.execute_in_process(tags={UPLOAD_TAG: upload.id}).success
    assert "готово" in shown(page.run())
    assert "Прочитано сообщений: 1" in shown(page)
    assert readers.platform.lake.tenant("acme").landing_days()
    assert "export.zip" not in shown(readers.of("other").open("onboarding"))
    press(page, "Убрать из списка")
    assert "export.zip" not in shown(page.run())


def test_a_waiting_upload_is_cancelled_and_a_spent_day_is_told(readers: Readers) -> None:
    reader = readers.of("acme", "editor")
    page = reader.open("onboarding")
    page.button_group(key="at_way").set_value("import").run()
    page.get("file_uploader")[0].set_value(("result.json", desktop_export(1), "application/json")).run()
    press(page, "Импортировать")
    press(page, "Отменить")
    assert "отменено" in shown(page.run())
    with reader.platform.catalog.tenant_session("acme", writing=True) as session:
        session.add(Quota(tenant="acme", name="upload_bytes_per_day", limit=1))
    page.get("file_uploader")[0].set_value(("result.json", desktop_export(2), "application/json")).run()
    press(page, "Импортировать")
    assert "Лимит исчерпан" in shown(page) and "Можно продолжить после" in shown(page)


def test_only_the_operator_is_offered_paths_of_the_machine(readers: Readers) -> None:
    for role, offered in (("owner", False), ("operator", True)):
        page = readers.of("acme", role).open("onboarding")  # type: ignore[arg-type]
        page.button_group(key="at_way").set_value("import").run()
        assert ("Файл уже на сервере" in shown(page)) is offered


def test_the_checklist_ends_with_the_way_to_the_feed(readers: Readers) -> None:
    assert "Открыть ленту" not in shown(readers.of("acme").open("onboarding"))
    fill(readers, "acme", {"text": "a ferry"})
    said = shown(readers.of("acme").open("onboarding"))
    assert "Открыть ленту" in said and said.count("ts-done") >= 3
