"""Over streamable HTTP on a real server: the SDK's client, and everybody who should not come in."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from tests.mcp.asking import found, over_http, refused
from tests.web.site import Site
from tgstudio_dagster.catalog.people.api_keys import revoke_key
from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.catalog.people.tenants import put_settings
from tgstudio_dagster.mcp.registry import TOOLS

CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "topics", "arguments": {}}}
ACCEPT = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


def post(site: Site, body: object = CALL, **headers: str) -> httpx2.Response:
    sent = ACCEPT | {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.post(f"{site.url}/mcp", content=json.dumps(body), headers=sent, trust_env=False, timeout=30)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_client_lists_and_calls_tools(world: Site, mode: str) -> None:
    secret = world.key("acme", "read")[1]
    names, (topics, messages, wrong) = over_http(
        world.url, secret, ("topics", {}), ("telegram_messages", {"limit": 2}), ("order_package", {}), mode=mode
    )
    assert set(names) == set(TOOLS) - {"order_package"}
    assert found(topics)["items"][0]["untrusted_content"]["title"].startswith("ACME")
    assert len(found(messages)["items"]) == 2
    assert refused(wrong)[0] == 403


def test_two_tenants_on_one_server_each_see_their_own(world: Site) -> None:
    for tenant in ("acme", "other"):
        _, (result,) = over_http(world.url, world.key(tenant, "read")[1], ("telegram_chats", {}))
        assert found(result)["items"][0]["username"] == f"{tenant}news"


@pytest.mark.parametrize("authorization", [None, "Bearer tgs_wrong", "Basic dGdz", "tgs_wrong", "Bearer é", "bearer"])
def test_without_a_good_key_nobody_comes_in(world: Site, authorization: str | None) -> None:
    headers = ACCEPT | ({} if authorization is None else {"authorization": authorization.encode("latin-1")})
    answer = httpx2.post(f"{world.url}/mcp", json=CALL, headers=headers, trust_env=False)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["title"] == "Not signed in"


def test_a_signed_in_browser_s_cookie_opens_nothing(world: Site) -> None:
    browser = world.sign_in("acme")
    assert browser.cookie is not None
    assert post(world, cookie=browser.cookie).status_code == 401


def test_a_revoked_or_expired_key_is_refused(world: Site) -> None:
    key, secret = world.key("acme", "read")
    assert post(world, authorization=f"Bearer {secret}").status_code == 200
    revoke_key(world.catalog, world.principal("acme"), key.id, now=datetime.now(UTC))
    assert post(world, authorization=f"Bearer {secret}").status_code == 401
    key, secret = world.key("acme", "read", expires_at=datetime.now(UTC) + timedelta(hours=1))
    with world.catalog.tenant_session("acme", writing=True) as session:
        session.get_one(type(key), key.id).expires_at = datetime.now(UTC) - timedelta(seconds=1)
    assert post(world, authorization=f"Bearer {secret}").status_code == 401


@pytest.mark.parametrize(
    ("options", "sent", "status"),
    [
        ({"ips": ["192.0.2.0/24"]}, {}, 403),
        ({"ips": ["127.0.0.0/8"]}, {}, 200),
        ({"ips": ["192.0.2.0/24"]}, {"x_forwarded_for": "192.0.2.7"}, 403),
        ({"user_agents": ["my-agent/"]}, {"user_agent": "curl/8"}, 403),
        ({"user_agents": ["my-agent/"]}, {"user_agent": "My-Agent/1.0"}, 200),
    ],
)
def test_a_key_is_used_only_from_where_it_says(
    world: Site, options: dict[str, Any], sent: dict[str, str], status: int
) -> None:
    secret = world.key("acme", "read", **options)[1]
    assert post(world, authorization=f"Bearer {secret}", **sent).status_code == status


def test_a_tenant_s_own_addresses_hold_for_its_keys(world: Site) -> None:
    secret = world.key("other", "read")[1]
    put_settings(world.catalog, "other", TenantSettings(allowed_ips=("192.0.2.0/24",)))
    try:
        assert post(world, authorization=f"Bearer {secret}").status_code == 403
    finally:
        put_settings(world.catalog, "other", TenantSettings())
    assert post(world, authorization=f"Bearer {secret}").status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "evil.example:3080"}, 421),
        ({"host": "localhost:1"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"content_type": "text/plain"}, 400),
    ],
)
def test_a_foreign_page_or_host_is_refused_though_it_has_a_key(
    world: Site, headers: dict[str, str], status: int
) -> None:
    secret = world.key("acme", "read")[1]
    assert post(world, authorization=f"Bearer {secret}", **headers).status_code == status


def test_other_methods_and_large_bodies_are_refused(world: Site) -> None:
    secret = world.key("acme", "read")[1]
    sent = {"authorization": f"Bearer {secret}"}
    for method in ("GET", "DELETE", "PUT"):
        answer = httpx2.request(method, f"{world.url}/mcp", headers=sent, trust_env=False)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert post(world, CALL | {"padding": "x" * 300_000}, **sent).status_code == 413
    assert post(world, [CALL, CALL], **sent).status_code == 400


def test_there_is_no_oauth_to_discover(world: Site) -> None:
    answer = httpx2.get(f"{world.url}/.well-known/oauth-protected-resource/mcp", trust_env=False)
    assert answer.status_code == 404 and "API key" in answer.json()["detail"]


def test_whoever_guesses_keys_is_told_to_wait(site: Site) -> None:
    statuses = [post(site, authorization=f"Bearer tgs_{n}").status_code for n in range(22)]
    assert statuses == [401] * 20 + [429] * 2
    assert post(site, authorization=f"Bearer {site.key('acme', 'read')[1]}").status_code == 200


def test_no_key_is_logged(world: Site, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    secret = world.key("acme", "read")[1]
    over_http(world.url, secret, ("topics", {}))
    post(world, authorization=f"Bearer {secret}x")
    post(world, authorization=f"Bearer {secret}", host="evil.example")
    written = caplog.text + "".join(capfd.readouterr())
    assert secret not in written
