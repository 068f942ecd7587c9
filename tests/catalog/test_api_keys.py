"""Keys are known by their hash, act for their user, and never for more than their user may."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.builders import make_tenant
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.api_keys import ApiKey, create_key, find_key, list_keys, revoke_key
from tgstudio_dagster.catalog.people.audit import list_audit
from tgstudio_dagster.catalog.people.models import User
from tgstudio_dagster.catalog.people.principals import principal_of
from tgstudio_dagster.catalog.people.tenants import add_member, add_user, delete_tenant
from tgstudio_dagster.core.errors import ForbiddenError, NotFoundError, SettingsError, SignInError
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.scopes import scopes_of
from tgstudio_dagster.core.vocabulary import MemberRole

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)


def someone(catalog: Catalog, role: MemberRole = "owner", tenant: str = "demo") -> Principal:
    user = add_user(catalog, role)
    add_member(catalog, tenant, user.id, role)
    return principal_of(catalog, user.id, tenant)


def test_a_secret_is_shown_once_and_stored_hashed(catalog: Catalog) -> None:
    make_tenant(catalog)
    key, secret = create_key(catalog, someone(catalog), " feed reader ", ["order", "read"], now=NOW)
    assert secret.startswith("tgs_") and len(secret) > 40
    assert secret.startswith(key.prefix) and len(key.prefix) == 10
    with catalog.reading() as session:
        row = session.scalars(select(ApiKey)).one()
    assert secret not in {str(value) for value in vars(row).values()}
    assert (row.name, row.scopes) == ("feed reader", ["read", "order"])
    found, principal = find_key(catalog, secret, NOW)
    assert (found.id, principal.tenant, principal.role) == (key.id, "demo", "owner")


def test_a_key_is_one_for_what_its_users_role_allows(catalog: Catalog) -> None:
    make_tenant(catalog)
    viewer = someone(catalog, "viewer")
    create_key(catalog, viewer, "x", ["read"], now=NOW)
    for role, wanted in (("viewer", "order"), ("editor", "admin")):
        with pytest.raises(ForbiddenError, match=f"may not {wanted}"):
            create_key(catalog, someone(catalog, role), "x", ["read", wanted], now=NOW)  # type: ignore[arg-type]
    with pytest.raises(ForbiddenError, match="command line"):
        create_key(catalog, Principal("demo", None, "operator"), "x", ["read"], now=NOW)
    assert scopes_of("viewer") < scopes_of("editor") < scopes_of("owner") == scopes_of("operator")


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("name", {"name": " "}), ("scopes", {"scopes": []}), ("scopes", {"scopes": ["read", "all"]}),
        ("rate_per_minute", {"rate_per_minute": 0}), ("ips", {"ips": ["300.1.1.1"]}), ("ips", {"ips": ["me"]}),
        ("expires_at", {"expires_at": NOW}),
    ],
)  # fmt: skip
def test_a_bad_wish_is_refused_by_field(catalog: Catalog, field: str, options: dict[str, Any]) -> None:
    make_tenant(catalog)
    wish = {"name": "x", "scopes": ["read"], "now": NOW, **options}
    with pytest.raises(SettingsError, match=f"^{field}: "):
        create_key(catalog, someone(catalog), **wish)


def test_a_key_never_does_more_than_its_user_may_now(catalog: Catalog) -> None:
    make_tenant(catalog)
    owner = someone(catalog)
    _, secret = create_key(catalog, owner, "x", ["admin"], now=NOW)
    assert owner.user_id is not None
    add_member(catalog, "demo", owner.user_id, "viewer")
    assert find_key(catalog, secret, NOW)[1].role == "viewer"
    editor = someone(catalog, "editor")
    _, secret = create_key(catalog, editor, "x", ["read"], now=NOW)
    assert editor.user_id is not None
    add_member(catalog, "demo", editor.user_id, "owner")
    assert find_key(catalog, secret, NOW)[1].role == "editor"


def test_a_key_of_nobody_who_may_act_is_unknown(catalog: Catalog) -> None:
    make_tenant(catalog)
    make_tenant(catalog, "gone")
    secrets = []
    for end in ("revoked", "expired", "disabled", "tenant"):
        principal = someone(catalog, tenant="gone" if end == "tenant" else "demo")
        key, secret = create_key(catalog, principal, end, ["read"], expires_at=NOW + timedelta(days=1), now=NOW)
        secrets.append(secret)
        if end == "revoked":
            revoke_key(catalog, principal, key.id, now=NOW)
        if end == "disabled":
            with catalog.session() as session:
                session.get_one(User, principal.user_id).disabled_at = NOW
    delete_tenant(catalog, "gone")
    for secret, now in zip(secrets, (NOW, NOW + timedelta(days=1), NOW, NOW), strict=True):
        with pytest.raises(SignInError) as error:
            find_key(catalog, secret, now)
        assert secret not in str(error.value)
    with pytest.raises(SignInError):
        find_key(catalog, "tgs_unknown", NOW)


def test_its_use_is_noted_once_a_minute(catalog: Catalog) -> None:
    make_tenant(catalog)
    owner = someone(catalog)
    _, secret = create_key(catalog, owner, "x", ["read"], now=NOW)
    for seconds in (1, 30, 59):
        find_key(catalog, secret, NOW + timedelta(seconds=seconds))
    assert list_keys(catalog, owner)[0].last_used_at == NOW + timedelta(seconds=1)
    find_key(catalog, secret, NOW + timedelta(seconds=61))
    assert list_keys(catalog, owner)[0].last_used_at == NOW + timedelta(seconds=61)


def test_people_see_and_revoke_their_own_keys_and_owners_all_of_the_tenant(catalog: Catalog) -> None:
    make_tenant(catalog)
    make_tenant(catalog, "other")
    owner, editor, stranger = someone(catalog), someone(catalog, "editor"), someone(catalog, tenant="other")
    own, _ = create_key(catalog, owner, "o", ["read"], now=NOW)
    theirs, _ = create_key(catalog, editor, "e", ["read"], now=NOW + timedelta(seconds=1))
    assert [key.name for key in list_keys(catalog, owner)] == ["e", "o"]
    assert [key.name for key in list_keys(catalog, editor)] == ["e"]
    assert not list_keys(catalog, stranger)
    for principal, key_id in ((editor, own.id), (stranger, theirs.id), (owner, "none")):
        with pytest.raises(NotFoundError):
            revoke_key(catalog, principal, key_id, now=NOW)
    revoke_key(catalog, owner, theirs.id, now=NOW)
    revoke_key(catalog, owner, theirs.id, now=NOW + timedelta(days=1))
    assert list_keys(catalog, editor)[0].revoked_at == NOW
    assert [entry.action for entry in list_audit(catalog, "demo")] == ["key.revoke", "key.create", "key.create"]
