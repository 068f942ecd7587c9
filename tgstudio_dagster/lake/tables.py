"""The contract of every table in the lake: grain, partition, columns. The one place where a column is described.

`docs/data-dictionary.md`, the schema check before a write, the views in `sql/` and the asset checks are made from it.
Partition columns (tenant, and date or order) come from the path; they are not stored in the files.
"""

from __future__ import annotations

import polars as pl

from tgstudio_dagster.lake.contract import Column, Table

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
MESSAGE_KEY = pl.Struct({"channel_id": pl.Int64, "msg_id": pl.Int64, "version": pl.Int32})
CLAIM = pl.Struct(
    {
        "text": pl.String,
        "section": pl.String,
        "messages": pl.List(MESSAGE_KEY),
        "needs_verification": pl.Boolean,
        "unsupported": pl.List(pl.String),
    }
)
CHECK = pl.Struct({"name": pl.String, "passed": pl.Boolean, "detail": pl.String})


def _post_key() -> dict[str, Column]:
    return {"channel_id": Column(pl.Int64, KEY), "msg_id": Column(pl.Int64, MSG)}


_COUNTERS = {
    "views": Column(pl.Int64, "Views, cumulative; null where the source carries none.", nullable=True),
    "forwards": Column(pl.Int64, "Forwards, cumulative; null where the source carries none.", nullable=True),
    "reactions": Column(pl.Int64, "Reactions of all emoji, cumulative; null where unknown.", nullable=True),
    "comments": Column(pl.Int64, "Comments, cumulative; null where unknown or closed.", nullable=True),
}

_OBSERVED = {
    "channel": Column(pl.String, "The channel's username without @; null for a private one.", nullable=True),
    "channel_title": Column(pl.String, "The channel's title when observed."),
    "date": Column(UTC, "When it was posted (UTC). Its day is the partition."),
    "edit_date": Column(UTC, "Telegram's edit date; moves with reactions too.", nullable=True),
    "text": Column(pl.String, "The text, empty where there is none; of an album, its caption."),
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
    **_COUNTERS,
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
    "source": Column(pl.String, "Where it came from: desktop_export, telethon_dump or telegram."),
    "url": Column(pl.String, "Permalink: https://t.me/<username>/<id>, or https://t.me/c/<channel_id>/<id>."),
}

LANDING = Table(
    "landing",
    "Posts as they arrived, one file per batch, waiting to be merged into messages. Not a table of the analyst's.",
    "tenant_day",
    ("channel_id", "msg_id", "observed_at"),
    {**_post_key(), **_OBSERVED},
)
MESSAGES = Table(
    "messages",
    "One row per post (an album is one post) in its newest observed state. Service messages are kept, by type; comments "
    "too, where a subscription asks for them (comment_on): neither takes part in topics, rankings and the feed.",
    "tenant_day",
    ("channel_id", "msg_id"),
    {
        **_post_key(),
        **_OBSERVED,
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
        **_post_key(),
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
    {**_post_key(), "observed_at": Column(UTC, "When the counters were read."), **_COUNTERS},
)
MEDIA = Table(
    "media",
    "One row per photo, video, document or voice of a post, stored or not.",
    "tenant_day",
    ("channel_id", "msg_id", "index"),
    {
        **_post_key(),
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
EMBEDDINGS = Table(
    "embeddings",
    "One row per post with text: its features for topics, map and search; with the extra ml also a model's vector.",
    "tenant_day",
    ("channel_id", "msg_id"),
    {
        **_post_key(),
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
SEARCH_INDEX = Table(
    "search_index",
    "One row per post with a word in it: what it is found by and shown with. Searching copies it to the local home.",
    "tenant_day",
    ("channel_id", "msg_id"),
    {
        **_post_key(),
        "channel": Column(pl.String, "The channel's username without @; null for a private one.", nullable=True),
        "channel_title": Column(pl.String, "The channel's title when observed."),
        "date": Column(UTC, "When it was posted (UTC)."),
        "lang": Column(pl.String, "ISO 639-1 code of the text's language, und where it can't be told."),
        "comment": Column(pl.Boolean, "Whether it is a comment: left out of results unless asked for."),
        "deleted": Column(pl.Boolean, "Whether it was seen deleted: left out of results unless asked for."),
        "url": Column(pl.String, "Permalink."),
        "text": Column(pl.String, "The text, as shown."),
        "words": Column(pl.String, "The text's words as stems, in order, a space between them."),
        "model": Column(pl.String, "The model of `vector`; null where the day has no dense vectors.", nullable=True),
        "vector": Column(
            pl.List(pl.Int8),
            "The dense vector as whole numbers: each value times 127 / the largest; only its direction means anything.",
            nullable=True,
        ),
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
        **_post_key(),
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
        **_post_key(),
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
        "popularity": Column(pl.Float64, "Sum over distinct channels of audience * engagement * decay."),
        "trend": Column(pl.Float64, "(recent - expected) / sqrt(expected + 1), posts per recent span."),
        "engagement": Column(pl.Float64, "Weighted log2 ratio to the channel's own median at the same age."),
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
        **{f"{name}_read": Column(pl.Int64, f"{name.title()} read last.", nullable=True) for name in _COUNTERS},
        **{
            f"{name}_usual": Column(pl.Float64, f"{name.title()} usual for its channel at that age.", nullable=True)
            for name in _COUNTERS
        },
    },
)
EDITOR_RESULTS = Table(
    "editor_results",
    "One row per order: the original text, and the claims it rests on.",
    "order",
    ("topic_id",),
    {
        "topic_id": Column(pl.String, "The topic it was ordered from; of chosen posts, c- and 12 hex digits."),
        "language": Column(pl.String, "ru or en."),
        "tone": Column(pl.String, "neutral, lively or formal."),
        "headline": Column(pl.String, "At most 90 characters."),
        "dek": Column(pl.String, "One sentence under the headline."),
        "body_short": Column(pl.String, "About 250 characters."),
        "body_medium": Column(pl.String, "About 800 characters."),
        "body_long": Column(pl.String, "About 2,500 characters."),
        "key_points": Column(pl.List(pl.String), "3 to 5 sentences."),
        "claims": Column(
            pl.List(CLAIM),
            "Every sentence with the post versions it rests on; needs_verification where it cites none, or holds a "
            "number, name or date (listed in unsupported) that no cited post holds.",
        ),
        "source_links": Column(pl.List(pl.String), "Permalinks of the cited posts, in order."),
        "hashtags": Column(pl.List(pl.String), "Candidates for the publisher, without #."),
        "model": Column(pl.String, "The writer: a model's name, or offline-digest/<version>."),
        "prompt_version": Column(pl.String, "Version of the prompt or of the offline composer."),
        "overlap": Column(pl.Float64, "Share of 5-word shingles outside quotation marks that stand in a source."),
        "run_id": Column(pl.String, "Dagster run that made it."),
        "as_of": Column(UTC, "Newest observation of the cited posts."),
    },
)
IMAGE_BRIEFS = Table(
    "image_briefs",
    "What is to be drawn for an order, one row per size.",
    "order",
    ("n",),
    {
        "n": Column(pl.Int32, "From 0."),
        "title": Column(pl.String, "Text on the card."),
        "prompt": Column(pl.String, "What an image model is asked for."),
        "negative": Column(pl.String, "What it is asked to leave out."),
        "size": Column(pl.String, "Pixels, <width>x<height>."),
        "aspect": Column(pl.String, "For example 1:1, 16:9, 4:5."),
        "caption": Column(pl.String, "Line under the title: channels and date."),
        "style_tags": Column(pl.List(pl.String), "Style words."),
        "platforms": Column(pl.List(pl.String), "Platforms that use this size."),
        "brief_hash": Column(pl.String, "Hash of all the above: the cache key of the image."),
    },
)
IMAGES = Table(
    "images",
    "The image of each brief.",
    "order",
    ("n",),
    {
        "n": Column(pl.Int32, "The brief's number."),
        "uri": Column(pl.String, "Path of the file within the tenant's files."),
        "sha256": Column(pl.String, "Hash of the file, hex."),
        "width": Column(pl.Int32, "Pixels."),
        "height": Column(pl.Int32, "Pixels."),
        "model": Column(pl.String, "The painter: a model's name, or offline-card/<version>."),
        "moderation": Column(pl.String, "ok, or the category that stopped it."),
        "cached": Column(pl.Boolean, "Whether an earlier image of the same brief was used."),
        "brief_hash": Column(pl.String, "The brief it was made from."),
    },
)
CONTENT_PACKAGES = Table(
    "content_packages",
    "What is ready to publish, one row per platform.",
    "order",
    ("platform",),
    {
        "platform": Column(pl.String, "tg, vk, x, ig, threads, fb or li."),
        "package_id": Column(pl.String, "<order>-<platform>."),
        "post_time": Column(UTC, "Proposed time of posting."),
        "text_short": Column(pl.String, "Within the platform's limit."),
        "text_medium": Column(pl.String, "Within the platform's limit."),
        "text_long": Column(pl.String, "Within the platform's limit."),
        "text": Column(pl.String, "The text to post: the longest that fits with hashtags, links and call to action."),
        "hashtags": Column(pl.List(pl.String), "Without #, at most as many as the platform takes."),
        "cta": Column(pl.String, "Call to action."),
        "image_uri": Column(pl.String, "Image in the tenant's files.", nullable=True),
        "checks": Column(pl.List(CHECK), "Each limit checked: name, passed, detail with the counted figure."),
    },
)
EXPORTS = Table(
    "exports",
    "Files made from an order's packages.",
    "order",
    ("format",),
    {
        "format": Column(pl.String, "json or csv."),
        "uri": Column(pl.String, "Path of the file within the tenant's files."),
        "sha256": Column(pl.String, "Hash of the file, hex."),
        "bytes": Column(pl.Int64, "Size of the file."),
        "packages": Column(pl.Int32, "Packages in it."),
    },
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        MESSAGES,
        MESSAGE_VERSIONS,
        MESSAGE_STATS,
        MEDIA,
        CHANNEL_LINES,
        EMBEDDINGS,
        FEATURE_COUNTS,
        SEARCH_INDEX,
        TOPICS,
        TOPIC_MESSAGES,
        TOPIC_CHANGES,
        TOPIC_MAP,
        RANKINGS,
        EDITOR_RESULTS,
        IMAGE_BRIEFS,
        IMAGES,
        CONTENT_PACKAGES,
        EXPORTS,
    )
}
