"""Who a page takes somebody for: read from the catalog each run; a page stops for whoever is not signed in (any more)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from tests.streamlit_app.conftest import fill
from tests.streamlit_app.reader import APP, Readers, shown
from tgstudio_dagster.catalog.people.logins import end_session, open_session, switch_tenant
from tgstudio_dagster.catalog.people.tenants import add_member
from tgstudio_dagster.core.clock import utc_now

SECRET = "the ferry sails at dawn"


@pytest.fixture(autouse=True)
def _posts(readers: Readers) -> None:
    fill(readers, "acme", {"text": SECRET})


def opened(**user: str) -> AppTest:
    app = AppTest.from_file(str(APP / "app.py"), default_timeout=60)
    app.user = dict(user)
    return app.run()


def test_whoever_the_gate_vouches_for_reads_their_tenants_posts(readers: Readers) -> None:
    page = readers.of("acme").open()
    assert not page.exception
    assert SECRET in shown(page)


def test_without_an_identity_the_page_stops(readers: Readers) -> None:
    page = opened()
    assert "Вы не вошли" in page.warning[0].value
    assert SECRET not in shown(page)


def test_an_identity_without_its_session_is_none(readers: Readers) -> None:
    reader = readers.of("acme")
    page = opened(user=reader.user.id, tenant="acme", sid="made up")
    assert "Сеанс завершён" in page.warning[0].value
    assert SECRET not in shown(page)


def test_a_session_of_somebody_else_is_none(readers: Readers) -> None:
    reader, other = readers.of("acme"), readers.of("other")
    page = opened(user=reader.user.id, tenant="acme", sid=other.sid)
    assert "Сеанс завершён" in page.warning[0].value
    assert SECRET not in shown(page)


def test_an_ended_session_stops_the_next_run_of_an_open_page(readers: Readers) -> None:
    reader = readers.of("acme")
    page = reader.open()
    assert SECRET in shown(page)
    end_session(readers.platform.catalog, reader.sid, utc_now())
    page.run()
    assert "Сеанс завершён" in page.warning[0].value
    assert SECRET not in shown(page)


def test_an_expired_session_stops_the_page(readers: Readers) -> None:
    reader = readers.of("acme")
    reader.sid = open_session(
        readers.platform.catalog, reader.user.id, "local", tenant="acme", now=utc_now() - timedelta(days=2),
        ttl=timedelta(hours=1), user_agent=None,
    )  # fmt: skip
    assert SECRET not in shown(reader.open())


def test_a_tab_of_the_tenant_that_was_left_shows_nothing_of_either(readers: Readers) -> None:
    reader = readers.of("acme")
    add_member(readers.platform.catalog, "other", reader.user.id, "viewer")
    page = reader.open()
    switch_tenant(readers.platform.catalog, reader.sid, "other")
    page.run()
    assert "Пространство сменили" in page.warning[0].value
    assert SECRET not in shown(page)


def test_a_forged_tenant_shows_nothing(readers: Readers) -> None:
    reader = readers.of("other")
    page = opened(user=reader.user.id, tenant="acme", sid=reader.sid)
    assert page.warning
    assert SECRET not in shown(page)


def test_who_belongs_to_several_tenants_may_switch(readers: Readers) -> None:
    reader = readers.of("acme")
    add_member(readers.platform.catalog, "other", reader.user.id, "viewer")
    page = reader.open()
    page.selectbox(key="space_acme").select("other").run()
    assert SECRET not in shown(page)
    reader.tenant = "other"
    assert "В ленте пока пусто" in shown(reader.open())


def test_who_belongs_to_one_tenant_is_offered_no_other(readers: Readers) -> None:
    page = readers.of("acme").open()
    assert not [one for one in page.selectbox if str(one.key).startswith("space_")]


def test_a_language_that_was_chosen_is_remembered_for_the_person(readers: Readers) -> None:
    reader = readers.of("acme")
    page = reader.open()
    assert "Лента" in shown(page)
    page.button_group(key="language_switch").set_value("en").run()
    assert not page.exception
    assert "Feed" in shown(page)
    assert "Feed" in shown(reader.open(locale="ru-RU"))


def test_signing_out_posts_the_sessions_token(readers: Readers) -> None:
    reader = readers.of("acme")
    said = shown(reader.open())
    assert 'action="/auth/logout" method="post"' in said.replace('\\"', '"')
    assert readers.platform.csrf_token(reader.sid) in said


def test_only_the_operator_sees_the_operators_page(readers: Readers) -> None:
    owner, operator = readers.of("acme"), readers.of("acme", "operator")
    for reader, seen in ((owner, False), (operator, True)):
        page = reader.open()
        names = {info["url_pathname"] for info in page._registered_pages.values()}
        assert ("operator" in names) is seen
