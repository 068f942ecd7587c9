"""The login widget's answer is believed where the bot's token signed it, lately, and it says what Telegram says."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tgstudio_dagster.core.errors import SignInError
from tgstudio_dagster.web.auth import widget
from tgstudio_dagster.web.auth.widget import verify_widget

BOT = SecretStr("123456:a-bots-token")
NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)


def signed(bot: SecretStr = BOT, **fields: str) -> dict[str, str]:
    """The query that the widget would send of these fields."""
    values = {"id": "4242", "first_name": "Аня", "auth_date": str(int(NOW.timestamp())), **fields}
    lines = "\n".join(f"{name}={values[name]}" for name in sorted(values))
    key = hashlib.sha256(bot.get_secret_value().encode()).digest()
    return {**values, "hash": hmac.new(key, lines.encode(), hashlib.sha256).hexdigest()}


def test_a_signed_answer_names_the_person() -> None:
    person = verify_widget(signed(last_name="Иванова", username="anya").items(), BOT, NOW)
    assert (person.telegram_id, person.name, person.username) == (4242, "Аня Иванова", "anya")
    assert person.expires_at > NOW


def test_what_telegram_does_not_sign_takes_no_part() -> None:
    query = {**signed(), "state": "x", "next": "/feed", "is_operator": "1"}
    assert verify_widget(query.items(), BOT, NOW).telegram_id == 4242


@given(st.sampled_from(["id", "first_name", "auth_date", "hash"]), st.text(max_size=70))
def test_another_value_of_a_field_is_refused(name: str, value: str) -> None:
    query = signed()
    if query[name] == value:
        return
    with pytest.raises(SignInError):
        verify_widget({**query, name: value}.items(), BOT, NOW)


def test_a_field_that_was_added_or_left_out_is_refused() -> None:
    query = signed(username="anya")
    with pytest.raises(SignInError):
        verify_widget({**query, "photo_url": "https://t.me/x.jpg"}.items(), BOT, NOW)
    with pytest.raises(SignInError):
        verify_widget(((name, value) for name, value in query.items() if name != "username"), BOT, NOW)


def test_a_field_that_comes_twice_is_refused() -> None:
    with pytest.raises(SignInError, match="twice"):
        verify_widget([("id", "1"), *signed().items()], BOT, NOW)


def test_another_bots_signature_is_refused() -> None:
    with pytest.raises(SignInError, match="not signed by this bot"):
        verify_widget(signed(SecretStr("999:other")).items(), BOT, NOW)


@pytest.mark.parametrize(("seconds", "good"), [(0, True), (300, True), (301, False), (-30, True), (-31, False)])
def test_an_answer_holds_for_five_minutes_and_not_before_its_time(seconds: int, good: bool) -> None:
    query = signed()
    if good:
        assert verify_widget(query.items(), BOT, NOW + timedelta(seconds=seconds))
    else:
        with pytest.raises(SignInError, match="too old"):
            verify_widget(query.items(), BOT, NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("fields", [{"auth_date": "9" * 30}, {"auth_date": "soon"}, {"id": "me"}])
def test_signed_nonsense_is_refused_and_no_fault(fields: dict[str, str]) -> None:
    with pytest.raises(SignInError):
        verify_widget(signed(**fields).items(), BOT, NOW)


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def noted(first: bytes, second: bytes) -> bool:
        compared.append((first, second))
        return first == second

    monkeypatch.setattr(widget.hmac, "compare_digest", noted)
    query = signed()
    verify_widget(query.items(), BOT, NOW)
    assert compared == [(query["hash"].encode(), query["hash"].encode())]
