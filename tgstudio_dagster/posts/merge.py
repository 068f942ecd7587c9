"""One rule for all that lands: a day's landings merged into its messages, versions and stats.

Pure, on frames. Newest observation wins:
- what a post says and is: its newest living observation; of two at one moment the longer text, then the larger hash;
- each counter: the newest observation that carries it (kept in message_stats), so an export without views erases none;
- versions: every text seen, by time, equal neighbours folded;
- a proof of a delete keeps the text and sets deleted_at; a later living observation clears it; of an album only the
  proof for its lowest id counts; a proof for a post never seen is dropped;
- attachments: the newest of each, but a stored file stays before one that isn't.

Merging again changes nothing. Landings may come in any order and the messages come out the same; only the times and
numbers of versions can differ where an old observation arrives after newer ones, as the moments between are not kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tgstudio_dagster.lake.tables.columns import MEDIA_ITEM
from tgstudio_dagster.lake.tables.posts import LANDING, MESSAGE_STATS, MESSAGE_VERSIONS, MESSAGES
from tgstudio_dagster.posts import language
from tgstudio_dagster.posts.albums import post_ids
from tgstudio_dagster.posts.shape import CAPTIONS_APART, url_expression

KEY = ["channel_id", "msg_id"]
COUNTERS = ["views", "forwards", "reactions", "comments"]
_MEMBERS = pl.concat_list("own", "album")
_TEXT = ["text", "text_hash", "hashtags", "links", "mentions"]
_FULLER = [
    pl.col("text").str.len_bytes(), "text_hash", "edit_date", "type", "source", "author", "sender_id", "channel_title",
    "reply_to", "forwarded_from", "url",
]  # fmt: skip


@dataclass(frozen=True)
class Merged:
    """The day's tables after a merge, each as its contract says."""

    messages: pl.DataFrame
    versions: pl.DataFrame
    stats: pl.DataFrame


def merge(landed: pl.DataFrame, messages: pl.DataFrame, versions: pl.DataFrame, stats: pl.DataFrame) -> Merged:
    """Merge landings into a day's existing tables; all four frames may be empty, landings may repeat."""
    rows = pl.concat(
        [
            messages.select(list(LANDING.columns)).with_columns(prior=pl.lit(value=True)),
            landed.select(list(LANDING.columns)).with_columns(prior=pl.lit(value=False)),
        ]
    )
    living, proofs, moved = _aligned(rows)
    versions, stats = _rekeyed(versions, moved), _rekeyed(stats, moved)
    stats_after = _stats(living, stats)
    newest = _newest(living)
    texts = _texts(living)
    versions_after = _versions(living, versions)
    merged = (
        newest.join(texts, on=KEY)
        .join(_albums(living), on=KEY)
        .join(_attachments(living), on=KEY, how="left")
        .join(_counters(living, stats_after), on=KEY, how="left")
        .join(_emoji(living, stats), on=KEY, how="left")
        .join(versions_after.group_by(KEY).agg(pl.col("version").max()), on=KEY)
        .join(proofs, on=KEY, how="left")
        .with_columns(
            pl.col("attachments", "reactions_by_emoji").fill_null([]),
            pl.when(pl.col("album").list.len() > 1).then(pl.lit("album")).otherwise(pl.col("type")).alias("type"),
        )
        .with_columns(url_expression())
    )
    merged = _with_language(merged, messages)
    return Merged(MESSAGES.conform(merged.select(list(MESSAGES.columns))), versions_after, stats_after)


def _aligned(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Living rows under their post's id, the first valid proof of a delete by post, where existing posts moved to."""
    living = rows.filter(pl.col("type") != "deleted")
    living = living.with_columns(post_ids(living), own=pl.col("msg_id"))
    moved = living.filter(pl.col("prior") & (pl.col("own") != pl.col("post"))).select("channel_id", "own", "post")
    living = living.with_columns(pl.col("post").alias("msg_id")).drop("post")
    members = living.select(*KEY, _MEMBERS.alias("member")).explode("member")
    whole = members.group_by(KEY).agg(pl.col("member").n_unique().alias("whole"))
    living = living.join(whole, on=KEY, how="left", maintain_order="left")
    living = living.with_columns(silent=_is_silent(living))
    proofs = (
        rows.filter(pl.col("deleted_at").is_not_null())
        .join(living.group_by(KEY).agg(pl.col("observed_at").max().alias("alive")), on=KEY)
        .filter(pl.col("deleted_at") >= pl.col("alive"))
        .group_by(KEY)
        .agg(pl.col("deleted_at").min())
    )
    return living.sort([*KEY, "observed_at", *_FULLER], maintain_order=True), proofs, moved


def _is_silent(living: pl.DataFrame) -> pl.Series:
    """Whether an observation of some members of an album has only captions, or none, that one of all members has too."""
    part = _MEMBERS.list.n_unique() < pl.col("whole")
    if living.filter(part).is_empty():
        return pl.Series([False]).new_from_index(0, living.height)
    complete = living.filter(~part).sort("observed_at", maintain_order=True)
    captions = complete.group_by(KEY).agg(pl.col("text").last().alias("captions"))
    apart = pl.lit(CAPTIONS_APART)
    within = pl.concat_str(apart, "captions", apart).str.contains(pl.concat_str(apart, "text", apart), literal=True)
    fewer = within & (pl.col("text") != pl.col("captions"))
    silent = part & ((pl.col("text") == "") | fewer.fill_null(value=False))
    return living.join(captions, on=KEY, how="left", maintain_order="left").select(silent.alias("silent"))["silent"]


def _rekeyed(frame: pl.DataFrame, moved: pl.DataFrame) -> pl.DataFrame:
    if moved.is_empty():
        return frame
    return (
        frame.join(moved.unique(), left_on=KEY, right_on=["channel_id", "own"], how="left", maintain_order="left")
        .with_columns(pl.coalesce("post", "msg_id").alias("msg_id"))
        .drop("post")
    )


def _newest(living: pl.DataFrame) -> pl.DataFrame:
    """All that isn't text, list or counter, from the newest observation; what a poorer source leaves out is kept."""
    own = living.filter(pl.col("own") == pl.col("msg_id"))
    return (
        living.group_by(KEY, maintain_order=True)
        .agg(
            pl.col("channel", "grouped_id", "comment_on", "comment_channel").drop_nulls().last(),
            pl.col("channel_title").filter(pl.col("channel_title") != "").last(),
            pl.col("edit_date", "author", "sender_id", "type", "service_action", "reply_to", "forum_topic").last(),
            pl.col("forwarded_from", "source", "observed_at").last(),
        )
        .with_columns(pl.col("channel_title").fill_null(""))
        .join(own.group_by(KEY).agg(pl.col("date").last()), on=KEY, maintain_order="left")
    )


def _texts(living: pl.DataFrame) -> pl.DataFrame:
    """Text and what stands in it. An observation of some members of an album says nothing about captions it lacks."""
    ranked = living.sort(["silent"], descending=True, maintain_order=True)
    return ranked.group_by(KEY).agg(pl.col(_TEXT).last())


def _albums(living: pl.DataFrame) -> pl.DataFrame:
    members = living.select(*KEY, _MEMBERS.alias("album"))
    return (
        members.explode("album")
        .group_by(KEY)
        .agg(pl.col("album").unique().sort())
        .with_columns(
            pl.when(pl.col("album").list.len() > 1).then("album").otherwise(pl.lit([], dtype=pl.List(pl.Int64)))
        )
    )


def _attachments(living: pl.DataFrame) -> pl.DataFrame:
    items = (
        living.select(*KEY, "observed_at", "attachments")
        .with_row_index("row")
        .filter(pl.col("attachments").list.len() > 0)
        .explode("attachments")
        .with_columns(member=pl.col("attachments").struct.field("msg_id"))
        .with_columns(
            place=pl.int_range(pl.len()).over("row", "member"),
            stored=pl.col("attachments").struct.field("status") == "stored",
            status=pl.col("attachments").struct.field("status"),
            sha256=pl.col("attachments").struct.field("sha256"),
        )
        .sort("stored", "observed_at", "status", "sha256", maintain_order=True)
    )
    chosen = items.group_by([*KEY, "member", "place"]).agg(pl.col("attachments").last())
    lists = chosen.sort([*KEY, "member", "place"]).group_by(KEY, maintain_order=True).agg("attachments")
    return lists.with_columns(pl.col("attachments").cast(pl.List(MEDIA_ITEM)))


def _stats(living: pl.DataFrame, stats: pl.DataFrame) -> pl.DataFrame:
    read = living.filter(~pl.col("prior") & pl.any_horizontal(pl.col(COUNTERS).is_not_null()))
    every = pl.concat([stats.select(list(MESSAGE_STATS.columns)), read.select(list(MESSAGE_STATS.columns))])
    return MESSAGE_STATS.conform(every.group_by(MESSAGE_STATS.key).agg(pl.col(COUNTERS).max()))


def _counters(living: pl.DataFrame, stats: pl.DataFrame) -> pl.DataFrame:
    newest = stats.group_by(KEY, maintain_order=True).agg(pl.col(COUNTERS).drop_nulls().last())
    prior = living.filter("prior").group_by(KEY, maintain_order=True).agg(pl.col(COUNTERS).max().name.suffix("_prior"))
    counted = living.select(KEY).unique().join(newest, on=KEY, how="left").join(prior, on=KEY, how="left")
    return counted.select(*KEY, *(pl.coalesce(name, f"{name}_prior").alias(name) for name in COUNTERS))


def _emoji(living: pl.DataFrame, stats: pl.DataFrame) -> pl.DataFrame:
    """Reactions by emoji, from the newest observation that carries reactions (an existing row: as the stats tell)."""
    emoji_reads = (
        stats.filter(pl.col("reactions").is_not_null())
        .group_by(KEY)
        .agg(pl.col("observed_at").max().alias("emoji_read"))
    )
    carrying = (
        living.filter(pl.col("reactions").is_not_null())
        .join(emoji_reads, on=KEY, how="left")
        .with_columns(at=pl.when("prior").then(pl.coalesce("emoji_read", "observed_at")).otherwise("observed_at"))
        .sort("at", "reactions", maintain_order=True)
    )
    return carrying.group_by(KEY).agg(pl.col("reactions_by_emoji").last())


def _versions(living: pl.DataFrame, versions: pl.DataFrame) -> pl.DataFrame:
    columns = [*KEY, "text", "text_hash", "seen_at"]
    # What a part of an album had of its captions was never the post's text.
    parts = living.filter("prior", "silent").select(*KEY, "text").unique()
    before = versions.join(parts, on=[*KEY, "text"], how="anti", maintain_order="left")
    observed = pl.concat(
        [before.select(columns), living.filter(~pl.col("silent")).rename({"observed_at": "seen_at"}).select(columns)]
    )
    observed_keys = observed.select(KEY).unique()
    rest = living.join(observed_keys, on=KEY, how="anti").rename({"observed_at": "seen_at"}).select(columns)
    numbered = (
        pl.concat([observed, rest])
        .sort([*KEY, "seen_at", pl.col("text").str.len_bytes(), "text_hash"])
        .group_by([*KEY, "seen_at"], maintain_order=True)
        .last()
        .filter(pl.col("text_hash").ne_missing(pl.col("text_hash").shift(1).over(KEY)))
        .with_columns(version=(pl.int_range(pl.len(), dtype=pl.Int32) + 1).over(KEY).cast(pl.Int32))
    )
    return MESSAGE_VERSIONS.conform(numbered.select(list(MESSAGE_VERSIONS.columns)))


def _with_language(merged: pl.DataFrame, messages: pl.DataFrame) -> pl.DataFrame:
    detected = messages.select("text_hash", "lang").unique("text_hash", keep="first", maintain_order=True)
    merged = merged.join(detected, on="text_hash", how="left", maintain_order="left")
    new = merged.filter(pl.col("lang").is_null()).select("text", "text_hash").unique("text_hash")
    fresh = new.select("text_hash", language.detect(new["text"]).alias("detected"))
    return merged.join(fresh, on="text_hash", how="left").with_columns(pl.coalesce("lang", "detected").alias("lang"))
