"""Settings, part by part: what is saved, what is refused, and who may change what."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

import pytest

from tests.streamlit_app.reader import Reader, Readers, shown
from tgstudio_dagster.catalog.people.api_requests import Note, write_notes
from tgstudio_dagster.catalog.people.ranking_weights import SHIPPED
from tgstudio_dagster.catalog.people.tenant_settings import Filters
from tgstudio_dagster.catalog.work.rules import TopicRule, topic_rule

NOW = datetime.now(UTC)
PARTS = ("texts", "filters", "ranking", "rules", "keys", "webhooks", "models", "access", "plan")


@pytest.fixture
def owner(readers: Readers) -> Reader:
    return readers.of("acme")


def part(reader: Reader, name: str, **given: Any) -> Any:
    page = reader.open("settings", part=name, **given)
    assert not page.exception
    return page


def to(page: Any, name: str) -> Any:
    """Another part of the page that is open."""
    page.button_group(key="at_part").set_value(name).run()
    assert not page.exception, name
    return page


def test_every_part_has_its_address(owner: Reader) -> None:
    page = part(owner, "plan")
    assert page.button_group(key="at_part").value == "plan"
    for name in PARTS:
        assert to(page, name).query_params.get("part", PARTS[0]) == name


def test_a_viewer_sees_everything_and_why_they_may_change_nothing(readers: Readers) -> None:
    viewer = readers.of("acme", "viewer")
    page = part(viewer, "texts")
    for name, button in (
        ("texts", "texts_save"), ("filters", "filters_save"), ("ranking", "ranking_save"), ("rules", "rule_add"),
        ("keys", "key_make_0"), ("access", "addresses_save"), ("access", "sending_save"),
    ):  # fmt: skip
        assert to(page, name).button(key=button).disabled, name
        assert "только на чтение" in shown(page)


def test_texts_are_saved_and_the_rest_stays(owner: Reader) -> None:
    owner.studio.settings.put(owner.studio.settings.get().model_copy(update={"sending": True}))
    page = part(owner, "texts")
    page.button_group(key="text_language").set_value("en")
    page.button_group(key="text_tone").set_value("formal")
    page.button_group(key="text_platforms").set_value(["tg", "fb"])
    page.selectbox(key="time_zone").set_value("Asia/Almaty")
    page.number_input(key="vk_limit").set_value(2048)
    page.button(key="texts_save").click().run()
    assert not page.exception
    assert "Настройки сохранены" in shown(page)
    kept = owner.studio.settings.get()
    assert (kept.language, kept.tone, kept.platforms) == ("en", "formal", ("tg", "fb"))
    assert (kept.time_zone, kept.vk_text_limit, kept.sending) == ("Asia/Almaty", 2048, True)


def test_an_order_needs_a_platform(owner: Reader) -> None:
    page = part(owner, "texts")
    page.button_group(key="text_platforms").set_value([])
    page.button(key="texts_save").click().run()
    assert "Выберите хотя бы одну площадку" in shown(page)
    assert owner.studio.settings.get().platforms


def test_filters_are_lists_as_people_type_them(owner: Reader) -> None:
    page = part(owner, "filters")
    page.text_area(key="filter_keywords").set_value("ставка, ЦБ\nинфляция; ставка")
    page.text_area(key="filter_hashtags").set_value("#рынки")
    page.text_area(key="filter_channels").set_value("@worldbrief, 1001")
    page.text_area(key="filter_senders").set_value("12, 13")
    page.text_area(key="filter_extensions").set_value(".JPG pdf".replace(" ", ","))
    page.multiselect(key="filter_types").set_value(["text", "photo"])
    page.number_input(key="filter_max_file_size").set_value(1.5)
    page.button(key="filters_save").click().run()
    assert not page.exception
    kept = owner.studio.settings.get().filters
    assert kept.keywords == ("ставка", "ЦБ", "инфляция")
    assert (kept.hashtags, kept.channels, kept.senders) == (("рынки",), ("worldbrief", "1001"), (12, 13))
    assert (kept.extensions, kept.types, kept.max_file_size) == (("jpg", "pdf"), ("text", "photo"), 1_572_864)


def test_filters_that_make_no_sense_are_refused_and_named(owner: Reader) -> None:
    page = part(owner, "filters")
    page.text_area(key="filter_senders").set_value("somebody")
    page.button(key="filters_save").click().run()
    assert "senders" in shown(page) and "Проверьте то, что ввели" in shown(page)
    page.text_area(key="filter_senders").set_value("")
    page.date_input(key="filter_since").set_value(NOW.date())
    page.date_input(key="filter_until").set_value(NOW.date() - timedelta(days=1))
    page.button(key="filters_save").click().run()
    assert "первый день позже последнего" in shown(page)
    assert owner.studio.settings.get().filters == Filters()


def test_all_filters_are_removed_together(owner: Reader) -> None:
    before = owner.studio.settings.get()
    owner.studio.settings.put(before.model_copy(update={"filters": Filters(keywords=("ставка",))}))
    page = part(owner, "filters")
    assert page.text_area(key="filter_keywords").value == "ставка"
    page.button(key="filters_clear").click().run()
    assert not page.exception
    assert owner.studio.settings.get().filters == Filters()
    assert page.text_area(key="filter_keywords").value == ""


def test_weights_are_saved_and_the_shipped_ones_restored(owner: Reader) -> None:
    page = part(owner, "ranking")
    assert page.button(key="ranking_back").disabled
    page.number_input(key="weight_views").set_value(0.2)
    page.number_input(key="weight_least").set_value(-3.0)
    page.toggle(key="weight_wide_first").set_value(False)
    page.button(key="ranking_save").click().run()
    kept = owner.studio.settings.get().ranking
    assert (kept.views, kept.least, kept.wide_first, kept.forwards) == (0.2, -3.0, False, SHIPPED.forwards)
    page.button(key="ranking_back").click().run()
    assert not page.exception
    assert owner.studio.settings.get().ranking == SHIPPED
    assert page.number_input(key="weight_views").value == SHIPPED.views


def test_a_rule_is_added_told_in_words_changed_switched_off_and_deleted(owner: Reader) -> None:
    page = part(owner, "rules")
    assert "Правил пока нет" in shown(page)
    page.button(key="rule_add").click().run()
    page.text_input(key="rule_name_new").set_value("Главное *утром*")
    page.number_input(key="rule_rank_new").set_value(3)
    page.number_input(key="rule_channels_new").set_value(5)
    page.button_group(key="rule_platforms_new").set_value(["tg"])
    page.button(key="rule_check_new").click().run()
    page.button(key="rule_save_new").click().run()
    assert not page.exception
    (rule,) = owner.studio.rules.all()
    assert rule.name == "Главное *утром*" and rule.enabled
    assert topic_rule(rule) == TopicRule(max_rank=3, min_channels=5, platforms=("tg",))
    said = shown(page)
    assert "место ≤ 3" in said and "от 5 каналов" in said and "не больше 3 в день" in said

    page.toggle(key=f"rule_on_{rule.id}").set_value(False).run()
    assert not owner.studio.rules.all()[0].enabled

    page.button(key=f"rule_edit_{rule.id}").click().run()
    page.number_input(key=f"rule_score_{rule.id}").set_value(7.5)
    page.button(key=f"rule_check_{rule.id}").click().run()
    page.button(key=f"rule_save_{rule.id}").click().run()
    changed = owner.studio.rules.all()[0]
    assert topic_rule(changed).min_score == 7.5 and not changed.enabled

    page.button(key=f"rule_gone_{rule.id}").click().run()
    assert owner.studio.rules.all() == []
    assert "Правило удалено" in shown(page)


def test_a_rule_says_what_it_would_order_before_it_does(sample_readers: Readers) -> None:
    owner = sample_readers.of("demo")
    best = owner.studio.topics.top(by="topic", window="24h", day=None, limit=2)["title"]
    page = owner.open("settings", part="rules")
    page.button(key="rule_add").click().run()
    page.text_input(key="rule_name_new").set_value("Главное")
    page.number_input(key="rule_rank_new").set_value(2)
    page.button(key="rule_check_new").click().run()
    said = shown(page)
    assert "Сейчас правило закажет 2 темы" in said and all(escape(title) in said for title in best)
    assert owner.studio.rules.all() == []
    page.button(key="rule_save_new").click().run()
    assert [rule.name for rule in owner.studio.rules.all()] == ["Главное"]


def test_a_rule_without_a_threshold_or_a_name_is_refused(owner: Reader) -> None:
    page = part(owner, "rules")
    page.button(key="rule_add").click().run()
    page.button(key="rule_check_new").click().run()
    assert "дайте правилу имя" in shown(page)
    page.text_input(key="rule_name_new").set_value("x")
    page.number_input(key="rule_rank_new").set_value(None)
    page.button(key="rule_check_new").click().run()
    assert "задайте место или балл" in shown(page)
    page.button(key="rule_close_new").click().run()
    assert "Правил пока нет" in shown(page) and owner.studio.rules.all() == []


def made(reader: Reader, page: Any) -> str:
    page.text_input(key="key_name_0").set_value("дашборд")
    page.button(key="key_make_0").click().run()
    assert not page.exception
    secret = next(one.value for one in page.code if one.value.startswith("tgs_"))
    assert isinstance(secret, str)
    return secret


def test_a_keys_secret_is_shown_once_and_opens_what_was_chosen(owner: Reader) -> None:
    page = part(owner, "keys")
    page.button_group(key="key_scopes_0").set_value(["read", "order"])
    page.multiselect(key="key_tools_0").set_value(["topics", "telegram_search"])
    page.number_input(key="key_rate_0").set_value(30)
    page.selectbox(key="key_days_0").set_value(30)
    page.text_area(key="key_ips_0").set_value("203.0.113.7, 198.51.100.0/24")
    page.text_input(key="key_agents_0").set_value("robot/")
    secret = made(owner, page)
    (key,) = owner.studio.keys.all()
    assert (key.scopes, key.tools, key.rate_per_minute) == (["read", "order"], ["topics", "telegram_search"], 30)
    assert (key.ips, key.user_agents) == (["203.0.113.7", "198.51.100.0/24"], ["robot/"])
    assert key.expires_at is not None and timedelta(days=29) < key.expires_at - NOW < timedelta(days=31)
    page.button(key="key_kept").click().run()
    assert secret not in shown(page) and key.prefix in shown(page)
    assert secret not in shown(part(owner, "keys"))


def test_a_secret_is_not_shown_on_another_part_or_to_somebody_else(readers: Readers, owner: Reader) -> None:
    page = part(owner, "keys")
    secret = made(owner, page)
    page.button_group(key="at_part").set_value("plan").run()
    assert secret not in shown(page)
    assert secret not in shown(part(readers.of("acme"), "keys"))


@pytest.mark.parametrize(
    ("field", "value", "told"), [("key_name_0", "", "напишите, кто"), ("key_ips_0", "nowhere", "nowhere")]
)
def test_a_key_that_makes_no_sense_is_refused(owner: Reader, field: str, value: str, told: str) -> None:
    page = part(owner, "keys")
    page.text_input(key="key_name_0").set_value("дашборд")
    (page.text_area if field == "key_ips_0" else page.text_input)(key=field).set_value(value)
    page.button(key="key_make_0").click().run()
    assert told in shown(page) and owner.studio.keys.all() == []


def test_a_key_is_ended_at_once(owner: Reader) -> None:
    key, _ = owner.studio.keys.create("старый", ["read"], now=NOW)
    page = part(owner, "keys")
    page.button(key=f"revoke_{key.id}").click().run()
    assert owner.studio.keys.all()[0].revoked_at is not None
    assert "отозван" in shown(page) and f"revoke_{key.id}" not in {one.key for one in page.button}


def test_an_editor_may_give_only_what_they_have_and_sees_no_others_keys_or_calls(
    readers: Readers, owner: Reader
) -> None:
    owner.studio.keys.create("ключ владельца", ["admin"], now=NOW)
    page = part(readers.of("acme", "editor"), "keys")
    assert "ключ владельца" not in shown(page) and "История вызовов" not in shown(page)
    scopes = page.button_group(key="key_scopes_0")
    assert list(scopes.options) == ["чтение", "заказы", "отправка"]


def test_the_history_shows_the_tenants_calls_only_and_by_kind(owner: Reader) -> None:
    key, _ = owner.studio.keys.create("робот", ["read"], now=NOW)
    notes = [
        Note("acme", "api", "GET /v1/feed", 200, 12, {"limit": 5}, api_key_id=key.id, results=5),
        Note("acme", "mcp", "telegram_search", 200, 40, api_key_id=key.id),
        Note("other", "api", "GET /v1/top", 200, 3),
    ]
    write_notes(owner.platform.catalog, notes)
    page = part(owner, "keys")
    table = page.dataframe[0].value
    assert sorted(table["name"]) == ["GET /v1/feed", "telegram_search"] and set(table["key"]) == {"робот"}
    page.button_group(key="at_calls").set_value("mcp").run()
    assert list(page.dataframe[0].value["name"]) == ["telegram_search"]


def test_a_language_model_is_connected_by_a_text_to_copy(owner: Reader) -> None:
    page = part(owner, "models")
    web, desk = (json.loads(one.value)["mcpServers"]["tgstudio"] for one in page.code)
    assert web["url"] == f"{owner.platform.web_settings.origin}/mcp" and web["headers"]["Authorization"].startswith(
        "Bearer tgs_"
    )
    assert desk["args"] == ["mcp"] and str(owner.platform.settings.home) not in json.dumps(desk)
    from tgstudio_dagster.mcp.registry import TOOLS

    said = shown(page)
    assert all(name in said for name in TOOLS)


def test_addresses_are_saved_where_the_owner_stays_inside(owner: Reader) -> None:
    page = part(owner, "access")
    page.text_area(key="allowed_ips").set_value("127.0.0.1\n198.51.100.0/24")
    page.button(key="addresses_save").click().run()
    assert not page.exception
    assert owner.studio.settings.get().allowed_ips == ("127.0.0.1", "198.51.100.0/24")


@pytest.mark.parametrize(("typed", "told"), [("198.51.100.0/24", "закрыли бы вход"), ("nowhere", "не адрес и не сеть")])
def test_addresses_that_would_shut_the_owner_out_are_refused(owner: Reader, typed: str, told: str) -> None:
    page = part(owner, "access")
    page.text_area(key="allowed_ips").set_value(typed)
    page.button(key="addresses_save").click().run()
    assert told in shown(page)
    assert owner.studio.settings.get().allowed_ips == ()


def test_only_an_owner_opens_sending(readers: Readers, owner: Reader) -> None:
    page = part(readers.of("acme", "editor"), "access")
    assert page.button(key="sending_save").disabled and page.toggle(key="sending_on").disabled
    assert "только владелец" in shown(page)
    page = part(owner, "access")
    page.toggle(key="sending_on").set_value(True)
    page.button(key="sending_save").click().run()
    assert owner.studio.settings.get().sending


def test_the_plan_tells_every_limit(owner: Reader) -> None:
    said = shown(part(owner, "plan"))
    assert "Бесплатный" in said
    for name in ("Заказов за день", "Иллюстраций за день", "Вызовов API за день", "Каналов", "Аккаунтов Telegram"):
        assert name in said


def test_another_tenants_settings_rules_and_keys_are_not_shown(readers: Readers, owner: Reader) -> None:
    other = readers.of("other")
    other.studio.rules.put("чужое правило", TopicRule(max_rank=1), now=NOW)
    other.studio.keys.create("чужой ключ", ["read"], now=NOW)
    other.studio.settings.put(
        other.studio.settings.get().model_copy(update={"filters": Filters(keywords=("чужоеслово",))})
    )
    page = part(owner, "texts")
    for name in PARTS:
        assert "чуж" not in shown(to(page, name)).lower(), name
