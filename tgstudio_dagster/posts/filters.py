"""A tenant's filters as expressions over landing rows, and the decision which files to store.

Pure: what to do with the rows that stay is decided by the importer.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import polars as pl

from tgstudio_dagster.catalog.people.tenant_settings import Filters
from tgstudio_dagster.posts.fit import of_channels
from tgstudio_dagster.posts.normalize import hashtag


def left_out(filters: Filters) -> pl.Expr:
    """The first reason why a landing row is left out, null for one that stays (String, named `reason`).

    A proof of a delete (type `deleted`) has no text, type or sender of its own: only channel and dates apply to it.
    """
    rules: list[tuple[str, pl.Expr]] = []
    if filters.channels:
        rules.append(("channels", ~of_channels(filters.channels).fill_null(value=False)))
    if filters.since is not None:
        rules.append(("since", pl.col("date") < _midnight(filters.since)))
    if filters.until is not None:
        rules.append(("until", pl.col("date") >= _midnight(filters.until) + timedelta(days=1)))
    living = pl.col("type") != "deleted"
    if filters.senders:
        rules.append(("senders", living & ~pl.col("sender_id").is_in(filters.senders).fill_null(value=False)))
    if filters.types:
        rules.append(("types", living & ~pl.col("type").is_in(filters.types)))
    if filters.hashtags:
        tags = [hashtag(tag) for tag in filters.hashtags]
        rules.append(("hashtags", living & ~_any(pl.col("hashtags"), tags)))
    if filters.keywords:
        rules.append(("keywords", living & ~_holds(filters.keywords)))
    if filters.exclude_keywords:
        rules.append(("exclude_keywords", living & _holds(filters.exclude_keywords)))
    reason = pl.repeat(None, pl.len(), dtype=pl.String)
    for name, rule in reversed(rules):
        reason = pl.when(rule).then(pl.lit(name)).otherwise(reason)
    return reason.alias("reason")


def media_left_out(filters: Filters) -> pl.Expr:
    """Why no file of a post is stored, as a status (String, named `refusal`); null where `media_refusal` decides."""
    refusal = pl.repeat(None, pl.len(), dtype=pl.String)
    if filters.media_keywords:
        refusal = (
            pl.when(_holds(filters.media_keywords)).then(refusal).otherwise(pl.lit("skipped: none of media_keywords"))
        )
    if filters.media_channels:
        refusal = (
            pl.when(of_channels(filters.media_channels).fill_null(value=False))
            .then(refusal)
            .otherwise(pl.lit("skipped: not one of media_channels"))
        )
    return refusal.alias("refusal")


def media_refusal(filters: Filters, *, kind: str, extension: str, size: int) -> str | None:
    """Why a file is not stored, as a status; None where it is."""
    if size > filters.max_file_size:
        return "skipped: larger than max_file_size"
    if filters.media_kinds and kind not in filters.media_kinds:
        return "skipped: not one of media_kinds"
    if filters.extensions and extension not in {item.lstrip(".").lower() for item in filters.extensions}:
        return "skipped: not one of extensions"
    return None


def _midnight(day: object) -> datetime:
    return datetime.fromisoformat(str(day)).replace(tzinfo=UTC)


def _any(lists: pl.Expr, values: list[str]) -> pl.Expr:
    return lists.list.eval(pl.element().is_in(values)).list.any()


def _holds(words: tuple[str, ...]) -> pl.Expr:
    """Whether the text holds one of the words, as whole words, without case."""
    spelled = "|".join(re.escape(word.strip()) for word in words if word.strip())
    return pl.col("text").str.contains(rf"(?i)(?:^|[^\p{{L}}\p{{N}}_])(?:{spelled})(?:$|[^\p{{L}}\p{{N}}_])")
