"""Which posts count, and for what: the only place that says so.

A condition is a polars expression over the columns of MESSAGES; `sql/views/channel_days.sql` says OWN once more for
analysts, and a test holds them equal.

| | service messages | comments | deleted | without a text |
|---|---|---|---|---|
| the feed, watches, counts by channel (OWN) | no | no | yes | yes |
| rankings (COUNTED) | no | no | no | yes |
| topics (TOPICAL) | no | no | no | no |
| what an order is written from (QUOTABLE) | no | chosen by a person | no | no |
| search (FINDABLE) | no | if asked for | if asked for | no word, no entry |
"""

from __future__ import annotations

import polars as pl

FINDABLE = pl.col("type") != "service"
NO_COMMENT = pl.col("comment_on").is_null()
OWN = FINDABLE & NO_COMMENT
STANDING = pl.col("deleted_at").is_null()
COUNTED = OWN & STANDING
WRITTEN = pl.col("text").str.strip_chars() != ""
TOPICAL = COUNTED & WRITTEN
QUOTABLE = FINDABLE & STANDING & WRITTEN
