"""Webhooks by the API, on a real server that dispatches: set up, told, tested, told again, ended."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.outbox.office import happen, happened
from tests.servers.receiver import Receiver
from tests.web.site import Client, Site

KEY = base64.b64encode(b"1" * 32).decode()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


@pytest.fixture
def open_site(bare_home: Path) -> Iterator[Site]:
    """A site whose webhooks may reach loopback."""
    allowed = {"SESSION_KEY_1": KEY, "TGSTUDIO_WEBHOOK_HTTP": "true", "TGSTUDIO_WEBHOOK_PRIVATE": "true"}
    with Site(bare_home, environment=allowed) as running:
        yield running


def create(client: Client, url: str, **given: Any) -> dict[str, Any]:
    answer = client.post("/v1/webhooks", json={"name": "Ours", "url": url, **given})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/v1/webhooks/{made['id']}"
    return made


def until(look: Callable[[], Any]) -> Any:
    give_up = time.monotonic() + 30
    while not (found := look()):
        assert time.monotonic() < give_up
        time.sleep(0.1)
    return found


def test_a_webhook_lives_its_life(open_site: Site, receiver: Receiver) -> None:
    program = open_site.program("acme", "read", "admin")
    made = create(program, receiver.url, events=["import.done"])
    assert made["secret"].startswith("whsec_") and made["enabled"] and made["waiting"] == 0
    path = f"/v1/webhooks/{made['id']}"
    assert "secret" not in program.get(path).json()
    (listed,) = program.get("/v1/webhooks").json()["items"]
    assert listed["id"] == made["id"]

    happen(open_site.catalog, happened(1, "acme"), happened(2, "other"))
    (post,) = receiver.wait_for(1)
    assert (post.json["type"], post.json["tenant"]) == ("import.done", "acme")
    delivered = until(lambda: program.get(f"{path}/deliveries", params={"status": "delivered"}).json()["items"])
    assert delivered[0]["event_id"] == post.headers["webhook-id"]

    test = program.post(f"{path}/test").json()
    assert test["event"] == "webhook.test"
    receiver.wait_for(2)
    again = program.post(f"{path}/deliveries/{delivered[0]['id']}/redeliver")
    assert again.status_code == 202
    assert receiver.wait_for(3)[2].headers["webhook-id"] == post.headers["webhook-id"]
    until(lambda: len(program.get(f"{path}/deliveries", params={"status": "delivered"}).json()["items"]) == 2)
    first = program.get(f"{path}/deliveries", params={"limit": 1}).json()
    second = program.get(f"{path}/deliveries", params={"limit": 1, "cursor": first["cursor"]}).json()
    assert {first["items"][0]["event"], second["items"][0]["event"]} == {"webhook.test", "import.done"}
    assert second["cursor"] is None

    renewed = program.post(f"{path}/secret", json={}).json()["secret"]
    assert renewed != made["secret"]
    changed = program.put(path, json={"name": "Off", "url": receiver.url, "enabled": False}).json()
    assert (changed["name"], changed["enabled"], changed["events"]) == ("Off", False, [])
    assert program.delete(path).status_code == 204
    assert program.get(path).status_code == 404


def test_what_is_not_allowed_is_refused_by_the_field(open_site: Site, receiver: Receiver) -> None:
    program = open_site.program("acme", "read", "admin")
    for given, field in (
        ({"name": "x", "url": "ftp://example.org/"}, "url"),
        ({"name": "x", "url": receiver.url, "events": ["order.eaten"]}, "events"),
        ({"name": "x", "url": receiver.url, "secret": "short"}, "secret"),
        ({"name": "", "url": receiver.url}, "name"),
    ):
        answer = program.post("/v1/webhooks", json=given)
        assert (answer.status_code, answer.json()["field"]) == (422, field), given


def test_inner_addresses_and_http_are_refused_unless_allowed(bare_home: Path, receiver: Receiver) -> None:
    with Site(bare_home, environment={"SESSION_KEY_1": KEY}) as strict:
        program = strict.program("acme", "read", "admin")
        for url in (receiver.url, "https://127.0.0.1/", "https://[::ffff:127.0.0.1]/", "http://example.org/"):
            answer = program.post("/v1/webhooks", json={"name": "x", "url": url})
            assert (answer.status_code, answer.json()["field"]) == (422, "url"), url


def test_webhooks_are_an_owners_and_a_tenants_own(open_site: Site, receiver: Receiver) -> None:
    made = create(open_site.program("acme", "read", "admin"), receiver.url)
    path = f"/v1/webhooks/{made['id']}"
    assert open_site.sign_in("acme", "editor").get("/v1/webhooks").status_code == 403
    assert open_site.program("acme", "read").get("/v1/webhooks").status_code == 403
    other = open_site.program("other", "read", "admin")
    assert other.get("/v1/webhooks").json()["items"] == []
    for answer in (
        other.get(path),
        other.delete(path),
        other.post(f"{path}/test"),
        other.get(f"{path}/deliveries"),
        other.post(f"{path}/secret", json={}),
    ):
        assert answer.status_code == 404


def test_a_repeat_makes_no_second_webhook_and_shows_no_secret(open_site: Site, receiver: Receiver) -> None:
    program = open_site.program("acme", "read", "admin")
    answers = [
        program.post(
            "/v1/webhooks",
            json={"name": "Ours", "url": f"{receiver.url}/?token=hidden"},
            headers={"idempotency-key": "k1"},
        )
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["secret"] and answers[1].json()["secret"] is None
    assert len(program.get("/v1/webhooks").json()["items"]) == 1
    noted = until(lambda: [call for call in program.get("/v1/requests").json()["items"] if "POST" in call["name"]])
    assert "hidden" not in str(noted)
