"""What is new to a watch: every fitting post once, whatever the size of a page and the order in which days are written."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import builders
from tgstudio_dagster.core.errors import QueryError
from tgstudio_dagster.lake import read_cache
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.lake.tables.posts import MESSAGE_VERSIONS, MESSAGES
from tgstudio_dagster.posts.fit import PostFilter
from tgstudio_dagster.posts.watching import DAYS, Mark, forward, newest, news, parse_marks, write_marks

DAY = date(2026, 3, 9)
NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)


def write(lake: TenantLake, day: date, *posts: tuple[int, int, str], **more: Any) -> None:
    """Replace a day by these posts: msg_id, the minute when it was first seen, text."""
    posted = datetime.combine(day, NOON.timetz())
    rows = [
        {"msg_id": n, "date": posted, "text": text, "observed_at": NOON + timedelta(minutes=minute)} | more
        for n, minute, text in posts
    ]
    messages = builders.messages(*rows)
    lake.write(MESSAGES, messages, day=day)
    versions = [
        {name: row[name] for name in ("channel_id", "msg_id", "version", "text", "text_hash")}
        | {"seen_at": row["observed_at"]}
        for row in messages.to_dicts()
    ]
    lake.write(MESSAGE_VERSIONS, builders.frame(MESSAGE_VERSIONS, versions), day=day)


@pytest.fixture
def lake(tmp_path: Path) -> TenantLake:
    read_cache.forget()
    return Lake(str(tmp_path / "lake")).tenant("acme")


def told(lake: TenantLake, since: str, *, limit: int = 50, **rule: Any) -> tuple[list[int], str]:
    """The ids of all that is new, page by page, and the cursor at the end."""
    ids: list[int] = []
    while True:
        page = news(lake, PostFilter(**rule), since=since, limit=limit)
        ids += page.rows["msg_id"].to_list()
        since = page.cursor
        if not page.more:
            return ids, since


def test_posts_that_come_are_told_once_in_the_order_they_were_seen(lake: TenantLake) -> None:
    write(lake, DAY, (1, 0, "old"), (2, 1, "older"))
    cursor = newest(lake)
    assert told(lake, cursor)[0] == []
    write(lake, DAY, (1, 0, "old"), (2, 1, "older"), (4, 5, "later"), (3, 4, "new"))
    ids, after = told(lake, cursor)
    assert ids == [3, 4]
    assert told(lake, after) == ([], after)
    assert told(lake, cursor)[0] == [3, 4], "asking moves nothing"


def test_a_day_that_a_run_writes_after_a_later_one_is_told_too(lake: TenantLake) -> None:
    tomorrow = DAY + timedelta(days=1)
    write(lake, DAY, (1, 0, "old"))
    cursor = newest(lake)
    write(lake, tomorrow, (3, 10, "seen last"))
    ids, cursor = told(lake, cursor)
    assert ids == [3]
    write(lake, DAY, (1, 0, "old"), (2, 9, "seen before it, written after it"))
    assert told(lake, cursor)[0] == [2]


def test_what_is_backfilled_into_old_days_is_no_news(lake: TenantLake) -> None:
    for n in range(DAYS):
        write(lake, DAY + timedelta(days=n), (n + 1, 0, "x"))
    cursor = newest(lake)
    write(lake, DAY - timedelta(days=30), (100, 60, "history"))
    assert told(lake, cursor)[0] == []
    write(lake, DAY + timedelta(days=DAYS), (101, 61, "new"))
    ids, after = told(lake, cursor)
    assert ids == [101]
    assert len(parse_marks(after)) == DAYS


def test_posts_that_do_not_fit_are_passed_over_for_good(lake: TenantLake) -> None:
    write(lake, DAY, (1, 1, "a river"), (2, 2, "a hill"), (3, 3, "A RIVER floods"), (4, 4, "flood (of) the river"))
    ids, after = told(lake, "", words=("river",), any_words=("flood", "(of)"))
    assert ids == [3, 4]
    assert told(lake, after) == ([], after)
    assert told(lake, "", channels=("@CHANNEL1001",))[0] == [1, 2, 3, 4]
    assert told(lake, "", channels=("1001",), langs=("ru",))[0] == []
    assert told(lake, "", types=("photo",))[0] == []


def test_an_edit_is_not_a_new_post(lake: TenantLake) -> None:
    write(lake, DAY, (1, 0, "old"))
    cursor = newest(lake)
    versions = lake.read(MESSAGE_VERSIONS, days=[DAY]).to_dicts()
    edited = versions[0] | {"version": 2, "text": "new", "seen_at": NOON + timedelta(hours=5)}
    lake.write(MESSAGE_VERSIONS, builders.frame(MESSAGE_VERSIONS, [*versions, edited]), day=DAY)
    assert told(lake, cursor)[0] == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()), max_size=20), st.integers(1, 5), st.data()
)
def test_every_fitting_post_is_told_exactly_once_however_pages_and_writes_fall(
    lake: TenantLake, posts: list[tuple[int, int, bool]], limit: int, data: st.DataObject
) -> None:
    rows = [(n + 1, minute, "river" if fits else "hill") for n, (_, minute, fits) in enumerate(posts)]
    days = [DAY + timedelta(days=day) for day, _, _ in posts]
    expected = {n for n, _, text in rows if text == "river"}
    cursor, ids = "", []
    for part in range(4):
        # Partition by partition, in any order, posts seen in any order: but of one day, those written later are seen later.
        day = DAY + timedelta(days=part)
        write(lake, day, *[row for row, of in zip(rows, days, strict=True) if of == day])
    while True:
        page = news(lake, PostFilter(words=["river"]), since=cursor, limit=limit)
        ids += page.rows["msg_id"].to_list()
        assert page.cursors[-1:] in ((), (page.cursor,)) or not page.more
        if page.rows.height and data.draw(st.booleans()):
            # The page was cut short: its reader goes on after the first post.
            keep = data.draw(st.integers(1, page.rows.height))
            ids = ids[: len(ids) - page.rows.height + keep]
            cursor = page.cursors[keep - 1]
            continue
        cursor = page.cursor
        if not page.more:
            break
    assert sorted(ids) == sorted(expected)


marks = st.dictionaries(
    st.dates(DAY, DAY + timedelta(days=5)),
    st.builds(Mark, st.integers(0, 2**57 - 1), st.integers(0, 2**62 - 1), st.integers(0, 2**62 - 1)),
    max_size=DAYS,
)


@given(marks)
def test_a_cursor_reads_back(given_marks: dict[date, Mark]) -> None:
    assert parse_marks(write_marks(given_marks)) == given_marks
    assert len(write_marks(given_marks)) < 500


@given(marks, marks)
def test_a_cursor_never_goes_back(old: dict[date, Mark], new: dict[date, Mark]) -> None:
    later = parse_marks(forward(write_marks(old), write_marks(new)))
    for day, mark in new.items():
        assert later[day] >= mark
    for day, mark in old.items():
        assert day not in later or later[day] >= mark
    assert forward(write_marks(parse_marks(write_marks(later))), write_marks(new)) == write_marks(later)


@given(st.text())
def test_what_is_no_cursor_is_refused(text: str) -> None:
    try:
        marks = parse_marks(text)
    except QueryError:
        return
    assert write_marks(marks) is not None


@pytest.mark.parametrize(
    "text",
    ["x", "2026-03-09", "2026-03-09.1.2", "2026-03-09.1.2.3.4", "2026-13-09.1.2.3", "2026-03-09.zzzzzzzzzzzzzzz.1.1"],
)
def test_a_broken_cursor_is_named(text: str) -> None:
    with pytest.raises(QueryError, match="cursor"):
        parse_marks(text)
