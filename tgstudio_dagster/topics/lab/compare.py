"""Two rankings of the same days side by side: what rises, what falls, and how far they agree. Pure; no clock, no lake.

Used by `tgstudio rank-diff`: the same code with other weights, or what is stored beside what the code makes now.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

TOP = 10
WITHIN = 25  # what stands lower than this in both is no news

AGREEMENT = pl.Schema(
    {
        "day": pl.Date(),
        "window": pl.String(),
        "entity_kind": pl.String(),
        "compared": pl.Int32(),
        "only_before": pl.Int32(),
        "only_after": pl.Int32(),
        "kendall_tau": pl.Float64(),
        "top10_overlap": pl.Float64(),
    }
)
_BY = ["day", "window", "entity_kind"]


@dataclass(frozen=True)
class Comparison:
    """`agreement`: a row per day, window and kind; `moves`: a row per day, window, kind and entity that moved."""

    agreement: pl.DataFrame
    moves: pl.DataFrame


def compare(before: pl.DataFrame, after: pl.DataFrame) -> Comparison:
    """How `after` differs from `before`, both RANKINGS with a column `day`.

    agreement: day, window, entity_kind, compared (entities in both), only_before, only_after, kendall_tau (-1 to 1 over
    those in both: the share of pairs in the same order less the share in the other; null below two), top10_overlap (share
    of the first ten that are in both tens, 0 to 1).

    moves: day, window, entity_kind, entity_id, rank_before, rank_after (null where it is not ranked), score_before,
    score_after and shift = log2(rank_before / rank_after): from 20th to 10th is as much as from 2nd to 1st, above 0 rises.
    Only entities among the first 25 of either whose rank changed, the largest shift first, those of one ranking last.
    """
    columns = [*_BY, "entity_id", "rank", "score"]
    both = before.select(columns).join(
        after.select(columns), on=[*_BY, "entity_id"], how="full", coalesce=True, suffix="_after"
    )
    both = both.rename({"rank": "rank_before", "score": "score_before"}).sort(*_BY, "entity_id")
    rows = [
        _agreement(part) | dict(zip(_BY, key, strict=True)) for key, part in both.group_by(_BY, maintain_order=True)
    ]
    shift = (pl.col("rank_before") / pl.col("rank_after")).log(2)
    moved = (
        both.filter(
            pl.min_horizontal("rank_before", "rank_after") <= WITHIN,
            pl.col("rank_before").ne_missing(pl.col("rank_after")),
        )
        .with_columns(shift=shift.round(6))
        .sort(*_BY, pl.col("shift").abs(), "entity_id", descending=[False] * 3 + [True, False], nulls_last=True)
        .select(
            *_BY,
            "entity_id",
            *(f"{name}_{side}" for name in ("rank", "score") for side in ("before", "after")),
            "shift",
        )
    )
    return Comparison(pl.DataFrame(rows, schema=AGREEMENT), moved)


def overall(agreement: pl.DataFrame) -> pl.DataFrame:
    """The agreement of all days together: window, entity_kind, days, and the means of kendall_tau and top10_overlap."""
    return (
        agreement.group_by("window", "entity_kind")
        .agg(days=pl.len(), kendall_tau=pl.mean("kendall_tau"), top10_overlap=pl.mean("top10_overlap"))
        .sort("window", "entity_kind")
    )


def _agreement(part: pl.DataFrame) -> dict[str, float | int | None]:
    common = part.drop_nulls(["rank_before", "rank_after"])
    first, second = (set(part.filter(pl.col(f"rank_{side}") <= TOP)["entity_id"]) for side in ("before", "after"))
    return {
        "compared": common.height,
        "only_before": part["rank_after"].null_count(),
        "only_after": part["rank_before"].null_count(),
        "kendall_tau": _kendall_tau(common),
        "top10_overlap": round(len(first & second) / max(len(first), len(second), 1), 6),
    }


def _kendall_tau(common: pl.DataFrame) -> float | None:
    if common.height < 2:
        return None
    from scipy.stats import kendalltau

    # Ranks differ, so there are no ties: tau-a and tau-b are one.
    return round(float(kendalltau(common["rank_before"].to_numpy(), common["rank_after"].to_numpy()).statistic), 6)
