"""Two rankings side by side, and their plot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from xml.etree import ElementTree

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgstudio_dagster.topics.lab.compare import compare, overall
from tgstudio_dagster.topics.lab.compare_plot import plot
from tgstudio_dagster.topics.reasons import reasons

DAY = date(2026, 3, 9)


def ranked(entities: Sequence[str], day: date = DAY) -> pl.DataFrame:
    """What is compared of a ranking, the first entity ranked first."""
    return pl.DataFrame(
        {
            "day": [day] * len(entities),
            "window": ["24h"] * len(entities),
            "entity_kind": ["topic"] * len(entities),
            "entity_id": list(entities),
            "rank": range(1, len(entities) + 1),
            "score": [float(len(entities) - n) for n in range(len(entities))],
        },
        schema_overrides={"rank": pl.Int32, "day": pl.Date, "score": pl.Float64}
        | dict.fromkeys(("window", "entity_kind", "entity_id"), pl.String),
    )


def test_equal_rankings_agree_and_nothing_moves() -> None:
    comparison = compare(ranked("abcdef"), ranked("abcdef"))
    assert comparison.agreement.row(0, named=True) == {
        "day": DAY,
        "window": "24h",
        "entity_kind": "topic",
        "compared": 6,
        "only_before": 0,
        "only_after": 0,
        "kendall_tau": 1.0,
        "top10_overlap": 1.0,
    }
    assert comparison.moves.is_empty()


def test_a_reversed_ranking_has_a_tau_of_minus_one() -> None:
    row = compare(ranked("abcdefghijklmnopqrst"), ranked("tsrqponmlkjihgfedcba")).agreement.row(0, named=True)
    assert (row["kendall_tau"], row["top10_overlap"]) == (-1.0, 0.0)


def test_moves_near_the_top_come_first_and_strangers_last() -> None:
    comparison = compare(ranked("abcdefgh"), ranked("bacdefhx"))
    moves = [(row["entity_id"], row["rank_before"], row["rank_after"]) for row in comparison.moves.to_dicts()]
    assert moves == [("a", 1, 2), ("b", 2, 1), ("h", 8, 7), ("g", 7, None), ("x", None, 8)]
    assert comparison.agreement.select("compared", "only_before", "only_after").row(0) == (7, 1, 1)


@given(st.permutations(range(12)))
def test_tau_counts_the_pairs_in_the_same_order(order: list[int]) -> None:
    row = compare(ranked([f"{n:02}" for n in range(12)]), ranked([f"{n:02}" for n in order])).agreement.row(
        0, named=True
    )
    pairs = [(order.index(a) < order.index(b)) == (a < b) for a in range(12) for b in range(a)]
    assert row["kendall_tau"] == pytest.approx((2 * sum(pairs) - len(pairs)) / len(pairs), abs=1e-6)


def test_days_are_compared_apart_and_their_mean_is_told() -> None:
    other = date(2026, 3, 10)
    before, after = pl.concat([ranked("abc"), ranked("abc", other)]), pl.concat([ranked("abc"), ranked("cba", other)])
    agreement = compare(before, after).agreement
    assert agreement["kendall_tau"].to_list() == [1.0, -1.0]
    assert overall(agreement).select("days", "kendall_tau").row(0) == (2, 0.0)


def test_nothing_to_compare_is_an_empty_comparison() -> None:
    comparison = compare(ranked(""), ranked(""))
    assert comparison.agreement.is_empty() and comparison.moves.is_empty()
    single = compare(ranked("a"), ranked(""))
    assert single.agreement.select("kendall_tau", "top10_overlap").row(0) == (None, 0.0)


def drawn(before: pl.DataFrame, after: pl.DataFrame, **titles: str) -> str:
    comparison = compare(before, after)
    return plot(comparison, before, after, kind="topic", window="24h", titles=titles, heading="views 0.5 → 0.2")


def test_the_plot_is_well_formed_whatever_titles_hold_and_the_same_each_time() -> None:
    before, after = ranked("abcdefghijkl"), ranked("lbcdefghijka")
    svg = drawn(before, after, a="<b>&\x00 «Рынок»", l="x" * 500)
    texts = [node.text or "" for node in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert "views 0.5 → 0.2" in texts and "Kendall tau" in texts
    assert any("<b>& «Рынок»" in text for text in texts)
    assert max(map(len, texts)) < 60
    assert drawn(before, after, a="<b>&\x00 «Рынок»", l="x" * 500) == svg


def test_a_plot_of_nothing_says_so() -> None:
    assert "nothing to compare" in drawn(ranked(""), ranked(""))


def test_a_row_is_explained_by_its_terms() -> None:
    row = {
        "entity_kind": "topic", "channels": 3, "recent": 4, "expected": 1.2, "trend": 1.9, "age": 5.2, "decay": 0.74,
        "views_term": 2.0, "views_read": 12000, "views_usual": 3000.0, "forwards_term": 0.01, "forwards_read": 30,
        "forwards_usual": 29.8, "reactions_term": None, "reactions_read": None, "reactions_usual": None,
        "comments_term": None, "comments_read": None, "comments_usual": None,
    }  # fmt: skip
    assert reasons(row) == [
        "3 channels",
        "views 12 000, usually 3 000 (+2.0)",
        "forwards 30, as usual",
        "4 channel-hours lately, 1.2 expected (z +1.9)",
        "5 h old, counts 74%",
    ]
