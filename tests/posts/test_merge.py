"""The merge of landings into messages, versions and stats."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.builders import landing
from tgstudio_dagster.lake.tables.posts import LANDING, MESSAGE_STATS, MESSAGE_VERSIONS, MESSAGES
from tgstudio_dagster.posts.merge import Merged, merge

START = datetime(2026, 3, 9, 12, tzinfo=UTC)


def at(hour: int) -> datetime:
    return START + timedelta(hours=hour)


def merged(*landings: pl.DataFrame) -> Merged:
    """The tables after merging the landings one after another."""
    state = Merged(MESSAGES.empty(), MESSAGE_VERSIONS.empty(), MESSAGE_STATS.empty())
    for rows in landings:
        state = merge(rows, state.messages, state.versions, state.stats)
    return state


def row(hour: int, msg_id: int = 1, **given: Any) -> dict[str, Any]:
    return {"msg_id": msg_id, "date": START, "observed_at": at(hour), **given}


def gone(hour: int, msg_id: int = 1) -> dict[str, Any]:
    return row(hour, msg_id, type="deleted", text="", deleted_at=at(hour))


def only(state: Merged) -> dict[str, Any]:
    assert state.messages.height == 1
    return state.messages.row(0, named=True)


def equal(left: Merged, right: Merged) -> None:
    for name in ("messages", "versions", "stats"):
        assert_frame_equal(getattr(left, name), getattr(right, name))


def test_nothing_merges_to_nothing() -> None:
    state = merged(LANDING.empty())
    assert (state.messages.height, state.versions.height, state.stats.height) == (0, 0, 0)


def test_the_newest_observation_wins_whatever_the_order() -> None:
    old, new = row(1, text="old", author="A"), row(2, text="new", author="B")
    for rows in ([old, new], [new, old]):
        message = only(merged(*(landing(each) for each in rows)))
        assert (message["text"], message["author"], message["observed_at"]) == ("new", "B", at(2))


def test_an_observation_without_counters_erases_none() -> None:
    state = merged(
        landing(row(1, views=10, reactions=3, reactions_by_emoji=[{"emoji": "👍", "count": 3}])), landing(row(5))
    )
    message = only(state)
    assert (message["views"], message["reactions"], message["forwards"]) == (10, 3, None)
    assert message["reactions_by_emoji"] == [{"emoji": "👍", "count": 3}]
    assert state.stats.height == 1


def test_each_counter_comes_from_the_newest_observation_that_carries_it() -> None:
    message = only(
        merged(landing(row(3, views=30)), landing(row(1, views=10, forwards=1)), landing(row(2, forwards=2)))
    )
    assert (message["views"], message["forwards"]) == (30, 2)


def test_an_edit_makes_a_version_and_a_repeat_makes_none() -> None:
    state = merged(
        landing(row(1, text="a")), landing(row(2, text="a")), landing(row(3, text="b")), landing(row(4, text="a"))
    )
    assert state.versions["text"].to_list() == ["a", "b", "a"]
    assert state.versions["version"].to_list() == [1, 2, 3]
    assert state.versions["seen_at"].to_list() == [at(1), at(3), at(4)]
    assert only(state)["version"] == 3


def test_a_delete_keeps_the_text_and_a_later_living_observation_clears_it() -> None:
    first = merged(landing(row(1, text="stays", views=7)), landing(gone(3)))
    message = only(first)
    assert (message["text"], message["views"], message["deleted_at"]) == ("stays", 7, at(3))
    again = merge(landing(gone(5)), first.messages, first.versions, first.stats)
    assert only(again)["deleted_at"] == at(3)
    alive = merge(landing(row(6, text="stays")), again.messages, again.versions, again.stats)
    assert only(alive)["deleted_at"] is None


def test_a_proof_older_than_the_newest_living_observation_says_nothing() -> None:
    assert only(merged(landing(row(4)), landing(gone(2))))["deleted_at"] is None


def test_a_proof_for_a_post_never_seen_is_dropped() -> None:
    assert merged(landing(gone(2))).messages.is_empty()


def test_of_two_states_of_one_moment_the_longer_text_wins() -> None:
    for rows in ((row(1, text="long text"), row(1, text="short")), (row(1, text="short"), row(1, text="long text"))):
        state = merged(*(landing(each) for each in rows))
        assert only(state)["text"] == "long text"
        assert state.versions["text"].to_list() == ["long text"]


def photo(msg_id: int, **given: Any) -> dict[str, Any]:
    return {"msg_id": msg_id, "kind": "photo", "status": "pending", **given}


def test_parts_of_an_album_become_one_post_under_the_lowest_id() -> None:
    late = row(2, 12, grouped_id=5, album=[12, 13], type="album", attachments=[photo(12), photo(13)], text="")
    early = row(1, 10, grouped_id=5, album=[10, 11], type="album", attachments=[photo(10), photo(11)], text="caption")
    for rows in ((late, early), (early, late)):
        state = merged(*(landing(each) for each in rows))
        message = only(state)
        assert (message["msg_id"], message["album"], message["text"]) == (10, [10, 11, 12, 13], "caption")
        assert [item["msg_id"] for item in message["attachments"]] == [10, 11, 12, 13]
        assert message["url"].endswith("/10")
        assert state.versions["text"].to_list() == ["caption"]
    equal(merged(landing(late, early)), merged(landing(early), landing(late)))


def test_a_part_of_an_album_takes_no_caption_from_the_whole_but_may_change_one() -> None:
    whole = row(1, 10, grouped_id=5, album=[10, 11, 12], type="album", text="first\n\nsecond")
    part = row(2, 11, grouped_id=5, album=[11, 12], type="album", text="second")
    for rows in ((whole, part), (part, whole)):
        state = merged(*(landing(each) for each in rows))
        assert (only(state)["text"], state.versions["text"].to_list()[-1]) == ("first\n\nsecond", "first\n\nsecond")
    edited = row(3, 11, grouped_id=5, album=[11, 12], type="album", text="second, corrected")
    assert only(merged(landing(whole), landing(edited)))["text"] == "second, corrected"


def test_counters_of_an_album_are_never_added_up() -> None:
    members = [row(1, n, grouped_id=5, type="photo", views=100 + n) for n in (10, 11, 12)]
    assert only(merged(landing(*members)))["views"] == 112


def test_a_stored_attachment_is_not_replaced_by_one_that_is_not() -> None:
    stored = row(1, attachments=[photo(1, status="stored", sha256="ab")])
    listed = row(2, attachments=[photo(1, status="skipped: not included in the export")])
    for rows in ((stored, listed), (listed, stored)):
        items = only(merged(*(landing(each) for each in rows)))["attachments"]
        assert [(item["status"], item["sha256"]) for item in items] == [("stored", "ab")]


def test_a_known_username_outlives_a_source_that_tells_none() -> None:
    message = only(merged(landing(row(1, channel="mir")), landing(row(2, channel=None))))
    assert (message["channel"], message["url"]) == ("mir", "https://t.me/mir/1")


def test_the_language_of_a_post_is_told() -> None:
    state = merged(landing(row(1, 1, text="Центральный банк оставил ставку без изменений"), row(1, 2, text="12:30")))
    assert state.messages["lang"].to_list() == ["ru", "und"]


count = st.none() | st.integers(0, 50)


@st.composite
def observations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Observations of three posts, two of them parts of albums at times; deletes come after all living ones."""
    rows = []
    for _ in range(draw(st.integers(0, 12))):
        msg_id = draw(st.sampled_from([1, 5, 9]))
        reactions = draw(count)
        rows.append(
            row(
                draw(st.integers(0, 6)),
                msg_id,
                text=draw(st.sampled_from(["", "a", "b", "longer text"])),
                views=draw(count),
                forwards=draw(count),
                reactions=reactions,
                reactions_by_emoji=[] if reactions is None else [{"emoji": "👍", "count": reactions}],
                author=draw(st.sampled_from([None, "x", "y"])),
                attachments=[photo(msg_id, status=draw(st.sampled_from(["pending", "failed: file is missing"])))],
            )
        )
    rows += [gone(draw(st.integers(7, 9)), draw(st.sampled_from([1, 5, 9]))) for _ in range(draw(st.integers(0, 2)))]
    return rows


def unique(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({(r["msg_id"], r["observed_at"], r.get("type", "")): r for r in rows}.values())


@settings(max_examples=40, deadline=None)
@given(observations())
def test_merging_again_changes_nothing(rows: list[dict[str, Any]]) -> None:
    landed = landing(*rows)
    once = merged(landed)
    equal(once, merge(landed, once.messages, once.versions, once.stats))
    equal(once, merge(LANDING.empty(), once.messages, once.versions, once.stats))


@settings(max_examples=40, deadline=None)
@given(observations(), st.data())
def test_landings_in_any_order_give_the_same_messages(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    rows = unique(rows)
    living = [r for r in rows if r.get("type") != "deleted"]
    order = data.draw(st.permutations(living)) + [r for r in rows if r.get("type") == "deleted"]
    parts = [landing(r) for r in order]
    together, apart = merged(landing(*rows)), merged(*parts)
    assert_frame_equal(together.messages.drop("version"), apart.messages.drop("version"))
    assert_frame_equal(together.stats, apart.stats)


@settings(max_examples=40, deadline=None)
@given(observations(), st.integers(1, 5))
def test_landings_in_order_of_time_give_the_same_versions(rows: list[dict[str, Any]], size: int) -> None:
    rows = sorted(unique(rows), key=lambda r: r["observed_at"])
    parts = [landing(*rows[n : n + size]) for n in range(0, len(rows), size)]
    equal(merged(landing(*rows)), merged(*parts))


@settings(max_examples=40, deadline=None)
@given(observations())
def test_the_last_version_is_the_message_and_neighbours_differ(rows: list[dict[str, Any]]) -> None:
    state = merged(landing(*rows))
    last = state.versions.group_by("channel_id", "msg_id", maintain_order=True).last()
    joined = state.messages.join(last, on=["channel_id", "msg_id"], suffix="_v")
    assert joined.height == state.messages.height
    assert joined["text_hash"].equals(joined["text_hash_v"], check_names=False)
    assert joined["version"].equals(joined["version_v"], check_names=False)
    for _, versions in state.versions.group_by("channel_id", "msg_id"):
        hashes = versions.sort("version")["text_hash"].to_list()
        assert all(left != right for left, right in pairwise(hashes))
