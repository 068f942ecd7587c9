"""Tables of posts: what has landed, messages, their versions, counters, media, and what channels repeat."""

from __future__ import annotations

import polars as pl

from tgstudio_dagster.lake.contract import Column, Table
from tgstudio_dagster.lake.tables.columns import COUNTERS, OBSERVED, UTC, post_key

LANDING = Table(
    "landing",
    "Posts as they arrived, one file per batch, waiting to be merged into messages. Not a table of the analyst's.",
    "tenant_day",
    ("channel_id", "msg_id", "observed_at"),
    {**post_key(), **OBSERVED},
)
MESSAGES = Table(
    "messages",
    "One row per post (an album is one post) in its newest observed state. Service messages are kept, by type; comments "
    "too, where a subscription asks for them (comment_on): neither takes part in topics, rankings and the feed.",
    "tenant_day",
    ("channel_id", "msg_id"),
    {
        **post_key(),
        **OBSERVED,
        "version": Column(pl.Int32, "Number of the text's version, from 1."),
        "lang": Column(pl.String, "ISO 639-1 code of the text's language, und where it can't be told."),
    },
)
MESSAGE_VERSIONS = Table(
    "message_versions",
    "One row per text a post has had; an edit is a change of the text's hash.",
    "tenant_day",
    ("channel_id", "msg_id", "version"),
    {
        **post_key(),
        "version": Column(pl.Int32, "From 1, in order of observation."),
        "text": Column(pl.String, "The text of this version."),
        "text_hash": Column(pl.String, "First 16 hex digits of SHA-256 of the text."),
        "seen_at": Column(UTC, "When this version was first observed."),
    },
)
MESSAGE_STATS = Table(
    "message_stats",
    "One row per observation of a post's counters. The partition is the day of the post, not of the observation.",
    "tenant_day",
    ("channel_id", "msg_id", "observed_at"),
    {**post_key(), "observed_at": Column(UTC, "When the counters were read."), **COUNTERS},
)
MEDIA = Table(
    "media",
    "One row per photo, video, document or voice of a post, stored or not.",
    "tenant_day",
    ("channel_id", "msg_id", "index"),
    {
        **post_key(),
        "index": Column(pl.Int32, "Place in the post, from 0."),
        "member_id": Column(pl.Int64, "Message id that carries it: of an album, the member's.", nullable=True),
        "kind": Column(pl.String, "photo, video, animation, document, audio, voice, video_note or sticker."),
        "mime": Column(pl.String, "MIME type.", nullable=True),
        "file_name": Column(pl.String, "Name given by the sender, made safe for a file system.", nullable=True),
        "size": Column(pl.Int64, "Bytes.", nullable=True),
        "width": Column(pl.Int32, "Pixels.", nullable=True),
        "height": Column(pl.Int32, "Pixels.", nullable=True),
        "duration": Column(pl.Float64, "Seconds.", nullable=True),
        "sha256": Column(pl.String, "Hash of the stored file, hex.", nullable=True),
        "uri": Column(pl.String, "Path of the stored file within the tenant's files.", nullable=True),
        "status": Column(
            pl.String,
            "stored; pending, or pending: reason (tried again by the next run of the day); skipped: reason (by the tenant's "
            "filters, looked at anew by each run); failed: reason (tried again only when the post has another file).",
        ),
        "thumb_sha256": Column(pl.String, "Hash of the stored thumbnail, hex; null where none came.", nullable=True),
        "thumb_uri": Column(pl.String, "Path of the thumbnail within the tenant's files.", nullable=True),
    },
)
CHANNEL_LINES = Table(
    "channel_lines",
    "How often each line stands in each channel's posts of the day: what its repeated lines are learnt from.",
    "tenant_day",
    ("channel_id", "line"),
    {
        "channel_id": Column(pl.Int64, "The channel."),
        "line": Column(pl.String, "The line; the empty one counts the channel's posts with a text."),
        "seen": Column(pl.Int64, "Posts with the line."),
        "at_edge": Column(pl.Int64, "Posts of several lines where it is the first or the last."),
        "days": Column(pl.Int64, "Days that had it."),
        "last_day": Column(pl.Date, "The newest of them."),
    },
)
