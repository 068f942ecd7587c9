"""Ids stay while members mostly stay; splits and merges are told."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tgstudio_dagster.topics.identity import assign_ids


def _members(*clusters: str) -> pl.DataFrame:
    rows = [(number, key) for number, keys in enumerate(clusters) for key in keys]
    return pl.DataFrame(rows, {"cluster": pl.Int64, "key": pl.String}, orient="row")


def _known(**topics: str) -> pl.DataFrame:
    rows = [(name, key) for name, keys in topics.items() for key in keys]
    return pl.DataFrame(rows, {"id": pl.String, "key": pl.String}, orient="row")


def test_a_topic_keeps_its_id_when_its_first_post_leaves_and_others_join() -> None:
    named, changes = assign_ids(_members("bcdxyz"), _known(t1="abcd"), "t-")
    assert named["id"].to_list() == ["t1"]
    assert changes.is_empty()


def test_a_split_leaves_the_id_with_the_larger_part() -> None:
    named, changes = assign_ids(_members("ab", "cdef"), _known(t1="abcdef"), "t-")
    new, larger = named["id"].to_list()
    assert larger == "t1" and new.startswith("t-")
    assert changes.rows() == [("split", "t1", new, 2)]


def test_a_merge_keeps_the_id_of_the_larger_and_names_the_other() -> None:
    named, changes = assign_ids(_members("abcdef"), _known(t1="ab", t2="cdef"), "t-")
    assert named["id"].to_list() == ["t2"]
    assert changes.rows() == [("merge", "t2", "t1", 2)]


def test_a_topic_of_strangers_gets_an_id_of_its_own_first_post() -> None:
    first, _ = assign_ids(_members("ab"), _known(), "t-")
    again, _ = assign_ids(_members("abc"), _known(), "t-")
    taken, _ = assign_ids(_members("ab"), _known(**{first["id"][0]: "xy"}), "t-")
    assert first["id"].to_list() == again["id"].to_list()
    assert taken["id"][0] != first["id"][0]


@given(st.lists(st.text("abcdefgh", max_size=4), max_size=5), st.lists(st.text("abcdefgh", max_size=4), max_size=5))
def test_every_cluster_has_one_id_and_no_two_share_it(now: list[str], before: list[str]) -> None:
    ids: set[str] = set()
    disjoint = []
    for keys in now:
        own = "".join(sorted(set(keys) - ids))
        ids |= set(own)
        disjoint.append(own)
    clusters = [keys for keys in disjoint if keys]
    named, _ = assign_ids(_members(*clusters), _known(**{f"t{n}": keys for n, keys in enumerate(before)}), "t-")
    assert named.height == len(clusters)
    assert named["id"].n_unique() == len(clusters)


def test_the_same_clusters_again_change_nothing() -> None:
    members = _members("ab", "cd")
    first, _ = assign_ids(members, _known(), "t-")
    before = members.join(first, on="cluster").select("id", "key")
    second, changes = assign_ids(members, before, "t-")
    assert second.equals(first) and changes.is_empty()
