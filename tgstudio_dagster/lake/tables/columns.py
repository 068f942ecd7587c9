"""Columns that several tables share."""

from __future__ import annotations

import polars as pl

from tgstudio_dagster.lake.contract import Column

UTC = pl.Datetime("us", "UTC")
KEY = "Key of the post: the channel's id (Telegram's, positive as in PeerChannel)."
MSG = "Key of the post: the message id within the channel; of an album, its lowest."

MEDIA_ITEM = pl.Struct(
    {
        "msg_id": pl.Int64,
        "kind": pl.String,
        "mime": pl.String,
        "file_name": pl.String,
        "size": pl.Int64,
        "width": pl.Int32,
        "height": pl.Int32,
        "duration": pl.Float64,
        "sha256": pl.String,
        "status": pl.String,
    }
)


def post_key() -> dict[str, Column]:
    return {"channel_id": Column(pl.Int64, KEY), "msg_id": Column(pl.Int64, MSG)}


COUNTERS = {
    "views": Column(pl.Int64, "Views, cumulative; null where the source carries none.", nullable=True),
    "forwards": Column(pl.Int64, "Forwards, cumulative; null where the source carries none.", nullable=True),
    "reactions": Column(pl.Int64, "Reactions of all emoji, cumulative; null where unknown.", nullable=True),
    "comments": Column(pl.Int64, "Comments, cumulative; null where unknown or closed.", nullable=True),
}

OBSERVED = {
    "channel": Column(pl.String, "The channel's username without @; null for a private one.", nullable=True),
    "channel_title": Column(pl.String, "The channel's title when observed."),
    "date": Column(UTC, "When it was posted (UTC). Its day is the partition."),
    "edit_date": Column(UTC, "Telegram's edit date; moves with reactions too.", nullable=True),
    "text": Column(pl.String, "The text, empty where there is none; of an album, its captions."),
    "text_hash": Column(pl.String, "First 16 hex digits of SHA-256 of the text in UTF-8."),
    "author": Column(pl.String, "Signature or sender's name.", nullable=True),
    "sender_id": Column(pl.Int64, "Telegram id of the sender, where it is not the channel itself.", nullable=True),
    "type": Column(
        pl.String,
        "text, photo, video, animation, album, document, audio, voice, video_note, sticker, poll, location, contact, "
        "other or service.",
    ),
    "service_action": Column(pl.String, "What a service message says, in Telegram's own term.", nullable=True),
    "hashtags": Column(pl.List(pl.String), "Hashtags in lower case without #, in order, each once."),
    "links": Column(pl.List(pl.String), "URLs in the text and behind it, in order, each once."),
    "mentions": Column(pl.List(pl.String), "Usernames mentioned, in lower case without @, each once."),
    "reply_to": Column(pl.Int64, "Message id in the same channel that it answers.", nullable=True),
    "forum_topic": Column(pl.Int64, "Id of the forum topic it stands in.", nullable=True),
    "comment_on": Column(
        pl.Int64, "Of a comment: the message id of the post it comments; null for posts.", nullable=True
    ),
    "comment_channel": Column(
        pl.Int64, "Of a comment: the channel of the post it comments; null for posts.", nullable=True
    ),
    "forwarded_from": Column(pl.String, "Name (or id) of the origin of a forward.", nullable=True),
    "grouped_id": Column(pl.Int64, "Telegram's album id.", nullable=True),
    "album": Column(pl.List(pl.Int64), "Message ids of the album's members; empty for a single message."),
    **COUNTERS,
    "reactions_by_emoji": Column(
        pl.List(pl.Struct({"emoji": pl.String, "count": pl.Int64})), "Reactions by emoji, most first."
    ),
    "attachments": Column(
        pl.List(MEDIA_ITEM),
        "Media of the post, one item each: kind, mime, file_name, size (bytes), width, height (pixels), duration "
        "(seconds), sha256 (hex, null if not stored), status (stored, skipped: reason, failed: reason, pending).",
    ),
    "deleted_at": Column(UTC, "When it was seen deleted; null while it stands.", nullable=True),
    "observed_at": Column(UTC, "When this state was observed; the newest observation wins."),
    "source": Column(
        pl.String,
        "Where it came from: desktop_export, desktop_html, telethon_dump, pyrogram_dump, tdl_export, telegram.",
    ),
    "url": Column(pl.String, "Permalink: https://t.me/<username>/<id>, or https://t.me/c/<channel_id>/<id>."),
}
