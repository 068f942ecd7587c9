"""What is asked for over the API: channels, orders, edits, rules, keys, bundles; each once per idempotency key."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from tests.web.site import Client, Site, confirmed
from tgstudio_dagster.catalog.people import idempotency
from tgstudio_dagster.catalog.people.api_requests import list_requests
from tgstudio_dagster.catalog.people.models import KeptAnswer
from tgstudio_dagster.catalog.work.orders import list_orders
from tgstudio_dagster.catalog.work.rules import list_rules
from tgstudio_dagster.core.clock import utc_now

RULE = {"name": "Top three", "definition": {"max_rank": 3}}


def rules(site: Site, tenant: str = "acme") -> list[str]:
    return [rule.name for rule in list_rules(site.catalog, tenant)]


def keyed(client: Client, path: str, body: Any, key: str) -> Any:
    return client.post(path, json=body, headers={"idempotency-key": key})


def test_the_same_key_and_body_is_done_once_and_answered_alike(site: Site) -> None:
    program = site.program("acme", "order")
    first, again = keyed(program, "/v1/rules", RULE, "k1"), keyed(program, "/v1/rules", RULE, "k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json() and again.headers["idempotent-replay"] == "true"
    assert rules(site) == ["Top three"]


def test_without_a_key_or_with_another_one_it_is_done_again(site: Site) -> None:
    program = site.program("acme", "order")
    for key in ("k1", "k2"):
        keyed(program, "/v1/rules", RULE, key)
    program.post("/v1/rules", json=RULE)
    assert len(rules(site)) == 3


def test_another_body_or_address_with_the_key_is_refused(site: Site) -> None:
    program = site.program("acme", "order")
    keyed(program, "/v1/rules", RULE, "k1")
    for path, body in (("/v1/rules", {**RULE, "name": "x"}), ("/v1/channels/subscribe", {"channels": ["@durov"]})):
        answer = keyed(program, path, body, "k1")
        assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")
    assert rules(site) == ["Top three"]


def test_users_and_keys_and_tenants_have_keys_of_their_own(site: Site) -> None:
    for client in (site.program("acme", "order"), site.program("acme", "order"), site.sign_in("acme", "editor")):
        assert keyed(client, "/v1/rules", RULE, "k1").status_code == 201
    assert keyed(site.program("other", "order"), "/v1/rules", RULE, "k1").status_code == 201
    assert len(rules(site)) == 3 and len(rules(site, "other")) == 1


def test_of_many_at_once_one_is_done_and_the_others_wait_or_are_answered_alike(site: Site) -> None:
    program = site.program("acme", "order")
    start = threading.Barrier(8)

    def ask(_: int) -> Any:
        start.wait()
        return keyed(program, "/v1/rules", RULE, "k1")

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(8)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert rules(site) == ["Top three"]


def test_while_the_first_is_at_work_it_is_a_conflict(site: Site) -> None:
    program = site.program("acme", "order")
    keyed(program, "/v1/rules", RULE, "k1")
    with site.catalog.tenant_session("acme", writing=True) as session:
        (kept,) = session.query(KeptAnswer).all()
        kept.status = kept.body = None
    answer = keyed(program, "/v1/rules", RULE, "k1")
    assert (answer.status_code, answer.json()["field"]) == (409, "Idempotency-Key")


def test_what_was_refused_may_be_sent_again_with_the_key(site: Site) -> None:
    program = site.program("acme", "order")
    assert keyed(program, "/v1/rules", {"name": "x"}, "k1").status_code == 422
    assert keyed(program, "/v1/rules", RULE, "k1").status_code == 201


def test_a_key_counts_for_a_day(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    program = site.program("acme", "order")
    keyed(program, "/v1/rules", RULE, "k1")
    with site.catalog.tenant_session("acme", writing=True) as session:
        (kept,) = session.query(KeptAnswer).all()
        assert kept.expires_at - kept.created_at == idempotency.KEPT == timedelta(hours=24)
        kept.expires_at = utc_now() - timedelta(seconds=1)
    assert keyed(program, "/v1/rules", RULE, "k1").status_code == 201
    assert len(rules(site)) == 2


@pytest.mark.parametrize("key", ["a b", "é", "x" * 201])
def test_what_is_no_key_is_refused(site: Site, key: str) -> None:
    answer = site.program("acme", "order").post("/v1/rules", json=RULE, headers={"idempotency-key": key.encode()})
    assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")


def test_a_new_key_s_secret_is_shown_once_and_kept_nowhere(site: Site) -> None:
    program = site.program("acme", "admin", "read")
    body = {"name": "nightly", "scopes": ["read"], "ips": ["127.0.0.1"]}
    made = keyed(program, "/v1/keys", body, "k1").json()
    assert site.program("acme").get("/v1/me").status_code == 200
    assert keyed(program, "/v1/keys", body, "k1").json() == {**made, "secret": None}
    with site.catalog.tenant_session("acme") as session:
        assert made["secret"] not in str([row.body for row in session.query(KeptAnswer)])
    listed = program.get("/v1/keys").json()["items"]
    assert "secret" not in listed[0] and {one["name"] for one in listed} >= {"nightly"}
    assert program.delete(f"/v1/keys/{made['id']}").status_code == 204
    ended = next(one for one in program.get("/v1/keys").json()["items"] if one["id"] == made["id"])
    assert ended["revoked_at"] is not None


def test_a_program_s_calls_are_noted_without_what_was_written(site: Site) -> None:
    program = site.program("acme", "read", "order", "admin", "send")
    program.get("/v1/feed?channel=durov&channel=news&limit=3")
    program.post("/v1/rules", json=RULE)
    program.post("/v1/chats/durov/messages", json={"text": "a secret plan", "reply_to": 7})
    program.post("/v1/auth/phone", json={"phone": "+79990001122"})
    program.get("/v1/feed?nothing=1")
    site.sign_in("acme", "owner").get("/v1/feed")
    site.platform.history.close()
    found, _ = list_requests(site.catalog, "acme")
    told = {(one.name, one.status): one.arguments for one in found}
    assert told["GET /v1/feed", 200] == {"channel": "durov, news", "limit": "3"}
    assert told["POST /v1/rules", 201] == {"name": "Top three", "definition": "(15 characters)"}
    assert ("GET /v1/feed", 422) not in told, "who asks is not known where the question is none"
    everything = str([(one.name, one.arguments) for one in found])
    assert "secret plan" not in everything and "9990001122" not in everything
    assert len([one for one in found if one.name == "GET /v1/feed"]) == 1
    assert all(one.api_key_id and one.user_id and one.milliseconds >= 0 for one in found)
    listed = program.get("/v1/requests?kind=api&limit=1").json()
    assert len(listed["items"]) == 1 and listed["cursor"]


def test_channels_are_asked_for_listed_and_left(site: Site) -> None:
    program = site.program("acme", "read", "order")
    answer = program.post("/v1/channels/subscribe", json={"channels": ["t.me/durov", "@durov", "@telegram"]})
    assert answer.status_code == 202
    assert [one["reference"] for one in answer.json()["items"]] == ["@durov", "@telegram"]
    mine = program.get("/v1/channels/my").json()
    assert mine["items"] == [] and {one["reference"] for one in mine["requests"]} == {"@durov", "@telegram"}
    assert program.post("/v1/channels/subscribe", json={"channels": ["not a channel!"]}).status_code == 422
    gone = program.delete("/v1/channels/unsubscribe", params={"channel": "@nobody"})
    assert gone.status_code == 404


def test_an_order_is_queued_raised_and_cancelled(sample_site: Site) -> None:
    program = sample_site.program("demo", "read", "order")
    topic = program.get("/v1/topics?limit=1").json()["items"][0]["topic_id"]
    asked = confirmed(program, "/v1/transform", {"topic_id": topic, "language": "en", "platforms": ["tg"]})
    assert asked.status_code == 202
    order = asked.json()
    assert asked.headers["location"] == f"/v1/orders/{order['id']}"
    assert (order["goal"], order["status"], order["language"], order["platforms"]) == ("text", "queued", "en", ["tg"])
    raised = confirmed(program, "/v1/package", {"order_id": order["id"]})
    assert (raised.status_code, raised.json()["goal"]) == (202, "packages")
    state = program.get(asked.headers["location"]).json()
    assert state["text"] is None and [step["status"] for step in state["steps"]] == ["waiting"] * 5
    assert program.post(f"/v1/orders/{order['id']}/cancel").json()["status"] == "cancelled"
    assert program.post(f"/v1/orders/{order['id']}/cancel").json()["status"] == "cancelled"


def test_chosen_posts_are_ordered(sample_site: Site) -> None:
    program = sample_site.program("demo", "read", "order")
    posts = program.get("/v1/feed?limit=2").json()["items"]
    chosen = [{"channel_id": post["channel_id"], "msg_id": post["msg_id"]} for post in posts]
    before = len(list_orders(sample_site.catalog, "demo"))
    made = confirmed(program, "/v1/image-brief", {"messages": chosen})
    assert made.status_code == 202 and made.json()["messages"] == chosen and made.json()["topic_id"] is None
    assert len(list_orders(sample_site.catalog, "demo")) == before + 1
    unknown = program.post("/v1/images", json={"messages": [{"channel_id": 1, "msg_id": 1}]})
    assert (unknown.status_code, unknown.json()["field"]) == (404, "messages")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"topic_id": "t-0123456789ab", "messages": [{"channel_id": 1, "msg_id": 1}]}, "body"),
        ({"order_id": "acme-1", "tone": "lively"}, "body"),
        ({"topic_id": "t-0123456789ab", "platforms": ["myspace"]}, "platforms.0"),
        ({"topic_id": "t-0123456789ab", "nothing": 1}, "nothing"),
        ({"messages": []}, "messages"),
        ([], "body"),
    ],
)
def test_an_order_that_is_none_is_refused(site: Site, body: Any, field: str) -> None:
    answer = site.program("acme", "order").post("/v1/package", json=body)
    assert answer.status_code == 422 and answer.json()["field"] == field, answer.text


def test_a_package_is_edited_within_its_platform_s_limits_and_exported_so(sample_site: Site) -> None:
    program = sample_site.program("demo", "read", "order")
    package = next(one for one in program.get("/v1/packages").json()["items"] if one["platform"] == "x")
    path = f"/v1/packages/{package['package_id']}"
    edited = program.put(path, json={"text": "Short and mine", "hashtags": ["news"]})
    assert edited.status_code == 200
    found = edited.json()
    assert found["text"].startswith("Short and mine") and found["hashtags"] == ["news"]
    assert found["made_text"] == package["text"] and [one["n"] for one in found["edits"]] == [1]
    assert b"Short and mine" in program.get(f"{path}/export").content
    listed = next(one for one in program.get("/v1/packages").json()["items"] if one["platform"] == "x")
    assert listed["edit"] == 1
    long = program.put(path, json={"text": "much too long " * 100})
    assert long.status_code == 422 and "280" in long.json()["detail"]


def test_rules_are_added_replaced_and_ended(site: Site) -> None:
    program = site.program("acme", "read", "order")
    made = program.post("/v1/rules", json=RULE)
    path = made.headers["location"]
    put = program.put(path, json={**RULE, "enabled": False})
    assert put.json() == {**made.json(), "enabled": False}
    assert program.delete(path).status_code == 204
    assert program.get("/v1/rules").json()["items"] == []
    assert program.delete(path).status_code == program.put(path, json=RULE).status_code == 404


def test_settings_are_replaced_by_an_owner_s_key_only(site: Site) -> None:
    owner = site.program("acme", "read", "admin")
    now = owner.get("/v1/settings").json()
    put = owner.put("/v1/settings", json={**now, "language": "en", "time_zone": "Europe/Moscow"})
    assert put.status_code == 200 and owner.get("/v1/settings").json()["time_zone"] == "Europe/Moscow"
    bad = owner.put("/v1/settings", json={**now, "time_zone": "Mars/Olympus"})
    assert (bad.status_code, bad.json()["field"]) == (422, "time_zone")
    assert site.program("acme", "read", "order", role="editor").put("/v1/settings", json=now).status_code == 403


def test_bundles_are_asked_for_and_downloaded_once_they_are_done(sample_site: Site) -> None:
    program = sample_site.program("demo", "read", "order")
    asked = program.post("/v1/bundles", json={"first": "2026-03-09", "last": "2026-03-10", "format": "csv"})
    assert (asked.status_code, asked.json()["status"], asked.json()["file"]) == (202, "queued", None)
    path = asked.headers["location"]
    assert program.get(path).json() == asked.json()
    assert program.get("/v1/bundles").json()["items"] == [asked.json()]
    assert program.get(f"{path}/file").status_code == 409
    bad = program.post("/v1/bundles", json={"first": "2026-03-10", "last": "2026-03-09"})
    assert (bad.status_code, bad.json()["field"]) == (422, "last")


def test_a_body_too_large_is_not_read(site: Site) -> None:
    program = site.program("acme", "order")
    answer = program.post(
        "/v1/rules", content=b"[" + b"0," * 2**20 + b"0]", headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413


def test_a_session_needs_its_token_and_a_viewer_may_only_read(site: Site) -> None:
    editor = site.sign_in("acme", "editor")
    assert editor.post("/v1/rules", json=RULE).status_code == 201
    assert editor.post("/v1/rules", json=RULE, headers={"x-csrf-token": "wrong"}).status_code == 403
    for client in (site.sign_in("acme", "viewer"), site.program("acme", "read")):
        answer = client.post("/v1/rules", json=RULE)
        assert (answer.status_code, answer.json()["field"]) == (403, "scope")


def test_another_tenant_s_things_are_not_there(sample_site: Site) -> None:
    demo = sample_site.program("demo", "read", "order", "admin")
    order = demo.get("/v1/orders").json()["items"][0]["id"]
    package = demo.get("/v1/packages").json()["items"][0]
    rule = demo.post("/v1/rules", json=RULE).json()["id"]
    bundle = demo.post("/v1/bundles", json={"first": "2026-03-09", "last": "2026-03-10"}).json()["id"]
    key = demo.get("/v1/keys").json()["items"][0]["id"]
    chat = demo.get("/v1/chats").json()["items"][0]["channel_id"]
    other = sample_site.program("acme", "read", "order", "admin", "send")
    for path in (
        f"/v1/orders/{order}", f"/v1/orders/{order}/export", f"/v1/exports?order={order}", f"/v1/packages?order={order}",
        f"/v1/packages/{package['package_id']}", f"/v1/packages/{package['package_id']}/export", package["image"],
        f"/v1/bundles/{bundle}", f"/v1/bundles/{bundle}/file", f"/v1/chats/{chat}/messages",
    ):  # fmt: skip
        assert other.get(path).status_code == 404, path
    assert other.post(f"/v1/orders/{order}/cancel").status_code == 404
    assert other.post("/v1/package", json={"order_id": order}).status_code == 404
    assert other.put(f"/v1/packages/{package['package_id']}", json={"text": "mine"}).status_code == 404
    assert other.put(f"/v1/rules/{rule}", json=RULE).status_code == other.delete(f"/v1/rules/{rule}").status_code == 404
    assert other.delete(f"/v1/keys/{key}").status_code == 404
    for path in ("/v1/orders", "/v1/packages", "/v1/rules", "/v1/bundles", "/v1/chats", "/v1/feed", "/v1/accounts"):
        assert other.get(path).json()["items"] == []
