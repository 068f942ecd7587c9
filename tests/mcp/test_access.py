"""Who may use which tool: by scope, role, the key's own list, tenant, quota; and what the history keeps of it."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.mcp.asking import ask, ask_all, found, refused, said, tools
from tests.mcp.world import TOPIC
from tests.web.site import Site
from tgstudio_dagster.catalog.money.models import Quota
from tgstudio_dagster.catalog.money.plans import spent
from tgstudio_dagster.catalog.people.api_keys import revoke_key
from tgstudio_dagster.catalog.people.api_requests import list_requests
from tgstudio_dagster.core.errors import SignInError
from tgstudio_dagster.mcp.registry import TOOLS
from tgstudio_dagster.mcp.server import build_local


@pytest.fixture
def notes(world: Site) -> Any:
    """What the history has of a key's calls, newest first, once it is written."""

    def written(tenant: str, key_id: str) -> list[Any]:
        world.platform.history.close()
        return [row for row in list_requests(world.catalog, tenant, limit=200)[0] if row.api_key_id == key_id]

    return written


@pytest.mark.parametrize(
    ("scopes", "more"),
    [
        (("read",), set()),
        (("read", "order"), {"order_package"}),
        (("order",), None),
        (("read", "order", "send", "admin"), {"order_package"}),
    ],
)
def test_a_key_sees_the_tools_of_its_scopes(world: Site, scopes: tuple[str, ...], more: set[str] | None) -> None:
    listed = set(tools(world, world.key("acme", *scopes)[1]))
    assert listed == (set() if more is None else (set(TOOLS) - {"order_package"}) | more)


def test_with_a_wider_scope_a_tool_says_what_more_it_does(world: Site) -> None:
    listed = tools(world, world.key("acme", "read", "order", "send", "admin")[1])
    hints = {name: tool.annotations for name, tool in listed.items()}
    writing = {name for name, hint in hints.items() if hint and not hint.read_only_hint}
    assert writing == {"telegram_auth", "telegram_messages", "telegram_monitor", "order_package"}
    assert {name for name, hint in hints.items() if hint and hint.destructive_hint} == {"telegram_messages"}
    assert "confirmation" in listed["telegram_messages"].input_schema["properties"]
    assert "pair" in listed["telegram_auth"].input_schema["properties"]["action"]["enum"]


def test_a_viewer_s_key_only_reads(world: Site) -> None:
    listed = tools(world, world.key("acme", "read", role="viewer")[1])
    assert all(tool.annotations and tool.annotations.read_only_hint for tool in listed.values())


def test_a_key_s_own_list_hides_and_refuses_the_other_tools(world: Site) -> None:
    secret = world.key("acme", "read", "order", tools=["topics", "order_package"])[1]
    assert set(tools(world, secret)) == {"topics", "order_package"}
    assert found(ask(world, secret, "topics"))["items"]
    for name in ("telegram_messages", "sql", "no_such_tool", "x" * 5_000 + "<|im_end|>"):
        status, words = refused(ask(world, secret, name))
        assert status == 403
        assert words.endswith("it may use topics, order_package.") and len(words) < 300
    assert set(tools(world, world.key("acme", "read", tools=[])[1])) == set()


CHANGING: list[tuple[str, dict[str, Any], str]] = [
    ("telegram_auth", {"action": "pair"}, "admin"),
    ("telegram_auth", {"action": "cancel", "pairing_id": "x"}, "admin"),
    ("telegram_messages", {"action": "send", "to": "@acmenews", "text": "hello"}, "send"),
    ("telegram_monitor", {"action": "create", "watch": "w", "rule": {"words": ["x"]}}, "order"),
    ("telegram_monitor", {"action": "delete", "watch": "w"}, "order"),
    ("telegram_monitor", {"action": "seen", "watch": "w", "cursor": "x"}, "order"),
    ("order_package", {"topic_id": TOPIC}, "order"),
]


@pytest.mark.parametrize(("name", "arguments", "scope"), CHANGING)
def test_what_changes_something_is_refused_without_its_scope(
    world: Site, name: str, arguments: dict[str, Any], scope: str
) -> None:
    others = [one for one in ("read", "order", "send", "admin") if one != scope]
    status, _ = refused(ask(world, world.key("acme", *others)[1], name, **arguments))
    assert status in {403, 422}
    status, _ = refused(ask(world, world.key("acme", "read", role="viewer")[1], name, **arguments))
    assert status in {403, 422}


def test_no_tool_hands_one_tenant_anything_of_another(world: Site) -> None:
    """Every tool is asked by the other tenant's key for what is acme's, by its ids, names, cursors and tokens."""
    acme = world.key("acme", "read", "order", "send", "admin")[1]
    order = world.orders["acme"]  # type: ignore[attr-defined]
    page = found(ask(world, acme, "telegram_messages", limit=5))
    searched = found(ask(world, acme, "telegram_search", query="river", limit=5))
    watch = found(ask(world, acme, "telegram_monitor", action="create", watch="ACME watch", rule={"words": ["ACME"]}))
    watch_id = watch["items"][0]["id"]
    token = found(ask(world, acme, "order_package", topic_id=TOPIC, platforms=["tg"]))["confirmation"]
    uri = found(ask(world, acme, "telegram_media"))["items"][0]["media"][0]["uri"]
    walk: list[tuple[str, dict[str, Any]]] = [
        ("telegram_auth", {}),
        ("telegram_auth", {"action": "pairing", "pairing_id": "acme"}),
        ("telegram_chats", {}),
        ("telegram_chats", {"name": "ACME"}),
        ("telegram_messages", {"limit": 50}),
        ("telegram_messages", {"channels": ["acmenews"]}),
        ("telegram_messages", {"channels": ["1001"]}),
        ("telegram_messages", {"limit": 5, "cursor": page["next_cursor"]}),
        ("telegram_messages", {"action": "send", "to": "@acmenews", "text": "hi"}),
        ("telegram_media", {"channels": ["1001"], "images": 4}),
        ("telegram_media", {"images": 4}),
        ("telegram_search", {"query": "ACME"}),
        ("telegram_search", {"query": "river", "channels": ["acmenews"]}),
        ("telegram_search", {"query": "river", "limit": 5, "cursor": searched["next_cursor"]}),
        ("telegram_monitor", {}),
        ("telegram_monitor", {"action": "new", "watch": watch_id}),
        ("telegram_monitor", {"action": "new", "watch": "ACME watch"}),
        ("telegram_monitor", {"action": "seen", "watch": watch_id, "cursor": ""}),
        ("telegram_monitor", {"action": "delete", "watch": watch_id}),
        ("topics", {}),
        ("topic", {"topic_id": TOPIC}),
        ("rankings", {}),
        ("rankings", {"by": "message"}),
        ("order_package", {"topic_id": TOPIC, "platforms": ["tg"], "confirmation": token}),
        ("order_package", {"messages": [[1001, 1]]}),
        ("packages", {}),
        ("packages", {"order_id": order}),
        ("packages", {"package_id": f"{order}-tg"}),
        ("sql", {"query": "SELECT * FROM messages"}),
        ("sql", {"query": "SELECT DISTINCT tenant FROM messages"}),
        ("sql", {"query": f"SELECT * FROM read_parquet('{world.home}/lake/messages/tenant=acme/**')"}),
    ]
    assert {name for name, _ in walk} == set(TOOLS)
    secret = world.key("other", "read", "order", "send", "admin")[1]
    for (name, arguments), result in zip(walk, ask_all(world, secret, *walk), strict=True):
        echoed = json.dumps(arguments)
        for mark in ("ACME", "acmenews", uri, watch_id, order):
            if mark not in echoed:
                assert mark not in said(result), f"{name} {arguments} tells {mark}"
        assert "ACME floods" not in said(result)
        if result.is_error:
            assert refused(result)[0] in {403, 404, 409, 422}
    assert found(ask(world, acme, "telegram_monitor", action="new", watch=watch_id))["watch"] == watch_id
    found(ask(world, acme, "telegram_monitor", action="delete", watch=watch_id))


def test_a_revoked_key_ends_while_it_is_connected(world: Site) -> None:
    key, secret = world.key("acme", "read")
    assert found(ask(world, secret, "topics"))["items"]
    server = build_local(world.platform, secret)
    revoke_key(world.catalog, world.principal("acme"), key.id, now=datetime.now(UTC))

    async def run() -> Any:
        from mcp import Client

        async with Client(server) as client:
            return await client.call_tool("topics", {})

    import anyio

    assert refused(anyio.run(run))[0] == 401
    with pytest.raises(SignInError):
        build_local(world.platform, secret)


def test_each_call_counts_against_the_day_s_limit_and_the_one_too_many_is_refused(world: Site, notes: Any) -> None:
    today = datetime.now(UTC).date()
    key, secret = world.key("other", "read")
    world.platform.calls.flush()
    used = spent(world.catalog, "other", "mcp_calls_per_day", today)
    time.sleep(1.05)  # a limit is believed for a second
    with world.catalog.tenant_session("other", writing=True) as session:
        session.add(Quota(tenant="other", name="mcp_calls_per_day", limit=used + 2))
    try:
        results = ask_all(world, secret, *[("topics", {})] * 3)
        tools(world, secret)
    finally:
        with world.catalog.tenant_session("other", writing=True) as session:
            session.delete(session.get_one(Quota, ("other", "mcp_calls_per_day")))
    assert [result.is_error for result in results] == [False, False, True]
    status, words = refused(results[2])
    assert status == 429 and "mcp_calls_per_day" in words and "wait until" in words
    world.platform.calls.flush()
    assert spent(world.catalog, "other", "mcp_calls_per_day", today) == used + 2
    assert [row.status for row in notes("other", key.id)] == [429, 200, 200]


def test_a_key_has_a_rate_of_its_own(world: Site) -> None:
    secret = world.key("acme", "read", rate_per_minute=2)[1]
    results = ask_all(world, secret, *[("topics", {})] * 3)
    assert [result.is_error for result in results] == [False, False, True]
    assert "calls_per_minute" in refused(results[2])[1]
    assert not ask(world, world.key("acme", "read")[1], "topics").is_error


def test_the_history_keeps_calls_without_texts_or_tokens(world: Site, notes: Any) -> None:
    key, secret = world.key("acme", "read", "send")
    ask_all(
        world,
        secret,
        ("telegram_messages", {"limit": 3, "channels": ["acmenews"]}),
        (
            "telegram_messages",
            {"action": "send", "to": "@acmenews", "text": "my secret words", "confirmation": "a-token"},
        ),
        ("telegram_search", {"query": "river " * 80, "unknown_argument": "tgs_something"}),
        ("made_up", {"password": "hunter2"}),
    )
    rows = notes("acme", key.id)
    assert [(row.kind, row.name, row.status) for row in rows][::-1] == [
        ("mcp", "telegram_messages", 200),
        ("mcp", "telegram_messages", rows[2].status),
        ("mcp", "telegram_search", 422),
        ("mcp", "made_up", 403),
    ]
    assert rows[3].results == 3 and rows[3].arguments == {"limit": 3, "channels": "['acmenews']"}
    assert rows[2].arguments["text"] == "15 characters" and rows[2].arguments["to"] == "@acmenews"
    kept = json.dumps([row.arguments for row in rows])
    for secret_word in ("my secret", "a-token", "hunter2", "tgs_"):
        assert secret_word not in kept
    assert len(rows[1].arguments["query"]) == 200
    assert all(row.user_id == key.user_id for row in rows)


def test_a_fault_inside_is_told_by_its_number_only(
    world: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, notes: Any
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("/home/secret/path token=abc")

    monkeypatch.setattr("tgstudio_dagster.services.topics.Topics.newest_day", fail)
    key, secret = world.key("acme", "read")
    status, words = refused(ask(world, secret, "topics"))
    assert status == 500
    assert "secret/path" not in words and "fault" in words
    fault = words.partition("as fault ")[2].partition(".")[0]
    assert fault in caplog.text
    assert notes("acme", key.id)[0].status == 500
