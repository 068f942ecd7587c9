"""A tenant's filters, against a plain reading of each rule."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import landing
from tgstudio_dagster.catalog.people.tenant_settings import Filters
from tgstudio_dagster.posts.filters import left_out, media_refusal

words = st.lists(st.sampled_from(["btc", "Курс", "c++", "a.b"]), max_size=2).map(tuple)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "text": st.sampled_from(["", "BTC up", "btcx", "курс: 91", "c++ a.b", "курсы", "x c++"]),
            "type": st.sampled_from(["text", "photo", "deleted"]),
            "hashtags": st.lists(st.sampled_from(["news", "a"]), max_size=2),
            "sender_id": st.sampled_from([None, 1, 2]),
            "channel": st.sampled_from([None, "World"]),
            "date": st.sampled_from([datetime(2026, 3, day, 23, 59, tzinfo=UTC) for day in (8, 9, 10)]),
        }
    ),
    min_size=1,
    max_size=6,
)
filters = st.builds(
    Filters,
    keywords=words,
    exclude_keywords=words,
    hashtags=st.sampled_from([(), ("#News",), ("a",)]),
    senders=st.sampled_from([(), (1,)]),
    types=st.sampled_from([(), ("photo",)]),
    channels=st.sampled_from([(), ("@world",), ("1001",), ("else",)]),
    since=st.sampled_from([None, date(2026, 3, 9)]),
    until=st.sampled_from([None, date(2026, 3, 9)]),
)


def holds(text: str, wanted: tuple[str, ...]) -> bool:
    return any(re.search(rf"(?i)(?<!\w){re.escape(word)}(?!\w)", text) for word in wanted)


def plainly(chosen: Filters, row: dict[str, Any]) -> str | None:
    day = row["date"].date()
    words = {str(row["channel"]).lower(), "1001"}
    rules = [
        ("channels", chosen.channels and not words & {channel.strip("@") for channel in chosen.channels}),
        ("since", chosen.since and day < chosen.since),
        ("until", chosen.until and day > chosen.until),
    ]  # fmt: skip
    tags = {tag.lstrip("#").lower() for tag in chosen.hashtags}
    if row["type"] != "deleted":
        rules += [
            ("senders", chosen.senders and row["sender_id"] not in chosen.senders),
            ("types", chosen.types and row["type"] not in chosen.types),
            ("hashtags", chosen.hashtags and not tags & set(row["hashtags"])),
            ("keywords", chosen.keywords and not holds(row["text"], chosen.keywords)),
            ("exclude_keywords", chosen.exclude_keywords and holds(row["text"], chosen.exclude_keywords)),
        ]  # fmt: skip
    return next((name for name, applies in rules if applies), None)


@settings(max_examples=150, deadline=None)
@given(rows, filters)
def test_a_row_is_left_out_for_the_first_rule_it_breaks(given_rows: list[dict[str, Any]], chosen: Filters) -> None:
    frame = landing(*given_rows)
    assert frame.select(left_out(chosen))["reason"].to_list() == [plainly(chosen, row) for row in given_rows]


def test_no_filter_leaves_nothing_out() -> None:
    assert landing({}, {}).select(left_out(Filters()))["reason"].null_count() == 2


@pytest.mark.parametrize(
    ("chosen", "size", "status"),
    [
        ({"max_file_size": 10}, 10, None),
        ({"max_file_size": 10}, 11, "skipped: larger than max_file_size"),
        ({"media_kinds": ("video",)}, 1, "skipped: not one of media_kinds"),
        ({"extensions": (".JPG",)}, 1, None),
        ({"extensions": ("png",)}, 1, "skipped: not one of extensions"),
    ],
)
def test_a_file_is_refused_by_size_kind_or_extension(chosen: dict[str, Any], size: int, status: str | None) -> None:
    assert media_refusal(Filters(**chosen), kind="photo", extension="jpg", size=size) == status
