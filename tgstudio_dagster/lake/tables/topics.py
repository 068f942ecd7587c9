"""Tables of topics: features, topics and their posts, changes, the map, rankings."""

from __future__ import annotations

import polars as pl

from tgstudio_dagster.lake.contract import Column, Table
from tgstudio_dagster.lake.tables.columns import COUNTERS, UTC, post_key

EMBEDDINGS = Table(
    "embeddings",
    "One row per post with text: its features for topics, map and search; with the extra ml also a model's vector.",
    "tenant_day",
    ("channel_id", "msg_id"),
    {
        **post_key(),
        "model": Column(pl.String, "Name and version of the lexical features."),
        "text_hash": Column(pl.String, "Hash of the text it was made from."),
        "indices": Column(pl.List(pl.UInt32), "Numbers of the lexical features.", nullable=True),
        "vector": Column(pl.List(pl.Float32), "Their weights, one for each of `indices`."),
        "dense_model": Column(
            pl.String,
            "Name and revision of the sentence model of `dense`; null where none was set (TGSTUDIO_EMBEDDINGS_MODEL).",
            nullable=True,
        ),
        "dense": Column(
            pl.List(pl.Float32),
            "The sentence model's vector of the cleaned text's first 400 characters, of length 1.",
            nullable=True,
        ),
    },
)
FEATURE_COUNTS = Table(
    "feature_counts",
    "How many of the day's different texts hold each feature, by language: what small windows learn word weights from.",
    "tenant_day",
    ("lang",),
    {
        "lang": Column(pl.String, "ISO 639-1 code."),
        "posts": Column(pl.Int64, "Different texts."),
        "features": Column(pl.List(pl.UInt32), "Numbers of the features, rising."),
        "counts": Column(pl.List(pl.UInt32), "In how many texts each stands."),
    },
)
TOPIC_CHANGES = Table(
    "topic_changes",
    "Which topics of the day before split or merged.",
    "tenant_day",
    ("kind", "topic_id", "other_id"),
    {
        "kind": Column(
            pl.String, "split: part of topic_id stands in other_id now; merge: other_id went into topic_id."
        ),
        "topic_id": Column(pl.String, "The topic."),
        "other_id": Column(pl.String, "The other one."),
        "shared": Column(pl.Int64, "Posts that moved."),
    },
)
TOPICS = Table(
    "topics",
    "One row per topic of the 7 days that end with the partition's day: while it goes on, as clustered at the last full hour, "
    "with what came since attached.",
    "tenant_day",
    ("topic_id",),
    {
        "topic_id": Column(pl.String, "t- and 12 hex digits; kept while most of the topic's posts stay together."),
        "title": Column(pl.String, "Headline made from the members."),
        "keywords": Column(pl.List(pl.String), "5 to 10 words that set it apart."),
        "lang": Column(pl.String, "Language of most members."),
        "langs": Column(pl.List(pl.String), "Languages of the members, most first.", nullable=True),
        "first_seen": Column(UTC, "Date of its first post in the window."),
        "last_seen": Column(UTC, "Date of its last post in the window."),
        "messages": Column(pl.Int32, "Number of posts."),
        "channels": Column(pl.Int32, "Number of distinct channels."),
        "channel_id": Column(pl.Int64, "Representative post: its channel's id."),
        "msg_id": Column(pl.Int64, "Representative post: its message id."),
        "story_id": Column(pl.String, "The story (topics of one larger matter) it belongs to: s- and 12 hex digits."),
    },
)
TOPIC_MESSAGES = Table(
    "topic_messages",
    "One row per post of a topic.",
    "tenant_day",
    ("topic_id", "channel_id", "msg_id"),
    {
        "topic_id": Column(pl.String, "The topic."),
        **post_key(),
        "date": Column(UTC, "When the post was made: its own partition's day, which may be earlier than this one's."),
        "similarity": Column(pl.Float64, "Mean similarity to the topic's other posts, 0 to 1."),
        "duplicate_of": Column(pl.String, "<channel_id>/<msg_id> of the earlier post it repeats.", nullable=True),
    },
)
TOPIC_MAP = Table(
    "topic_map",
    "One row per post with text in the 7 days that end with the partition's day: its place on the map.",
    "tenant_day",
    ("channel_id", "msg_id"),
    {
        **post_key(),
        "x": Column(pl.Float64, "Horizontal place; only distances mean anything."),
        "y": Column(pl.Float64, "Vertical place."),
        "topic_id": Column(pl.String, "Its topic, null where it has none.", nullable=True),
        "story_id": Column(pl.String, "Its story, null where it has none.", nullable=True),
        "method": Column(pl.String, "umap, or pca: reason."),
    },
)
RANKINGS = Table(
    "rankings",
    "One row per post and topic and window: score, rank, and each term of the formula (topics/rank.py).",
    "tenant_day",
    ("entity_kind", "entity_id", "window"),
    {
        "entity_kind": Column(pl.String, "message or topic."),
        "entity_id": Column(pl.String, "<channel_id>/<msg_id>, or the topic_id."),
        "window": Column(pl.String, "24h or 7d, ending at as_of."),
        "as_of": Column(UTC, "The newest observation in the partition's window: the formula's now."),
        "rank": Column(pl.Int32, "From 1, within kind and window."),
        "score": Column(pl.Float64, "What the rank is by: popularity * (1 + 0.5 ln(1 + max(0, trend)))."),
        "popularity": Column(
            pl.Float64, "Sum over distinct channels (without counters: people) of audience * engagement * decay."
        ),
        "trend": Column(pl.Float64, "(recent - expected) / sqrt(expected + 1), posts per recent span."),
        "engagement": Column(
            pl.Float64,
            "Weighted log2 ratio to the channel's own median at the same age; without counters log2(1 + replies).",
        ),
        "audience": Column(pl.Float64, "log10(10 + channel's median views) / 4, at most 1.5."),
        "decay": Column(pl.Float64, "2 ** (-age / half life)."),
        "views_term": Column(pl.Float64, "Clipped log2 ratio of views; null where unknown.", nullable=True),
        "forwards_term": Column(pl.Float64, "Clipped log2 ratio of forwards; null where unknown.", nullable=True),
        "reactions_term": Column(pl.Float64, "Clipped log2 ratio of reactions; null where unknown.", nullable=True),
        "comments_term": Column(pl.Float64, "Clipped log2 ratio of comments; null where unknown.", nullable=True),
        "messages": Column(pl.Int32, "Posts in the window (1 for a message)."),
        "channels": Column(pl.Int32, "Distinct channels in the window (1 for a message)."),
        "recent": Column(
            pl.Int32,
            "Channel-hours with a post in the recent span (6 h of 24h, 24 h of 7d): a flood of one channel is no trend.",
        ),
        "expected": Column(pl.Float64, "Those expected in the recent span from the earlier rate and hours of day."),
        "age": Column(pl.Float64, "Age of the (strongest) post at as_of, hours.", nullable=True),
        "read_age": Column(pl.Float64, "Age at which its counters were read last, hours; null: never.", nullable=True),
        **{f"{name}_read": Column(pl.Int64, f"{name.title()} read last.", nullable=True) for name in COUNTERS},
        **{
            f"{name}_usual": Column(pl.Float64, f"{name.title()} usual for its channel at that age.", nullable=True)
            for name in COUNTERS
        },
        "replies": Column(pl.Int32, "Posts of the window that answer its posts.", nullable=True),
        "authors": Column(
            pl.Int32, "People who wrote it in their own names (group chats); 0: channels only.", nullable=True
        ),
    },
)
