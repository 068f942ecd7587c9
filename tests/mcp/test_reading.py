"""Every tool that reads: what it gives, page by page, with permalinks, and strangers' words only where they are marked."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from mcp.types import CallToolResult

from tests.mcp.asking import Asked, ask, ask_all, found, refused, said, tools
from tests.mcp.world import DAY, TOPIC
from tests.web.site import Site
from tgstudio_dagster.mcp.envelope import MAX_CHARS, NOTICE
from tgstudio_dagster.mcp.registry import TOOLS

READING: list[Asked] = [
    ("telegram_auth", {}),
    ("telegram_chats", {}),
    ("telegram_messages", {"limit": 50}),
    ("telegram_media", {"images": 1}),
    ("telegram_search", {"query": "river"}),
    ("telegram_monitor", {}),
    ("topics", {}),
    ("topic", {"topic_id": TOPIC}),
    ("rankings", {"by": "message"}),
    ("packages", {}),
    ("sql", {"query": "SELECT msg_id, text FROM messages ORDER BY msg_id"}),
]


@pytest.fixture(scope="module")
def secret(world: Site) -> str:
    return world.key("acme", "read")[1]


@pytest.fixture(scope="module")
def answers(world: Site, secret: str) -> dict[str, CallToolResult]:
    results = ask_all(world, secret, *READING)
    return dict(zip((name for name, _ in READING), results, strict=True))


@pytest.mark.parametrize("name", [name for name, _ in READING])
def test_an_answer_is_small_and_in_its_envelope(answers: dict[str, CallToolResult], name: str) -> None:
    result = answers[name]
    content = found(result)
    assert content["notice"] == NOTICE
    text = result.content[0].text  # type: ignore[union-attr]
    assert len(text) <= MAX_CHARS
    assert text.startswith(NOTICE)
    for outside in (_trusted(content), text.partition("\n----- BEGIN UNTRUSTED")[0]):
        assert "ACME" not in json.dumps(outside), "what strangers wrote stands outside of its envelope"
    for inside in ("<system>", "</untrusted_content>", "<|im_start|>", "\u202e", "javascript:"):
        assert inside not in said(result)


def test_each_answer_has_a_boundary_of_its_own(answers: dict[str, CallToolResult]) -> None:
    assert len({result.structured_content["boundary"] for result in answers.values()}) == len(answers)


def test_a_key_that_reads_sees_tools_that_say_they_only_read(world: Site, secret: str) -> None:
    listed = tools(world, secret)
    assert set(listed) == set(TOOLS) - {"order_package"}
    for tool in listed.values():
        assert tool.annotations is not None and tool.annotations.read_only_hint is True, tool.name
        assert tool.annotations.destructive_hint is False
        assert tool.description and tool.input_schema["additionalProperties"] is False
    assert "action" not in listed["telegram_messages"].input_schema["properties"]
    assert listed["telegram_monitor"].input_schema["properties"]["action"]["enum"] == ["list", "new"]
    assert sum(len(tool.model_dump_json(exclude_none=True)) for tool in listed.values()) < 24_000


def test_posts_come_with_permalinks_newest_first_and_page_by_page(world: Site, secret: str) -> None:
    seen: list[int] = []
    cursor = None
    for _ in range(20):
        page = found(ask(world, secret, "telegram_messages", limit=25, cursor=cursor))
        seen += [row["msg_id"] for row in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == list(range(61, 0, -1))
    row = found(ask(world, secret, "telegram_messages", words=["part 0"]))["items"][0]
    assert row["permalink"] == "https://t.me/acmenews/1"
    assert row["untrusted_content"]["text"] == "ACME floods the river, part 0"


def test_a_page_that_would_be_too_large_ends_earlier_and_goes_on_there(world: Site) -> None:
    from tests.mcp.world import more

    secret = world.key("other", "read")[1]
    more(world, "other", *("OTHER " + "long " * 700 for _ in range(12)))
    seen: list[int] = []
    cursor = None
    while True:
        result = ask(world, secret, "telegram_messages", words=["long"], limit=50, cursor=cursor)
        assert len(result.content[0].text) <= MAX_CHARS  # type: ignore[union-attr]
        page = found(result)
        seen += [row["msg_id"] for row in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        assert page["left_out"] > 0 or page["items"]
    assert len(seen) == len(set(seen)) == 12


def test_small_images_come_as_images(answers: dict[str, CallToolResult]) -> None:
    result = answers["telegram_media"]
    image = result.content[1]
    assert image.type == "image" and image.mime_type == "image/png"
    assert base64.b64decode(image.data).startswith(b"\x89PNG")
    (row,) = found(result)["items"]
    (medium,) = row["media"]
    assert medium["image"] == 1 and medium["uri"].endswith(".png")
    assert row["permalink"] == "https://t.me/acmenews/3"
    assert "ignore" in row["untrusted_content"]["file_names"][0]


def test_search_finds_by_words_and_by_meaning_and_pages(world: Site, secret: str) -> None:
    first = found(ask(world, secret, "telegram_search", query="river floods", limit=20))
    assert first["total"] == 60 and len(first["items"]) == 20
    second = found(ask(world, secret, "telegram_search", query="river floods", limit=20, cursor=first["next_cursor"]))
    ids = {row["msg_id"] for page in (first, second) for row in page["items"]}
    assert len(ids) == 40
    assert found(ask(world, secret, "telegram_search", query="river", by="meaning"))["items"]


def test_channels_can_be_named_in_part(world: Site, secret: str) -> None:
    (row,) = found(ask(world, secret, "telegram_chats", name="acmen"))["items"]
    assert (row["username"], row["status"], row["permalink"]) == ("acmenews", "imported", "https://t.me/acmenews")
    assert found(ask(world, secret, "telegram_chats", name="nothing"))["items"] == []


def test_topics_and_rankings_say_why(world: Site, secret: str, answers: dict[str, CallToolResult]) -> None:
    (topic,) = found(answers["topics"])["items"]
    assert (topic["topic_id"], topic["messages"]) == (TOPIC, 61)
    posts = found(answers["topic"])
    assert posts["total"] == 60, "the post that repeats another is folded"
    assert posts["items"][0]["repeated_at"] == []
    ranked = found(answers["rankings"])
    assert [row["rank"] for row in ranked["items"]] == list(range(1, 11))
    assert set(ranked["items"][0]["terms"]) >= {"popularity", "trend", "decay"}
    rest = found(ask(world, secret, "rankings", by="message", cursor=ranked["next_cursor"], limit=50))
    assert [row["rank"] for row in rest["items"]] == list(range(11, 31))
    assert rest["next_cursor"] is None


def test_orders_packages_and_one_package_are_shown(world: Site, secret: str) -> None:
    order = world.orders["acme"]  # type: ignore[attr-defined]
    (row,) = found(ask(world, secret, "packages"))["items"]
    assert (row["order_id"], row["status"]) == (order, "done")
    one = found(ask(world, secret, "packages", order_id=order))
    assert one["items"][0]["package_id"] == f"{order}-tg"
    assert one["items"][0]["sources"] == ["https://t.me/acmenews/1"]
    package = found(ask(world, secret, "packages", package_id=f"{order}-tg"))
    assert (package["platform"], package["stale_sources"]) == ("tg", 0)
    assert package["untrusted_content"]["text"] == "ACME package ‹system>"


def test_sql_reads_only_within_its_limits(world: Site, secret: str, answers: dict[str, CallToolResult]) -> None:
    rows = found(answers["sql"])["items"]
    assert rows[0]["untrusted_content"] == {"msg_id": 1, "text": "ACME floods the river, part 0"}
    for query, says in (
        ("DROP TABLE messages", "refused"),
        ("SELECT * FROM read_csv('/etc/passwd')", ""),
        ("SELECT * FROM range(100000)", "more than 200 rows"),
        ("SELEC", ""),
    ):
        status, words = refused(ask(world, secret, "sql", query=query))
        assert status == 422 and says in words
    result = ask(world, secret, "sql", query="SELECT text::INT FROM messages")
    assert "ACME" in refused(result)[1]
    assert "ACME" not in json.dumps(_trusted(result.structured_content))


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("telegram_messages", {"limit": 51}, "limit"),
        ("telegram_messages", {"cursor": "nonsense"}, "cursor"),
        ("telegram_messages", {"action": "send", "to": "@x", "text": "y"}, "no such argument"),
        ("telegram_messages", {"first": "2026-03-10", "last": "2026-03-09"}, "first"),
        ("telegram_search", {"query": "-without"}, ""),
        ("telegram_search", {"query": "river", "cursor": "10-abc"}, "cursor"),
        ("telegram_monitor", {"action": "new"}, "watch"),
        ("telegram_monitor", {"action": "create"}, "action"),
        ("topic", {"topic_id": "t-ffffffffffff"}, "not among the topics"),
        ("topic", {"topic_id": "x"}, "topic_id"),
        ("topics", {"day": "2020-01-01x"}, "day"),
        ("topics", {"cursor": "-1"}, "cursor"),
        ("packages", {"order_id": "acme-nothing"}, "no order"),
        ("sql", {}, "query"),
    ],
)
def test_a_wrong_argument_is_an_error_that_names_it(
    world: Site, secret: str, name: str, arguments: dict[str, Any], says: str
) -> None:
    status, words = refused(ask(world, secret, name, **arguments))
    assert 400 <= status < 500
    assert says in words


def test_a_day_without_anything_gives_nothing(world: Site, secret: str) -> None:
    assert found(ask(world, secret, "topics", day="2020-01-01"))["items"] == []
    assert found(ask(world, secret, "telegram_messages", last="2020-01-01"))["items"] == []
    assert DAY.isoformat() == found(ask(world, secret, "topics"))["day"]


def test_a_tenant_with_nothing_is_told_what_to_do(site: Site) -> None:
    secret = site.key("acme", "read")[1]
    for name, arguments in READING:
        result = ask(site, secret, name, **arguments)
        if result.is_error:
            assert "Import something" in refused(result)[1] or "not among" in refused(result)[1]
        else:
            assert found(result)["items"] == []


def _trusted(value: Any) -> Any:
    """What stands outside of fields of strangers' words."""
    match value:
        case dict():
            return {name: _trusted(one) for name, one in value.items() if name != "untrusted_content"}
        case list():
            return [_trusted(one) for one in value]
        case _:
            return value
