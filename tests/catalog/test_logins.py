"""Who is signed in: one user per Telegram id, sessions that end when they should, proofs that are good once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests.builders import make_tenant
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.logins import (
    burn,
    end_session,
    end_sessions_of,
    ended_among,
    local_user,
    open_session,
    own_tenant,
    read_session,
    read_user,
    session_hash,
    set_language,
    sign_in_telegram,
    switch_tenant,
    tenants_of,
)
from tgstudio_dagster.catalog.people.models import LoginSession, User
from tgstudio_dagster.catalog.people.principals import principal_of
from tgstudio_dagster.catalog.people.tenants import add_member, add_user, delete_tenant, list_tenants
from tgstudio_dagster.core.errors import ConflictError, ForbiddenError, NotFoundError

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
TTL = timedelta(hours=12)


def member(catalog: Catalog, *tenants: str, telegram_id: int | None = None) -> User:
    """A user who is an editor of these tenants, which are made."""
    user = add_user(catalog, "Anna", telegram_id=telegram_id)
    for tenant in tenants:
        make_tenant(catalog, tenant)
        add_member(catalog, tenant, user.id, "editor")
    return user


def begin(catalog: Catalog, user: User, tenant: str | None = "acme", now: datetime = NOW) -> str:
    return open_session(catalog, user.id, "local", tenant=tenant, now=now, ttl=TTL, user_agent="Firefox " * 100)


def test_a_known_person_is_the_same_user_with_their_newest_name(catalog: Catalog) -> None:
    user = member(catalog, "acme", telegram_id=7)
    found = sign_in_telegram(catalog, 7, "Anna B", "anna", sign_up=False, now=NOW)
    assert (found.id, found.name, found.username) == (user.id, "Anna B", "anna")


def test_an_unknown_person_is_refused_with_their_number_and_leaves_nothing(catalog: Catalog) -> None:
    with pytest.raises(ForbiddenError, match="--telegram-id 7`"):
        sign_in_telegram(catalog, 7, "Anna", None, sign_up=False, now=NOW)
    with catalog.reading() as session:
        assert not session.scalars(select(User)).all()


def test_a_new_person_gets_a_tenant_on_the_free_plan(catalog: Catalog) -> None:
    user = sign_in_telegram(catalog, 7, "Anna", "anna", sign_up=True, now=NOW)
    assert [(tenant.slug, tenant.name, tenant.plan) for tenant in tenants_of(catalog, user)] == [("tg7", "Anna", None)]
    assert principal_of(catalog, user.id, "tg7").role == "owner"
    assert sign_in_telegram(catalog, 7, "Anna", "anna", sign_up=True, now=NOW).id == user.id
    assert len(list_tenants(catalog)) == 1


def test_a_person_who_signs_in_twice_at_once_is_one_user(catalog: Catalog) -> None:
    found: list[str] = []

    def sign_in() -> None:
        found.append(sign_in_telegram(catalog, 7, "Anna", None, sign_up=True, now=NOW).id)

    threads = [threading.Thread(target=sign_in) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len(set(found)) == 1
    assert [tenant.slug for tenant in list_tenants(catalog)] == ["tg7"]


def test_a_disabled_person_and_one_whose_tenant_was_closed_are_refused(catalog: Catalog) -> None:
    user = sign_in_telegram(catalog, 7, "Anna", None, sign_up=True, now=NOW)
    delete_tenant(catalog, "tg7")
    with pytest.raises(ForbiddenError, match="closed"):
        sign_in_telegram(catalog, 7, "Anna", None, sign_up=True, now=NOW)
    with pytest.raises(ForbiddenError, match="belongs to no tenant"):
        sign_in_telegram(catalog, 7, "Anna", None, sign_up=False, now=NOW)
    with catalog.session() as session:
        session.get_one(User, user.id).disabled_at = NOW
    with pytest.raises(ForbiddenError, match="disabled"):
        sign_in_telegram(catalog, 7, "Anna", None, sign_up=True, now=NOW)


def test_an_operator_needs_no_membership(catalog: Catalog) -> None:
    add_user(catalog, "Op", telegram_id=7, is_operator=True)
    assert sign_in_telegram(catalog, 7, "Op", None, sign_up=False, now=NOW).is_operator


def test_a_local_login_is_one_user_whose_role_follows_the_file(catalog: Catalog) -> None:
    user = local_user(catalog, "op", "Op", is_operator=True)
    again = local_user(catalog, "op", "Oleg", is_operator=False)
    assert (again.id, again.name, again.is_operator) == (user.id, "Oleg", False)
    with catalog.session() as session:
        session.get_one(User, user.id).disabled_at = NOW
    with pytest.raises(ForbiddenError):
        local_user(catalog, "op", "Op", is_operator=True)


def test_a_session_is_stored_by_its_hash_only(catalog: Catalog) -> None:
    sid = begin(catalog, member(catalog, "acme"))
    with catalog.reading() as session:
        row = session.scalars(select(LoginSession)).one()
    assert row.sid_hash == session_hash(sid) != sid
    assert row.user_agent is not None and len(row.user_agent) == 300


def test_a_session_lasts_while_it_is_used(catalog: Catalog) -> None:
    sid = begin(catalog, member(catalog, "acme"))
    later = NOW + timedelta(hours=11)
    found = read_session(catalog, sid, later, TTL)
    assert found is not None and found.expires_at == later + TTL
    assert read_session(catalog, sid, later + timedelta(hours=11), TTL) is not None
    assert read_session(catalog, sid, later + timedelta(hours=24), TTL) is None


def test_a_busy_session_is_written_once_a_minute(catalog: Catalog) -> None:
    sid = begin(catalog, member(catalog, "acme"))
    for second in range(0, 60, 7):
        found = read_session(catalog, sid, NOW + timedelta(seconds=second), TTL)
        assert found is not None and found.seen_at == NOW
    found = read_session(catalog, sid, NOW + timedelta(seconds=60), TTL)
    assert found is not None and found.seen_at == NOW + timedelta(seconds=60)


def test_a_look_does_not_prolong_a_session(catalog: Catalog) -> None:
    sid = begin(catalog, member(catalog, "acme"))
    found = read_session(catalog, sid, NOW + timedelta(hours=11), TTL, slide=False)
    assert found is not None and found.expires_at == NOW + TTL


def test_a_session_that_was_ended_is_none_and_stays_so(catalog: Catalog) -> None:
    user = member(catalog, "acme")
    first, second, third = (begin(catalog, user) for _ in range(3))
    end_session(catalog, first, NOW)
    assert read_session(catalog, first, NOW, TTL) is None
    assert read_session(catalog, second, NOW, TTL) is not None
    assert ended_among(catalog, {session_hash(one) for one in (first, second, third)} | {"gone"}, NOW) == {
        session_hash(first),
        "gone",
    }
    end_sessions_of(catalog, user.id, NOW)
    assert read_session(catalog, second, NOW, TTL) is None
    assert read_session(catalog, "unknown", NOW, TTL) is None


def test_a_disabled_users_sessions_are_none(catalog: Catalog) -> None:
    user = member(catalog, "acme")
    sid = begin(catalog, user)
    with catalog.session() as session:
        session.get_one(User, user.id).disabled_at = NOW
    assert read_session(catalog, sid, NOW, TTL) is None
    assert ended_among(catalog, {session_hash(sid)}, NOW) == {session_hash(sid)}


def test_sessions_that_ended_long_ago_are_forgotten(catalog: Catalog) -> None:
    user = member(catalog, "acme")
    begin(catalog, user)
    begin(catalog, user, now=NOW + timedelta(days=60))
    with catalog.reading() as session:
        assert len(session.scalars(select(LoginSession)).all()) == 1


def test_a_session_moves_to_a_tenant_of_its_users_only(catalog: Catalog) -> None:
    user = member(catalog, "acme", "other")
    make_tenant(catalog, "foreign")
    sid = begin(catalog, user)
    assert switch_tenant(catalog, sid, "other").tenant == "other"
    for wrong in ("foreign", "none"):
        with pytest.raises(NotFoundError):
            switch_tenant(catalog, sid, wrong)
    found = read_session(catalog, sid, NOW, TTL)
    assert found is not None and found.tenant == "other"
    with pytest.raises(NotFoundError):
        switch_tenant(catalog, "unknown", "acme")


def test_a_person_goes_on_where_they_were_last(catalog: Catalog) -> None:
    user = member(catalog, "acme", "other")
    assert own_tenant(catalog, user) == "acme"
    begin(catalog, user, "other")
    assert own_tenant(catalog, user) == "other"
    delete_tenant(catalog, "other")
    assert own_tenant(catalog, user) == "acme"
    assert own_tenant(catalog, add_user(catalog, "Nobody")) is None
    assert {tenant.slug for tenant in tenants_of(catalog, add_user(catalog, "Op", is_operator=True))} == {"acme"}


def test_a_proof_is_good_once_until_it_would_expire_anyway(catalog: Catalog) -> None:
    end = NOW + timedelta(minutes=5)
    burn(catalog, "proof", end, NOW)
    burn(catalog, "another", end, NOW)
    with pytest.raises(ConflictError, match="used before"):
        burn(catalog, "proof", end, NOW)
    burn(catalog, "proof", end, end + timedelta(seconds=1))


def test_a_proof_that_is_used_twice_at_once_is_good_for_one(catalog: Catalog) -> None:
    outcomes: list[str] = []

    def use() -> None:
        try:
            burn(catalog, "proof", NOW + timedelta(minutes=5), NOW)
            outcomes.append("good")
        except ConflictError:
            outcomes.append("used")

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["good", "used", "used", "used"]


def test_a_users_language_is_kept(catalog: Catalog) -> None:
    user = member(catalog, "acme")
    set_language(catalog, user.id, "en")
    assert read_user(catalog, user.id).language == "en"
    with pytest.raises(NotFoundError):
        set_language(catalog, "nobody", "en")
    with pytest.raises(NotFoundError):
        read_user(catalog, "nobody")
