"""Webhooks in Settings: an owner sets one up, sees its secret once, tests it, and sees how deliveries went."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from streamlit_app.i18n import words
from tests.outbox.office import happen, happened
from tests.streamlit_app.reader import Reader, Readers, shown
from tgstudio_dagster.catalog.outbox.streams import lanes_to_serve, next_try, number_events, settle
from tgstudio_dagster.services.webhooks import event_types

URL = "https://example.org/hooks?token=1"


@pytest.fixture
def owner(readers: Readers, monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.setenv("SESSION_KEY_1", base64.b64encode(b"1" * 32).decode())
    return readers.of("acme")


def open_part(reader: Reader) -> Any:
    page = reader.open("settings", part="webhooks")
    assert not page.exception
    return page


def fill(page: Any, key: str, name: str, url: str) -> Any:
    page.text_input(key=f"webhook_name_{key}").set_value(name)
    page.text_input(key=f"webhook_url_{key}").set_value(url)
    return page.button(key=f"webhook_save_{key}").click().run()


def test_an_owner_sets_up_a_webhook_and_sees_its_secret_once(owner: Reader) -> None:
    page = open_part(owner)
    assert "Вебхуков пока нет" in shown(page)
    page.button(key="webhook_add").click().run()
    page.multiselect(key="webhook_events_new").set_value(["order.done"])
    fill(page, "new", "Сайт", URL)
    assert not page.exception
    (hook,) = owner.studio.webhooks.all()
    assert (hook.name, hook.url, hook.events, hook.enabled) == ("Сайт", URL, ("order.done",), True)
    assert "whsec_" in shown(page) and "Заказ готов" in shown(page)
    page.button(key="webhook_kept").click().run()
    assert "whsec_" not in shown(page)
    assert "whsec_" not in shown(open_part(owner))


def test_an_address_that_is_not_allowed_is_refused_by_name(owner: Reader) -> None:
    page = open_part(owner)
    page.button(key="webhook_add").click().run()
    fill(page, "new", "Сайт", "http://127.0.0.1/")
    assert "url:" in shown(page)
    fill(page, "new", "", URL)
    assert "Название" in shown(page)
    assert owner.studio.webhooks.all() == []


def test_a_webhook_is_changed_renewed_tested_and_deleted(owner: Reader) -> None:
    hook, secret = owner.studio.webhooks.create("Сайт", URL)
    page = open_part(owner)
    page.button(key=f"webhook_edit_{hook.id}").click().run()
    page.toggle(key=f"webhook_enabled_{hook.id}").set_value(False)
    fill(page, hook.id, "Новый сайт", URL)
    changed = owner.studio.webhooks.get(hook.id)
    assert (changed.name, changed.enabled) == ("Новый сайт", False)
    page.button(key=f"webhook_test_{hook.id}").click().run()
    assert "Проверочное событие отправляется" in shown(page)
    (delivery,) = owner.studio.webhooks.deliveries(hook.id)
    assert (delivery.event, delivery.status) == ("webhook.test", "waiting")
    page.button(key=f"webhook_renewed_{hook.id}").click().run()
    assert "whsec_" in shown(page) and secret.get_secret_value() not in shown(page)
    page.button(key=f"webhook_gone_{hook.id}").click().run()
    assert not page.exception
    assert owner.studio.webhooks.all() == []


def test_what_was_given_up_is_shown_and_posted_again(owner: Reader) -> None:
    hook, _ = owner.studio.webhooks.create("Сайт", URL)
    catalog = owner.platform.catalog
    happen(catalog, happened(1, "acme"))
    number_events(catalog)
    now = datetime.now(UTC)
    (lane,) = lanes_to_serve(catalog, now)
    attempt = next_try(catalog, lane, now)
    assert attempt is not None
    settle(catalog, lane, attempt, now=now, delays=[], error="it answered 500: not 2xx", response_status=500, gone=True)
    page = open_part(owner)
    said = shown(page)
    assert "не удалось" in said and "it answered 500" in said and "Импорт завершён" in said
    assert "Выключен автоматически" in said
    (delivery,) = owner.studio.webhooks.deliveries(hook.id)
    page.button(key=f"redeliver_{delivery.id}").click().run()
    assert owner.studio.webhooks.deliveries(hook.id)[0].status == "waiting"
    assert next_try(catalog, lane, now + timedelta(seconds=1)) is not None


def test_whoever_is_no_owner_sees_no_webhook(owner: Reader, readers: Readers) -> None:
    owner.studio.webhooks.create("Сайт", URL)
    for role in ("editor", "viewer"):
        page = open_part(readers.of("acme", role))
        assert "только владелец" in shown(page)
        assert "example.org" not in shown(page)


def test_every_type_of_event_has_its_words() -> None:
    for language in ("ru", "en"):
        for name in (*event_types(), "webhook.test"):
            assert f"webhooks.event.{name.replace('.', '_')}" in words(language)
