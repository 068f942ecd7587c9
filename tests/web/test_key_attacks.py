"""What somebody with a key, or with a session of an hour ago, may try in order to have more than they were given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.web.site import Client, Site, confirmed
from tgstudio_dagster.catalog.people.api_keys import MAX_KEYS, create_key
from tgstudio_dagster.catalog.people.models import ApiKey
from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.catalog.people.tenants import put_settings, tenant_settings
from tgstudio_dagster.catalog.work.orders import list_orders
from tgstudio_dagster.core.clock import utc_now

LATER = datetime(2027, 1, 1, tzinfo=UTC)
LIMITS: dict[str, Any] = {
    "rate_per_minute": 40,
    "ips": ["127.0.0.0/8"],
    "user_agents": ["python", "robot/"],
    "expires_at": LATER,
}


def child(client: Client, **asked: Any) -> Any:
    return client.post("/v1/keys", json={"name": "child", "scopes": ["read"], **asked})


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"scopes": ["read", "send"]}, "scopes"),
        ({"rate_per_minute": 41}, "rate_per_minute"),
        ({"ips": ["0.0.0.0/0"]}, "ips"),
        ({"ips": ["127.0.0.1", "192.0.2.7"]}, "ips"),
        ({"ips": ["::/0"]}, "ips"),
        ({"user_agents": ["p"]}, "user_agents"),
        ({"user_agents": ["curl"]}, "user_agents"),
        ({"expires_at": (LATER + timedelta(seconds=1)).isoformat()}, "expires_at"),
    ],
)
def test_a_key_creates_none_with_more_than_it_has(site: Site, asked: dict[str, Any], field: str) -> None:
    answer = child(site.program("acme", "read", "admin", **LIMITS), **asked)
    assert (answer.status_code, answer.json()["field"]) == (403, field), answer.text


def test_what_a_key_leaves_out_its_child_has_from_it(site: Site) -> None:
    made = child(site.program("acme", "read", "admin", **LIMITS)).json()
    assert made["rate_per_minute"] == 40 and made["ips"] == ["127.0.0.0/8"]
    assert made["user_agents"] == ["python", "robot/"] and made["expires_at"].startswith("2027-01-01")
    narrower = child(
        site.program("acme", "read", "admin", **LIMITS), ips=["127.0.0.1"], user_agents=["Robot/2"], rate_per_minute=1
    )
    assert narrower.status_code == 201, narrower.text


def test_a_crowd_of_children_has_no_more_calls_a_minute_than_their_parent(site: Site) -> None:
    parent = site.program("acme", "read", "admin", rate_per_minute=6)
    programs = [site.bearer(child(parent).json()["secret"]) for _ in range(3)]
    answers = [program.get("/v1/me").status_code for program in programs * 2]
    assert answers.count(200) == 3 and answers.count(429) == 3


def test_a_key_that_is_revoked_takes_those_it_created_with_it(site: Site) -> None:
    owner = site.sign_in("acme")
    first = owner.post("/v1/keys", json={"name": "first", "scopes": ["read", "admin"]}).json()
    second = child(site.bearer(first["secret"]), scopes=["read", "admin"]).json()
    third = child(site.bearer(second["secret"])).json()
    assert site.bearer(third["secret"]).get("/v1/me").status_code == 200
    assert owner.delete(f"/v1/keys/{first['id']}").status_code == 204
    for key in (first, second, third):
        assert site.bearer(key["secret"]).get("/v1/me").status_code == 401


def test_a_revoked_key_creates_none_though_its_call_had_begun(site: Site) -> None:
    owner = site.sign_in("acme")
    made = owner.post("/v1/keys", json={"name": "first", "scopes": ["read", "admin"]}).json()
    with site.catalog.tenant_session("acme") as session:
        parent = session.get_one(ApiKey, made["id"])
    owner.delete(f"/v1/keys/{made['id']}")
    with pytest.raises(Exception, match="revoked"):
        create_key(site.catalog, site.principal("acme"), "late", ["read"], parent=parent, now=utc_now())


def test_a_tenant_has_so_many_keys_and_no_more(site: Site) -> None:
    principal = site.principal("acme", "owner")
    for n in range(MAX_KEYS):
        create_key(site.catalog, principal, f"{n}", ["read"], now=utc_now())
    answer = child(site.sign_in("acme"))
    assert (answer.status_code, answer.json()["field"]) == (409, "keys")


def test_a_key_of_some_tools_is_worth_nothing_at_the_other_doors(site: Site) -> None:
    program = site.program("acme", "read", "order", "admin", tools=["topics"])
    for path in ("/v1/me", "/v1/feed", "/v1/keys", "/files/x"):
        answer = program.get(path)
        assert (answer.status_code, answer.json()["field"]) == (403, "tools"), path
    assert child(program).status_code == 403


def test_a_session_of_an_hour_ago_opens_no_door(site: Site) -> None:
    old = site.sign_in("acme", now=utc_now() - timedelta(hours=1))
    assert old.get("/v1/keys").status_code == 200
    before = tenant_settings(site.catalog, "acme")
    refused = [
        child(old),
        *(old.put("/v1/settings", json=change) for change in ({"sending": True}, {"allowed_ips": []})),
    ]
    put_settings(site.catalog, "acme", before.model_copy(update={"allowed_ips": ("127.0.0.1",)}))
    refused[2] = old.put("/v1/settings", json={"allowed_ips": []})
    for answer in refused:
        assert answer.status_code == 403 and "sign in again" in answer.json()["detail"], answer.text
    assert old.put("/v1/settings", json={"allowed_ips": ["127.0.0.1"], "tone": "formal"}).status_code == 200
    assert site.sign_in("acme").put("/v1/settings", json={"sending": True}).status_code == 200


def test_a_key_opens_no_door_of_the_tenants_however_wide_it_is(site: Site) -> None:
    program = site.program("acme", "read", "order", "send", "admin")
    for change in ({"sending": True}, {"allowed_ips": ["127.0.0.1"]}):
        answer = program.put("/v1/settings", json=change)
        assert answer.status_code == 403 and answer.json()["field"] in change
    assert tenant_settings(site.catalog, "acme") == TenantSettings()


@pytest.fixture
def topic(sample_site: Site) -> str:
    found: str = sample_site.sign_in("demo").get("/v1/topics?limit=1").json()["items"][0]["topic_id"]
    return found


def test_nothing_is_ordered_before_its_draft_was_seen_and_then_once(sample_site: Site, topic: str) -> None:
    before = len(list_orders(sample_site.catalog, "demo"))
    for client in (sample_site.program("demo", "read", "order"), sample_site.sign_in("demo", "editor")):
        draft = client.post("/v1/package", json={"topic_id": topic})
        assert draft.status_code == 200 and draft.json()["platforms"] and draft.json()["language"]
        assert len(list_orders(sample_site.catalog, "demo")) == before
        body = {"topic_id": topic, "confirmation": draft.json()["confirmation"]}
        assert client.post("/v1/package", json=body).status_code == 202
        again = client.post("/v1/package", json=body)
        assert (again.status_code, again.json()["field"]) == (409, "confirmation")
        before += 1
        assert len(list_orders(sample_site.catalog, "demo")) == before


def test_a_confirmation_is_of_what_was_shown_and_of_who_saw_it(sample_site: Site, topic: str) -> None:
    program, body = sample_site.program("demo", "read", "order"), {"topic_id": topic}
    token = program.post("/v1/package", json=body).json()["confirmation"]
    before = len(list_orders(sample_site.catalog, "demo"))
    others = (
        (program, "/v1/package", {"platforms": ["tg"]}),
        (program, "/v1/package", {"language": "en", "tone": "lively"}),
        (program, "/v1/images", {}),
        (sample_site.program("demo", "read", "order"), "/v1/package", {}),
        (sample_site.sign_in("demo"), "/v1/package", {}),
    )
    for client, path, change in others:
        assert client.post(path, json={**body, **change, "confirmation": token}).status_code == 409
    # What the tenant's settings fill in was shown as well.
    known = tenant_settings(sample_site.catalog, "demo")
    more = ("li",) if known.platforms != ("li",) else ("x",)
    put_settings(sample_site.catalog, "demo", known.model_copy(update={"platforms": more}))
    assert program.post("/v1/package", json={**body, "confirmation": token}).status_code == 409
    assert len(list_orders(sample_site.catalog, "demo")) == before


def test_an_order_that_goes_further_is_confirmed_too(sample_site: Site, topic: str) -> None:
    program = sample_site.program("demo", "read", "order")
    order = confirmed(program, "/v1/transform", {"topic_id": topic}).json()
    assert program.post("/v1/package", json={"order_id": order["id"]}).json()["images"] > 0
    assert program.get(f"/v1/orders/{order['id']}").json()["order"]["goal"] == "text"
    assert confirmed(program, "/v1/package", {"order_id": order["id"]}).json()["goal"] == "packages"


def test_an_owner_does_not_lock_the_own_tenant_out(site: Site) -> None:
    owner = site.sign_in("acme", "owner")
    answer = owner.put("/v1/settings", json={"allowed_ips": ["192.0.2.0/24"]})
    assert answer.status_code == 422 and "127.0.0.1" in answer.text and "allowed_ips" in answer.text
    assert owner.get("/v1/me").status_code == 200
