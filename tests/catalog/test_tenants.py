"""Tenants are added once, set what they like, and end without giving up their slug."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from tests.builders import make_tenant
from tgstudio_dagster.catalog.base import UtcDateTime
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.models import Tenant, TenantSettingsRow
from tgstudio_dagster.catalog.people.principals import operator, principal_of
from tgstudio_dagster.catalog.people.tenant_settings import Filters, TenantSettings
from tgstudio_dagster.catalog.people.tenants import (
    add_member,
    add_tenant,
    add_user,
    delete_tenant,
    get_tenant,
    list_members,
    list_tenants,
    put_settings,
    tenant_settings,
)
from tgstudio_dagster.core.errors import ConflictError, NotFoundError, SettingsError
from tgstudio_dagster.core.principal import Principal


def test_a_tenant_that_was_added_is_listed_and_found(catalog: Catalog) -> None:
    add_tenant(catalog, "news", " The News ")
    assert [(tenant.slug, tenant.name) for tenant in list_tenants(catalog)] == [("news", "The News")]
    found = get_tenant(catalog, "news")
    assert abs(found.created_at - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("slug", ["", "News", "a-b", "a/b", "../x", "новости", "a b", "x" * 41, "a\n"])
def test_a_bad_slug_is_refused_by_name(catalog: Catalog, slug: str) -> None:
    with pytest.raises(SettingsError, match="slug"):
        add_tenant(catalog, slug, "Name")
    assert list_tenants(catalog) == []


@pytest.mark.parametrize("slug", ["", "News", "a-b", "-a", "é"])
def test_the_database_itself_refuses_a_bad_slug(catalog: Catalog, slug: str) -> None:
    row = {"slug": slug, "name": "x", "created_at": datetime.now(UTC)}
    with pytest.raises(IntegrityError, match="ck_tenants_slug"), catalog.session() as session:
        session.execute(insert(Tenant).values(**row))


def test_a_slug_is_taken_once(catalog: Catalog) -> None:
    add_tenant(catalog, "news", "One")
    with pytest.raises(ConflictError, match="already"):
        add_tenant(catalog, "news", "Two")
    assert get_tenant(catalog, "news").name == "One"


def test_a_deleted_tenants_slug_is_never_used_again(catalog: Catalog) -> None:
    add_tenant(catalog, "news", "One")
    delete_tenant(catalog, "news")
    assert list_tenants(catalog) == []
    with pytest.raises(ConflictError, match="never used again"):
        add_tenant(catalog, "news", "Two")


def test_nobody_acts_in_a_deleted_tenant(catalog: Catalog) -> None:
    make_tenant(catalog, "news")
    delete_tenant(catalog, "news")
    for act in (get_tenant, tenant_settings, delete_tenant, operator, list_members):
        with pytest.raises(NotFoundError, match="news"):
            act(catalog, "news")


def test_settings_are_the_defaults_until_they_are_put(catalog: Catalog) -> None:
    add_tenant(catalog, "news", "News")
    assert tenant_settings(catalog, "news") == TenantSettings()
    wanted = TenantSettings(time_zone="Europe/Moscow", filters=Filters(keywords=("выборы",), channels=("a", "b")))
    put_settings(catalog, "news", TenantSettings(language="en"))
    put_settings(catalog, "news", wanted)
    assert tenant_settings(catalog, "news") == wanted


def test_settings_given_with_a_new_tenant_are_kept(catalog: Catalog) -> None:
    make_tenant(catalog, "news", language="en", tone="lively")
    assert tenant_settings(catalog, "news").tone == "lively"


def test_stored_settings_that_are_no_longer_valid_name_the_field(catalog: Catalog) -> None:
    make_tenant(catalog, "news")
    with catalog.session() as session:
        session.get_one(TenantSettingsRow, "news").value = {"tone": "sarcastic"}
    with pytest.raises(SettingsError, match="tone"):
        tenant_settings(catalog, "news")


def test_a_member_acts_in_their_role_and_in_no_other_tenant(catalog: Catalog) -> None:
    make_tenant(catalog, "news")
    make_tenant(catalog, "other")
    user = add_user(catalog, "Анна", telegram_id=2**40)
    add_member(catalog, "news", user.id, "viewer")
    add_member(catalog, "news", user.id, "editor")
    assert principal_of(catalog, user.id, "news") == Principal("news", user.id, "editor")
    assert [(member.name, role) for member, role in list_members(catalog, "news")] == [("Анна", "editor")]
    assert list_members(catalog, "other") == []
    with pytest.raises(NotFoundError):
        principal_of(catalog, user.id, "other")


def test_an_operator_acts_in_every_tenant(catalog: Catalog) -> None:
    make_tenant(catalog, "news")
    user = add_user(catalog, "Root", is_operator=True)
    assert principal_of(catalog, user.id, "news").role == "operator"


def test_one_telegram_account_is_one_user(catalog: Catalog) -> None:
    add_user(catalog, "A", telegram_id=7)
    with pytest.raises(ConflictError, match="telegram_id"):
        add_user(catalog, "B", telegram_id=7)


def test_a_member_must_be_a_known_user(catalog: Catalog) -> None:
    make_tenant(catalog, "news")
    with pytest.raises(NotFoundError, match="nobody"):
        add_member(catalog, "news", "nobody", "viewer")


def test_times_come_back_in_utc_whatever_zone_they_had(catalog: Catalog) -> None:
    at = datetime(2026, 3, 9, 15, 30, 1, 234567, tzinfo=timezone(timedelta(hours=3)))
    with catalog.session() as session:
        session.add(Tenant(slug="t", name="t", created_at=at))
    read = get_tenant(catalog, "t").created_at
    assert (read, read.tzinfo) == (at, UTC)


@given(st.datetimes())
def test_a_time_without_zone_is_refused(naive: datetime) -> None:
    from sqlalchemy.dialects.sqlite import dialect

    with pytest.raises(ValueError, match="no time zone"):
        UtcDateTime().process_bind_param(naive, dialect())
