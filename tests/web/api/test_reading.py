"""What is read over the API: the sample's feed, rankings, topics, packages; pages, versions, and what is refused."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from tests.web.site import Client, Site
from tgstudio_dagster.lake.tables.posts import MESSAGES


@pytest.fixture(scope="module")
def program(shared_site: Site) -> Client:
    # A browser: a key may not ask so often.
    return shared_site.sign_in("demo", "viewer")


def get(client: Client, path: str, **query: Any) -> Any:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def walk(client: Client, path: str, **query: Any) -> list[Any]:
    """All items of a list, page after page."""
    found: list[Any] = []
    cursor: str | None = None
    for _ in range(300):
        page = get(client, path, **query, **({"cursor": cursor} if cursor else {}))
        found += page["items"]
        cursor = page["cursor"]
        if cursor is None:
            return found
    raise AssertionError("the pages have no end")


def key(post: dict[str, Any]) -> tuple[int, int]:
    return post["channel_id"], post["msg_id"]


def test_the_pages_of_the_feed_are_all_posts_each_once(shared_site: Site, program: Client) -> None:
    posts = shared_site.studio("demo").scope.lake.read(MESSAGES)
    expected = posts.filter(pl.col("type") != "service", pl.col("comment_on").is_null())
    found = walk(program, "/v1/feed", limit=97)
    assert len(found) == expected.height > 1_000
    assert {key(post) for post in found} == set(expected.select("channel_id", "msg_id").iter_rows())
    assert [post["date"] for post in found] == sorted((post["date"] for post in found), reverse=True)


def test_a_post_shows_its_media_edits_deletion_counters_and_permalink(program: Client) -> None:
    posts = walk(program, "/v1/feed", limit=200)
    assert any(post["deleted_at"] for post in posts) and any(post["edits"] for post in posts)
    media = [item for post in posts for item in post["media"] if item["status"] == "stored"]
    assert media and all(item["file"].startswith("/files/") for item in media)
    assert program.get(media[0]["file"]).headers["content-type"] == media[0]["mime"]
    for post in posts[:50]:
        assert post["url"].startswith("https://t.me/")
        assert set(post) >= {"views", "forwards", "reactions", "comments", "lang", "type", "hashtags"}


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ({"type": ["photo", "album"]}, lambda post: post["type"] in ("photo", "album")),
        ({"lang": "en"}, lambda post: post["lang"] == "en"),
        ({"word": ["и", "на"]}, lambda post: "и" in post["text"].lower() and "на" in post["text"].lower()),
        ({"first": "2026-03-11", "last": "2026-03-12"}, lambda post: post["date"][:10] in ("2026-03-11", "2026-03-12")),
    ],
)
def test_the_feed_is_filtered(program: Client, query: dict[str, Any], fits: Any) -> None:
    every = walk(program, "/v1/feed", limit=200)
    found = walk(program, "/v1/feed", limit=200, **query)
    assert [key(post) for post in found] == [key(post) for post in every if fits(post)] != []


def test_a_channel_s_posts_are_found_by_name_by_id_and_as_a_chat(program: Client) -> None:
    chat = get(program, "/v1/chats")["items"][0]
    by_name = walk(program, "/v1/feed", channel=f"@{chat['username'].upper()}")
    assert {post["channel_id"] for post in by_name} == {chat["channel_id"]}
    by_id = walk(program, "/v1/feed", channel=chat["channel_id"])
    in_chat = walk(program, f"/v1/chats/{chat['channel_id']}/messages")
    assert [key(p) for p in by_name] == [key(p) for p in by_id] == [key(p) for p in in_chat]
    assert program.get("/v1/chats/1/messages").status_code == 404


@pytest.mark.parametrize("by", ["message", "topic"])
@pytest.mark.parametrize("window", ["24h", "7d"])
def test_rankings_say_why_and_are_paged(program: Client, by: str, window: str) -> None:
    whole = get(program, "/v1/top", by=by, window=window, limit=200)["items"]
    assert [one["rank"] for one in whole] == list(range(1, len(whole) + 1))
    pages = walk(program, "/v1/top", by=by, window=window, limit=7)
    assert pages[: len(whole)] == whole
    first = whole[0]
    assert first["kind"] == by and first["title"] and first["url"].startswith("https://t.me/")
    assert first["score"] == pytest.approx(max(one["score"] for one in whole))
    assert (first["counters"] is None) == (by == "topic") == bool(first["keywords"])
    assert {"popularity", "trend", "engagement", "audience", "decay", "recent", "expected"} <= set(first["terms"])


def test_a_topic_tells_its_posts_each_text_once_and_when_who_wrote(program: Client) -> None:
    topics = walk(program, "/v1/topics", limit=10)
    assert [t["messages"] for t in topics] == sorted((t["messages"] for t in topics), reverse=True)
    found = get(program, f"/v1/topics/{topics[0]['topic_id']}")
    folded = sum(len(post["repeats"]) for post in found["posts"])
    assert len(found["posts"]) + folded == topics[0]["messages"] == sum(hour["posts"] for hour in found["timeline"])
    assert found["topic"]["title"] == topics[0]["title"]
    assert program.get("/v1/topics/t-000000000000").status_code == 404


def test_the_map_shows_every_post_or_an_even_choice(program: Client) -> None:
    whole = get(program, "/v1/map")
    assert whole["total"] == len(whole["points"]) > 1_000
    few = get(program, "/v1/map", limit=100)
    assert len(few["points"]) <= 100 and few["total"] == whole["total"]
    assert {"x", "y", "topic_id", "story_id", "title", "excerpt", "colour", "url"} <= set(whole["points"][0])


def test_search_finds_words_and_marks_them(program: Client) -> None:
    found = get(program, "/v1/search", q="обзор", limit=5)
    assert found["items"] and found["total"] >= len(found["items"])
    hit = found["items"][0]
    assert all(hit["snippet"][start:end] for start, end in hit["marks"])
    further = get(program, "/v1/search", q="обзор", limit=5, cursor=found["cursor"]) if found["cursor"] else None
    assert further is None or not {key(one) for one in further["items"]} & {key(one) for one in found["items"]}


def test_packages_are_listed_shown_with_the_sources_of_their_sentences_and_exported(program: Client) -> None:
    listed = walk(program, "/v1/packages", limit=1)
    assert {one["platform"] for one in listed} == {"tg", "vk", "x", "ig"}
    one = get(program, f"/v1/packages/{listed[0]['package_id']}")
    assert one["text"] == listed[0]["text"] and one["preview"]["count"] <= one["preview"]["limit"]
    assert any(sentence["sources"] for sentence in one["sentences"])
    assert program.get(one["images"][0]["file"]).status_code == 200
    for kind in ("json", "csv", "parquet", "zip"):
        file = program.get(f"/v1/packages/{listed[0]['package_id']}/export", params={"format": kind})
        assert file.status_code == 200 and file.headers["content-disposition"].endswith(f".{kind}")
    content = json.loads(program.get(f"/v1/packages/{listed[0]['package_id']}/export").content)
    assert listed[0]["text"] in json.dumps(content, ensure_ascii=False) or content
    order = listed[0]["order_id"]
    archive = program.get(f"/v1/orders/{order}/export").content
    assert {name.split("/")[0] for name in zipfile.ZipFile(io.BytesIO(archive)).namelist()} == {order}
    assert program.get("/v1/exports", params={"order": order, "format": "csv"}).content


def test_an_order_tells_its_steps_and_what_it_has_made(program: Client) -> None:
    order, *others = walk(program, "/v1/orders")
    assert len(others) == 2
    found = get(program, f"/v1/orders/{order['id']}")
    assert found["order"] == order and order["status"] == "done"
    assert next(step["name"] for step in found["steps"]) == "editor_results"
    assert {step["status"] for step in found["steps"]} == {"done"}
    assert found["text"]["headline"] and found["briefs"] and found["images"] and len(found["packages"]) == 4
    assert walk(program, "/v1/orders", status="failed") == []


def test_usage_and_settings_and_lists_of_what_there_is_none_of(program: Client) -> None:
    used = get(program, "/v1/usage", window="7d")
    assert len(used["by_day"]) == 7 and used["quotas"]
    assert get(program, "/v1/settings")["language"] == "ru"
    for path in ("/v1/accounts", "/v1/bundles", "/v1/rules", "/v1/channels/my"):
        assert get(program, path)["items"] == []


def test_what_has_not_changed_is_not_sent_again(program: Client) -> None:
    for path in ("/v1/feed?limit=3", "/v1/top", "/v1/topics", "/v1/settings", "/v1/orders", "/v1/chats"):
        first = program.get(path)
        tag = first.headers["etag"]
        assert first.headers["cache-control"] == "private, no-cache"
        assert "authorization" in first.headers["vary"].lower()
        again = program.get(path, headers={"if-none-match": f'"other", W/{tag}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert program.get(path, headers={"if-none-match": '"other"'}).content == first.content


def test_a_tag_is_of_its_question_and_of_its_tenant(shared_site: Site, program: Client) -> None:
    tag = program.get("/v1/feed").headers["etag"]
    assert program.get("/v1/feed?limit=7", headers={"if-none-match": tag}).status_code == 200
    other = shared_site.program("other", "read")
    assert other.get("/v1/feed", headers={"if-none-match": tag}).json()["items"] == []


def test_the_data_s_new_version_is_a_new_answer(sample_site: Site) -> None:
    program = sample_site.program("demo", "read")
    first = program.get("/v1/feed?limit=1")
    (post,) = first.json()["items"]
    lake = sample_site.studio("demo").scope.lake
    day = lake.days(MESSAGES)[-1]
    frame = lake.read(MESSAGES, days=[day])
    own = (pl.col("channel_id") == post["channel_id"]) & (pl.col("msg_id") == post["msg_id"])
    later = frame.with_columns(date=pl.when(own).then(pl.col("date") + timedelta(seconds=1)).otherwise("date"))
    lake.write(MESSAGES, later.with_columns(text=pl.when(own).then(pl.lit("changed")).otherwise("text")), day=day)
    again = program.get("/v1/feed?limit=1", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 200 and again.json()["items"][0]["text"] == "changed"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/feed?limit=0", "limit"),
        ("/v1/feed?limit=201", "limit"),
        ("/v1/feed?limit=x", "limit"),
        ("/v1/feed?nothing=1", "nothing"),
        ("/v1/feed?first=2026-13-01", "first"),
        ("/v1/feed?first=2026-03-12&last=2026-03-11", "first"),
        ("/v1/feed?type=sonnet", "type.0"),
        ("/v1/feed?channel=a%20b", "channel.0"),
        ("/v1/feed?word=", "word.0"),
        ("/v1/feed?cursor=nothing", "cursor"),
        ("/v1/top?window=30d", "window"),
        ("/v1/top?by=channel", "by"),
        ("/v1/top?cursor=nothing", "cursor"),
        ("/v1/topics?cursor=WzFd", "cursor"),
        ("/v1/topics/nothing", "topic_id"),
        ("/v1/search", "q"),
        ("/v1/search?q=-", "q"),
        ("/v1/usage?window=0d", "window"),
        ("/v1/usage?window=30", "window"),
        ("/v1/orders/nothing!", "order_id"),
        ("/v1/exports", "order"),
        ("/v1/chats?cursor=%00", "cursor"),
    ],
)
def test_what_is_not_valid_is_refused_and_named(program: Client, path: str, field: str) -> None:
    answer = program.get(path)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert found["field"].split(":")[0] == field or found["detail"].startswith(("query", "a query", "search"))
    assert found["status"] == 422 and found["request"] == answer.headers["x-request-id"]


def test_there_is_no_day_without_rankings_and_it_says_so(shared_site: Site) -> None:
    other = shared_site.program("other", "read")
    assert get(other, "/v1/feed") == {"items": [], "cursor": None, "looked_to": None}
    answer = other.get("/v1/top")
    assert answer.status_code == 404 and "nothing is materialized" in answer.json()["detail"]
