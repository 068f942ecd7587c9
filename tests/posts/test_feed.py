"""Pages of the feed: the same posts as in one long read, whatever comes between pages, in bounded work."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import frame, messages
from tgstudio_dagster.core.errors import QueryError
from tgstudio_dagster.lake.store import Lake, S3Options, TenantLake
from tgstudio_dagster.lake.tables.posts import MEDIA, MESSAGES
from tgstudio_dagster.posts import feed as feeds
from tgstudio_dagster.posts.feed import FeedPage, FeedQuery, feed_page

NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)
Root = tuple[str, dict[str, str] | None]


@pytest.fixture
def acme(lake_root: Root) -> TenantLake:
    root, options = lake_root
    return Lake(root, s3=S3Options(**options) if options else None).tenant("acme")


@pytest.fixture
def local(tmp_path_factory: pytest.TempPathFactory) -> TenantLake:
    return Lake(str(tmp_path_factory.mktemp("lake"))).tenant("acme")


def post(day: int, n: int, **given: Any) -> dict[str, Any]:
    return {"msg_id": (day + 30) * 100 + n, "date": NOON + timedelta(days=day, minutes=n), **given}


def write(lake: TenantLake, *rows: dict[str, Any]) -> None:
    by_day: dict[date, list[dict[str, Any]]] = {}
    for row in rows:
        by_day.setdefault(row["date"].date(), []).append(row)
    for day, posts in by_day.items():
        lake.write(MESSAGES, messages(*posts), day=day)


def ids(page: FeedPage) -> list[int]:
    return page.rows["msg_id"].to_list()


def walk(lake: TenantLake, query: FeedQuery, limit: int) -> list[int]:
    """All message ids, page after page."""
    seen_ids, cursor = [], None
    for _ in range(200):
        page = feed_page(lake, query, cursor=cursor, limit=limit)
        assert page.rows.height <= limit
        seen_ids += ids(page)
        cursor = page.cursor
        if cursor is None:
            return seen_ids
    raise AssertionError("the pages have no end")


def test_pages_put_together_are_the_whole_feed_newest_first(acme: TenantLake) -> None:
    write(acme, *(post(day, n) for day in range(3) for n in range(4)))
    assert walk(acme, FeedQuery(), 5) == [(day + 30) * 100 + n for day in (2, 1, 0) for n in (3, 2, 1, 0)]
    assert walk(acme, FeedQuery(), 200) == walk(acme, FeedQuery(), 1)


def test_an_empty_lake_has_an_empty_page(acme: TenantLake) -> None:
    page = feed_page(acme, FeedQuery())
    assert (page.rows.height, page.cursor, page.looked_to) == (0, None, None)
    assert page.rows.schema == feeds._no_posts().schema


def test_posts_that_come_between_two_pages_neither_repeat_nor_hide_one(acme: TenantLake) -> None:
    write(acme, *(post(0, n) for n in range(0, 20, 2)))
    first = feed_page(acme, FeedQuery(), limit=4)
    write(acme, *(post(0, n) for n in range(0, 20, 2)), post(0, 30), post(0, 31), post(1, 0))
    rest = walk_from(acme, first.cursor)
    assert ids(first) + rest == [3000 + n for n in range(18, -1, -2)]


def walk_from(lake: TenantLake, cursor: str | None) -> list[int]:
    seen_ids: list[int] = []
    while cursor is not None:
        page = feed_page(lake, FeedQuery(), cursor=cursor, limit=4)
        seen_ids, cursor = seen_ids + ids(page), page.cursor
    return seen_ids


def test_posts_of_one_second_are_told_apart_by_channel_and_message(acme: TenantLake) -> None:
    write(acme, *({"channel_id": c, "msg_id": m, "date": NOON} for c in (1, 2, 3) for m in (1, 2)))
    keys = []
    cursor = None
    while True:
        page = feed_page(acme, FeedQuery(), cursor=cursor, limit=1)
        keys += page.rows.select("channel_id", "msg_id").rows()
        if (cursor := page.cursor) is None:
            break
    assert keys == [(3, 2), (3, 1), (2, 2), (2, 1), (1, 2), (1, 1)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (FeedQuery(channels=["Mir"]), [1, 0]),
        (FeedQuery(channels=["@mir", "2002"]), [2, 1, 0]),
        (FeedQuery(channels=["2002"]), [2]),
        (FeedQuery(channels=["nobody"]), []),
        (FeedQuery(langs=["ru"]), [1]),
        (FeedQuery(types=["photo"]), [2]),
        (FeedQuery(types=["service"]), [4]),
        (FeedQuery(words=["ПРИВЕТ"]), [1]),
        (FeedQuery(words=["o", "W"]), [0]),
        (FeedQuery(words=["a.b(c"]), [2]),
        (FeedQuery(channels=["mir"], words=["nothing"]), []),
    ],
)
@pytest.mark.parametrize("old", [False, True])
def test_filters_let_through_what_they_name_in_recent_days_and_in_old_ones(
    local: TenantLake, query: FeedQuery, expected: list[int], old: bool
) -> None:
    rows: list[dict[str, Any]] = [
        {"channel_id": 2001, "channel": "Mir", "msg_id": 0, "text": "Hello World"},
        {"channel_id": 2001, "channel": "Mir", "msg_id": 1, "text": "привет", "lang": "ru"},
        {"channel_id": 2002, "channel": None, "msg_id": 2, "text": "A.B(C", "type": "photo"},
        {"channel_id": 2003, "msg_id": 3, "text": "hello world", "comment_on": 1, "lang": "ru"},
        {"channel_id": 2003, "msg_id": 4, "text": "", "type": "service"},
    ]
    write(local, *({"date": NOON + timedelta(minutes=row["msg_id"]), **row} for row in rows))
    if old:
        write(local, *(post(day, 0, channel_id=9, channel="else", text="x") for day in range(1, 12)))
        query = replace(query, last=NOON.date())
    assert ids(feed_page(local, query)) == sorted(expected, reverse=True)


def test_days_bound_the_feed_at_both_ends(acme: TenantLake) -> None:
    write(acme, *(post(day, 0) for day in range(5)))
    first, last = NOON.date() + timedelta(1), NOON.date() + timedelta(2)
    assert walk(acme, FeedQuery(first=first, last=last), 1) == [3200, 3100]


def test_a_word_that_no_post_holds_is_looked_for_in_bounded_work_and_the_cursor_goes_on(
    local: TenantLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "MAX_POSTS", 10)
    write(local, *(post(day, n) for day in range(20) for n in range(2)), post(-1, 0, text="here it is"))
    page = feed_page(local, FeedQuery(words=["here it is"]))
    assert page.rows.height == 0 and page.cursor is not None
    assert page.looked_to is not None and page.looked_to > NOON.date()
    assert walk(local, FeedQuery(words=["here it is"]), 50) == [2900]


def test_a_cursor_is_of_its_own_filters_and_nothing_else_is_one(acme: TenantLake) -> None:
    write(acme, post(0, 0), post(0, 1))
    cursor = feed_page(acme, FeedQuery(channels=["1001"]), limit=1).cursor
    assert cursor is not None
    for query, sent in [
        (FeedQuery(), cursor),
        (FeedQuery(channels=["1001"]), "nothing"),
        (FeedQuery(channels=["1001"]), ""),
    ]:
        with pytest.raises(QueryError, match="cursor"):
            feed_page(acme, query, cursor=sent)


def test_a_page_is_neither_empty_nor_endless_and_days_are_in_order(acme: TenantLake) -> None:
    for limit in (0, 201):
        with pytest.raises(QueryError, match="limit"):
            feed_page(acme, FeedQuery(), limit=limit)
    with pytest.raises(QueryError, match="first"):
        feed_page(acme, FeedQuery(first=date(2026, 3, 2), last=date(2026, 3, 1)))


@pytest.mark.parametrize("old", [False, True])
def test_media_come_with_their_files_and_before_that_as_telegram_describes_them(local: TenantLake, old: bool) -> None:
    attachment = {"msg_id": 1, "kind": "photo", "size": 7, "status": "pending"}
    write(local, post(0, 0, attachments=[attachment], version=3), post(0, 1, attachments=[attachment]), post(0, 2))
    if old:
        write(local, *(post(day, 0, channel="else") for day in range(1, 12)))
    media = [
        {"channel_id": 1001, "msg_id": 3000, "index": n, "kind": "photo", "status": "stored", "uri": f"{n}.jpg"}
        for n in (1, 0)
    ]
    local.write(MEDIA, frame(MEDIA, media), day=NOON.date())
    rows = feed_page(local, FeedQuery(last=NOON.date(), types=["text"])).rows.to_dicts()
    assert [item["uri"] for item in rows[2]["media"]] == ["0.jpg", "1.jpg"]
    assert [(item["index"], item["size"], item["uri"]) for item in rows[1]["media"]] == [(0, 7, None)]
    assert rows[0]["media"] == []
    assert [row["edits"] for row in rows] == [0, 0, 2]


def test_a_page_shows_what_was_written_since(acme: TenantLake) -> None:
    write(acme, post(0, 0))
    assert ids(feed_page(acme, FeedQuery())) == [3000]
    version = feeds.version(acme)
    write(acme, post(0, 0, text="new", version=2))
    page = feed_page(acme, FeedQuery())
    assert page.rows["text"].to_list() == ["new"] and page.rows["edits"].to_list() == [1]
    assert feeds.version(acme) != version


def test_tenants_do_not_see_each_other(local: TenantLake) -> None:
    write(local, post(0, 0))
    other = Lake(local.root).tenant("other")
    assert feed_page(local, FeedQuery()).rows.height == 1
    assert feed_page(other, FeedQuery()).rows.height == 0
    assert feeds.version(local) != feeds.version(other)


@settings(max_examples=40)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 12), st.integers(0, 3), st.integers(1, 3), st.sampled_from(["a", "b", "ab", "Я"]),
            st.sampled_from(["text", "photo", "service"]),
        ),
        max_size=40,
    ),
    channels=st.lists(st.sampled_from(["1", "2", "c2", "@C3", "none"]), max_size=2),
    words=st.lists(st.sampled_from(["a", "B", "я"]), max_size=2),
    limit=st.integers(1, 7),
)  # fmt: skip
def test_pages_are_what_plain_filtering_and_sorting_gives(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[int, int, int, str, str]],
    channels: list[str],
    words: list[str],
    limit: int,
) -> None:
    lake = Lake(str(tmp_path_factory.mktemp("lake"))).tenant("acme")
    posts: list[dict[str, Any]] = [
        {
            "channel_id": channel, "channel": f"c{channel}", "msg_id": n, "text": text, "type": kind,
            "date": NOON + timedelta(days=day, minutes=minute),
        }
        for n, (day, minute, channel, text, kind) in enumerate(rows)
    ]  # fmt: skip
    write(lake, *posts)
    names = {name.removeprefix("@").lower() for name in channels}
    expected = [
        one["msg_id"]
        for one in sorted(posts, key=lambda one: (one["date"], one["channel_id"], one["msg_id"]), reverse=True)
        if one["type"] != "service"
        and (not names or names & {str(one["channel_id"]), one["channel"]})
        and all(word.lower() in one["text"].lower() for word in words)
    ]
    assert walk(lake, FeedQuery(channels=channels, words=words), limit) == expected


def test_chosen_posts_come_as_a_page_shows_them(local: TenantLake) -> None:
    write(local, post(0, 0), post(0, 1), post(1, 0))
    keys = pl.DataFrame({"channel_id": [1001, 1001], "msg_id": [3000, 3100]})
    rows = feeds.posts_of(local, keys, [NOON.date(), NOON.date() + timedelta(1), NOON.date() + timedelta(9)])
    assert rows["msg_id"].to_list() == [3100, 3000]
    assert rows.columns == feeds._no_posts().columns
