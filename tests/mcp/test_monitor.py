"""A program watches: it is told of what is new, page by page, and again until it says that it has seen it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mcp.asking import ask, found, refused
from tests.mcp.world import HOSTILE, more
from tests.web.site import Site
from tgstudio_dagster.mcp.envelope import MAX_CHARS


@pytest.fixture
def secret(world: Site) -> str:
    return world.key("acme", "read", "order")[1]


def _watch(world: Site, secret: str, name: str, **rule: Any) -> None:
    made = found(ask(world, secret, "telegram_monitor", action="create", watch=name, rule=rule))
    assert made["items"][0]["untrusted_content"]["rule"] == rule


def _new(world: Site, secret: str, name: str, **more_arguments: Any) -> dict[str, Any]:
    return found(ask(world, secret, "telegram_monitor", action="new", watch=name, **more_arguments))


def test_new_posts_are_told_until_they_are_said_to_be_seen(world: Site, secret: str) -> None:
    _watch(world, secret, "dams", words=["dam"])
    assert _new(world, secret, "dams")["items"] == []
    more(world, "acme", "the dam holds", "nothing here", f"the dam breaks {HOSTILE}")
    page = _new(world, secret, "dams")
    texts = [row["untrusted_content"]["text"] for row in page["items"]]
    assert texts[0] == "the dam holds" and "‹/untrusted_content>" in texts[1]
    assert page["items"][0]["permalink"].startswith("https://t.me/channel1001/")
    assert _new(world, secret, "dams")["items"] == page["items"]
    cursor = page["next_cursor"]
    assert _new(world, secret, "dams", cursor=cursor)["items"] == []
    found(ask(world, secret, "telegram_monitor", action="seen", watch="dams", cursor=cursor))
    assert _new(world, secret, "dams")["items"] == []
    more(world, "acme", "another dam")
    assert len(_new(world, secret, "dams")["items"]) == 1


def test_a_watch_pages_by_number_and_by_size(world: Site, secret: str) -> None:
    _watch(world, secret, "long", any_words=["endless"])
    more(world, "acme", *(f"endless {n} " + "x" * 2_500 for n in range(15)))
    seen, cursor = [], None
    while True:
        result = ask(world, secret, "telegram_monitor", action="new", watch="long", cursor=cursor, limit=12)
        assert len(result.content[0].text) <= MAX_CHARS  # type: ignore[union-attr]
        page = found(result)
        if not page["items"]:
            break
        seen += [row["untrusted_content"]["text"].split()[1] for row in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [str(n) for n in range(15)]


def test_a_reading_key_is_told_and_moves_nothing(world: Site, secret: str) -> None:
    _watch(world, secret, "shared", words=["bridge"])
    more(world, "acme", "a bridge")
    reader = world.key("acme", "read")[1]
    page = _new(world, reader, "shared")
    assert len(page["items"]) == 1
    for action in ("seen", "delete", "create"):
        given = {"action": action, "watch": "shared", "cursor": page["next_cursor"]}
        assert refused(ask(world, reader, "telegram_monitor", **given))[0] == 422
    names = {row["untrusted_content"]["name"] for row in found(ask(world, reader, "telegram_monitor"))["items"]}
    assert "shared" in names


def test_a_watch_goes_when_it_is_deleted_and_its_name_is_free(world: Site, secret: str) -> None:
    _watch(world, secret, "short", words=["x"])
    assert (
        refused(ask(world, secret, "telegram_monitor", action="create", watch="short", rule={"words": ["y"]}))[0] == 409
    )
    found(ask(world, secret, "telegram_monitor", action="delete", watch="short"))
    assert refused(ask(world, secret, "telegram_monitor", action="new", watch="short"))[0] == 404
    _watch(world, secret, "short", words=["y"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"action": "create", "watch": "w"}, "rule"),
        ({"action": "create", "watch": "w", "rule": {}}, "rule"),
        ({"action": "create", "watch": "w", "rule": {"word": ["x"]}}, "rule.word"),
        ({"action": "seen", "watch": "w"}, "cursor"),
        ({"action": "delete"}, "watch"),
        ({"action": "new", "watch": "none of this name"}, "no watch"),
    ],
)
def test_what_is_missing_is_named(world: Site, secret: str, arguments: dict[str, Any], says: str) -> None:
    status, words = refused(ask(world, secret, "telegram_monitor", **arguments))
    assert status in {404, 422} and says in words
