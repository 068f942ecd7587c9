"""Every route, asked by everyone who may not: nobody, an ended session, forged headers, a lower role, a wrong scope, others.

A new route fails the first test until it stands in ROUTES with what it needs. Tools are walked in mcp/test_access.py, the
pages' sockets in test_gate.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.routing import iter_route_contexts
from pydantic import SecretStr
from starlette.routing import Mount

from tests.mcp.world import DAY, TOPIC, fill
from tests.servers.telegram import TelegramServer
from tests.web.site import Client, Role, Site
from tgstudio_dagster.catalog.accounts.accounts import add_account
from tgstudio_dagster.catalog.accounts.pairings import open_pairing
from tgstudio_dagster.catalog.accounts.vault import Vault, new_key
from tgstudio_dagster.catalog.people.logins import end_session
from tgstudio_dagster.catalog.people.tenants import add_tenant
from tgstudio_dagster.catalog.work.rules import TopicRule
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.scopes import SCOPES, scopes_of
from tgstudio_dagster.lake.tables.posts import MEDIA
from tgstudio_dagster.services.policy import of_route


@dataclass(frozen=True)
class Needs:
    """What a route needs: a scope (None: any visitor). `json` and `query` make a good call; `own` says that what its path
    names is one tenant's, so that another's visitor must not find it."""

    scope: str | None
    json: Any = None
    query: dict[str, str] = field(default_factory=dict)
    own: bool = False


READ, ORDER, ADMIN = Needs("read"), Needs("order"), Needs("admin")
MINE = Needs("read", own=True)
PAIRING = Needs("admin", own=True)
HOOK = {"name": "h", "url": "https://hooks.example.org/acme", "events": ["order.done"]}
RULE = {"name": "r", "definition": {"max_rank": 3}}
ROUTES: dict[str, Needs] = {
    "GET /v1/me": Needs(None),
    "POST /v1/auth/qr": ADMIN,
    "POST /v1/auth/phone": Needs("admin", json={"phone": "+79990000000"}),
    "GET /v1/auth/qr/{login_id}": PAIRING,
    "GET /v1/auth/phone/{login_id}": PAIRING,
    "POST /v1/auth/phone/{login_id}/code": Needs("admin", json={"code": "12345"}, own=True),
    "POST /v1/auth/phone/{login_id}/resend": PAIRING,
    "POST /v1/auth/phone/{login_id}/password": Needs("admin", json={"password": "x"}, own=True),
    "POST /v1/auth/phone/{login_id}/cancel": PAIRING,
    "POST /v1/auth/qr/{login_id}/password": Needs("admin", json={"password": "x"}, own=True),
    "POST /v1/auth/qr/{login_id}/confirm": PAIRING,
    "POST /v1/auth/qr/{login_id}/decline": PAIRING,
    "POST /v1/auth/qr/{login_id}/cancel": PAIRING,
    "GET /v1/accounts": READ,
    "DELETE /v1/accounts/{account_id}": PAIRING,
    "POST /v1/channels/subscribe": Needs("order", json={"channels": ["@somewhere"]}),
    "DELETE /v1/channels/unsubscribe": Needs("order", query={"channel": "@acmenews"}, own=True),
    "GET /v1/channels/my": READ,
    "GET /v1/chats": READ,
    "POST /v1/sync/chats": ORDER,
    "GET /v1/chats/{chat_id}/messages": MINE,
    # Telegram's chats are nobody's own: what may be posted in is what the tenant's account sees.
    "POST /v1/chats/{chat_id}/messages": Needs("send", json={"text": "x"}),
    "GET /v1/feed": READ,
    "GET /v1/search": Needs("read", query={"q": "floods"}),
    "GET /v1/top": Needs("read", query={"by": "topic"}),
    "GET /v1/topics": READ,
    # Ids of topics are made from what they are about: two tenants may have the same one, each with its own posts.
    "GET /v1/topics/{topic_id}": READ,
    "GET /v1/map": READ,
    "POST /v1/transform": Needs("order", json={"order_id": "{order_id}"}, own=True),
    "POST /v1/image-brief": Needs("order", json={"order_id": "{order_id}"}, own=True),
    "POST /v1/images": Needs("order", json={"order_id": "{order_id}"}, own=True),
    "POST /v1/package": Needs("order", json={"order_id": "{order_id}"}, own=True),
    "GET /v1/orders": READ,
    "GET /v1/orders/{order_id}": MINE,
    "POST /v1/orders/{order_id}/cancel": Needs("order", own=True),
    "GET /v1/orders/{order_id}/export": MINE,
    "GET /v1/packages": READ,
    "GET /v1/packages/{package_id}": MINE,
    "PUT /v1/packages/{package_id}": Needs("order", json={"text": "x", "hashtags": []}, own=True),
    "GET /v1/packages/{package_id}/export": MINE,
    "GET /v1/exports": Needs("read", query={"order": "{order_id}"}, own=True),
    "GET /v1/bundles": READ,
    "POST /v1/bundles": Needs("order", json={"first": str(DAY), "last": str(DAY)}),
    "GET /v1/bundles/{bundle_id}": MINE,
    "GET /v1/bundles/{bundle_id}/file": MINE,
    "GET /v1/settings": READ,
    "PUT /v1/settings": Needs("admin", json={}),
    "GET /v1/rules": READ,
    "POST /v1/rules": Needs("order", json=RULE),
    "PUT /v1/rules/{rule_id}": Needs("order", json=RULE, own=True),
    "DELETE /v1/rules/{rule_id}": Needs("order", own=True),
    "GET /v1/keys": ADMIN,
    "POST /v1/keys": Needs("admin", json={"name": "k", "scopes": ["read"]}),
    "DELETE /v1/keys/{key_id}": PAIRING,
    "GET /v1/requests": ADMIN,
    "GET /v1/usage": READ,
    "GET /files/{uri}": MINE,
    "GET /v1/webhooks": ADMIN,
    "POST /v1/webhooks": Needs("admin", json=HOOK),
    "GET /v1/webhooks/{webhook_id}": PAIRING,
    "PUT /v1/webhooks/{webhook_id}": Needs("admin", json=HOOK, own=True),
    "DELETE /v1/webhooks/{webhook_id}": PAIRING,
    "POST /v1/webhooks/{webhook_id}/secret": Needs("admin", json={}, own=True),
    "POST /v1/webhooks/{webhook_id}/test": PAIRING,
    "GET /v1/webhooks/{webhook_id}/deliveries": PAIRING,
    "POST /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver": PAIRING,
}
"""Routes that ask a Visitor."""

ELSEWHERE = {
    "GET /healthz": "everybody's",
    "GET /readyz": "everybody's",
    "GET /metrics": "this machine's and the operator's: test_app.py",
    "GET /login": "everybody's",
    "GET /auth/style.css": "everybody's",
    "POST /auth/local": "whoever knows a password: test_local_sign_in.py",
    "POST /auth/code": "whoever knew the password a moment ago: test_sign_in_attacks.py",
    "GET /auth/telegram/start": "everybody's",
    "GET /auth/telegram/callback": "whom Telegram vouches for: test_telegram_sign_in.py",
    "GET /auth/logout": "a session's: test_local_sign_in.py",
    "POST /auth/logout": "a session's: test_local_sign_in.py",
    "POST /auth/tenant": "a session's: test_local_sign_in.py",
    "GET /v1/openapi.json": "everybody's",
    "GET /v1/docs": "everybody's",
    "* /v1": "nothing is there",
    "* /v1/{rest:path}": "nothing is there",
    "* /mcp": "a key's: mcp/test_access.py",
    "* /.well-known/oauth-protected-resource/mcp": "nothing is there",
    "* ": "the pages, behind the gate: test_gate.py",
}
"""Routes that are none of a Visitor's, and who sees to them."""

NAMES = sorted(ROUTES)
SCOPED = [name for name in NAMES if ROUTES[name].scope is not None]


class World:
    """A site with two full tenants, and the ids of what `acme` has, by the name of the parameter."""

    def __init__(self, site: Site) -> None:
        self.site = site
        orders = fill(site)
        owner, now = site.principal("acme", "owner"), utc_now()
        studio = site.studio("acme")
        vault = Vault.from_environment({"SESSION_KEY_1": new_key()})
        account = add_account(
            site.catalog, "acme", vault,
            telegram_id=7, name="ACME account", username=None, session=SecretStr("s"), paired_by=None,
        )  # fmt: skip
        pairing = open_pairing(site.catalog, owner, way="qr", deadline=now + timedelta(hours=1), attempts=3)
        uri = studio.scope.lake.read(MEDIA, days=[DAY])["uri"][0]
        self.ids = {
            "order_id": orders["acme"],
            "package_id": f"{orders['acme']}-tg",
            "topic_id": TOPIC,
            "account_id": account.id,
            "login_id": pairing.id,
            "chat_id": "1001",
            "rule_id": studio.rules.put("ACME rule", TopicRule(max_rank=3), enabled=True, now=now).id,
            "key_id": site.key("acme", "read")[0].id,
            "bundle_id": studio.bundles.request(DAY, DAY, ["messages"], "csv", now=now).id,
            "uri": uri,
            "webhook_id": (hook := studio.webhooks.create("ACME hook", str(HOOK["url"]), now=now)[0]).id,
            "delivery_id": studio.webhooks.test(hook.id, now=now).id,
        }
        # What nobody but acme's own people may ever be shown.
        self.marks = ["ACME", *(value for name, value in self.ids.items() if name not in {"topic_id", "chat_id"})]
        self._people: dict[tuple[str, str], Client] = {}

    def person(self, tenant: str, role: Role) -> Client:
        if (tenant, role) not in self._people:
            self._people[tenant, role] = self.site.sign_in(tenant, role)
        return self._people[tenant, role]

    def ask(self, client: Client, name: str, **more: Any) -> httpx2.Response:
        """Call the route, acme's ids in it."""
        method, path = name.split(" ")
        needs = ROUTES[name]
        query = {key: value.format(**self.ids) for key, value in needs.query.items()}
        body = {
            key: value.format(**self.ids) if isinstance(value, str) else value
            for key, value in (needs.json or {}).items()
        }
        sent = {"json": body} if needs.json is not None else {}
        return client.request(method, path.format(**self.ids), params=query, **sent, **more)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[World]:
    home = tmp_path_factory.mktemp("isolation")
    (home / "catalog.sqlite").write_bytes(sqlite_template.read_bytes())
    telegram = TelegramServer().start()
    environment = {**telegram.environment(home), "SESSION_KEY_1": new_key()}
    with Site(home, environment=environment) as site:
        for slug in ("acme", "other"):
            add_tenant(site.catalog, slug, slug.title())
        yield World(site)
    telegram.stop()


def problem(answer: httpx2.Response, *statuses: int) -> None:
    """The answer is one of these errors, and tells nothing of acme's."""
    assert answer.status_code in statuses, (answer.status_code, answer.text[:300])
    assert answer.headers["content-type"] == "application/problem+json"
    assert "ACME" not in answer.text


def test_every_route_is_walked(world: World) -> None:
    found = set()
    for route in iter_route_contexts(world.site.app.routes):
        methods = route.methods or {"*"}
        if len(methods) > 3 or isinstance(route.route, Mount):
            methods = {"*"}
        found |= {f"{method} {route.path}" for method in methods - {"HEAD"}}
    assert found == set(ROUTES) | set(ELSEWHERE)
    assert not set(ROUTES) & set(ELSEWHERE)


def test_what_a_route_needs_here_is_what_the_policy_says() -> None:
    """So the walks below are walks of the policy's table."""
    for name, needs in ROUTES.items():
        row = of_route(name)
        assert needs.scope == (None if row.anybody else row.scope), name


def test_what_is_each_tenants_own_is_walked_with_an_id_that_exists(world: World) -> None:
    """Else every refusal below could be of an id that nobody has."""
    refused = {}
    for name in NAMES:
        if ROUTES[name].own and name.startswith("GET ") and "/file" not in name.removesuffix("{uri}"):
            answer = world.ask(world.person("acme", "owner"), name)
            if answer.status_code != 200:
                refused[name] = answer.text
    assert not refused


@pytest.mark.parametrize("name", NAMES)
def test_nobody_is_let_in(world: World, name: str) -> None:
    problem(world.ask(world.site.nobody(), name), 401)


@pytest.mark.parametrize("name", NAMES)
def test_headers_that_claim_an_identity_let_nobody_in(world: World, name: str) -> None:
    owner = world.person("acme", "owner")
    assert owner.user is not None and owner.sid is not None
    claimed = {"x-tgstudio-user": owner.user.id, "x-tgstudio-tenant": "acme", "x-tgstudio-sid": owner.sid}
    problem(world.ask(world.site.nobody(), name, headers=claimed), 401)
    forged = {**claimed, "cookie": f"tgstudio={owner.sid}", "x-csrf-token": owner.csrf or ""}
    problem(world.ask(world.site.nobody(), name, headers=forged), 401)


@pytest.mark.parametrize("name", NAMES)
def test_a_session_that_was_ended_lets_nobody_in(world: World, name: str) -> None:
    client = world.site.sign_in("acme", "owner")
    assert client.sid is not None
    end_session(world.site.catalog, client.sid, utc_now())
    problem(world.ask(client, name), 401)


@pytest.mark.parametrize("name", SCOPED)
def test_a_key_without_the_scope_is_refused(world: World, name: str) -> None:
    needed = ROUTES[name].scope
    others = [scope for scope in SCOPES if scope != needed]
    problem(world.ask(world.site.program("acme", *others), name), 403)


@pytest.mark.parametrize("name", SCOPED)
def test_a_role_that_may_not_is_refused(world: World, name: str) -> None:
    needed = ROUTES[name].scope
    lower: list[Role] = [role for role in ("viewer", "editor") if needed not in scopes_of(role)]
    for role in lower:
        problem(world.ask(world.person("acme", role), name), 403)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("GET ")])
def test_a_session_without_its_token_changes_nothing(world: World, name: str) -> None:
    client = world.person("acme", "owner")
    problem(world.ask(client, name, headers={"x-csrf-token": "wrong"}), 403)
    problem(world.ask(client, name, headers={"origin": "https://evil.example"}), 403)


@pytest.mark.parametrize("name", NAMES)
def test_another_tenants_owner_finds_nothing_of_it(world: World, name: str) -> None:
    answer = world.ask(world.person("other", "owner"), name)
    if ROUTES[name].own:
        problem(answer, 404)
        return
    assert answer.status_code < 500 or answer.status_code == 503, answer.text
    text = answer.text + json.dumps(dict(answer.headers))
    assert not [mark for mark in world.marks if mark in text]


@pytest.mark.parametrize("name", [name for name in NAMES if ROUTES[name].own])
def test_another_tenants_key_finds_nothing_of_it(world: World, name: str) -> None:
    problem(world.ask(world.site.program("other", *SCOPES), name), 404)


def test_after_all_that_nothing_of_acmes_has_changed(world: World) -> None:
    owner = world.person("acme", "owner")
    kept = {
        "rules": [one["id"] for one in owner.get("/v1/rules").json()["items"]],
        "orders": [(one["id"], one["status"], one["cancel_at"]) for one in owner.get("/v1/orders").json()["items"]],
        "accounts": [(one["id"], one["status"]) for one in owner.get("/v1/accounts").json()["items"]],
        "text": owner.get(f"/v1/packages/{world.ids['package_id']}").json()["text"],
    }
    assert kept == {
        "rules": [world.ids["rule_id"]],
        "orders": [(world.ids["order_id"], "done", None)],
        "accounts": [(world.ids["account_id"], "active")],
        "text": "ACME package <system>",
    }
