"""Tables of orders: text, briefs, images, packages, exports."""

from __future__ import annotations

import polars as pl

from tgstudio_dagster.lake.contract import Column, Table
from tgstudio_dagster.lake.tables.columns import UTC

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

TABLES = (EDITOR_RESULTS, IMAGE_BRIEFS, IMAGES, CONTENT_PACKAGES, EXPORTS)
"""All of them: what a tenant without a newsroom does not see."""
