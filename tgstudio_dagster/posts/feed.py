"""The feed: the tenant's posts, newest first, filtered, each page in bounded time however large the lake is.

The order is by date, channel and message, so a page asked for by the place of the last post neither repeats nor leaves
out what stood before new posts came. Recent days are kept in memory (`lake/read_cache.py`), older ones are read for their
page. `newest_posts` answers with any number of posts at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from tgstudio_dagster.core.cursor import mark_of, read_filtered, write_filtered
from tgstudio_dagster.core.errors import QueryError
from tgstudio_dagster.lake import read_cache
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables.posts import MEDIA, MESSAGES
from tgstudio_dagster.posts import counting
from tgstudio_dagster.posts.fit import CHANNEL_NAME, PostFilter, bare_names, conditions, word_conditions, words_in
from tgstudio_dagster.posts.shape import LONGEST_TEXT

if TYPE_CHECKING:
    from polars.expr.struct import ExprStructNameSpace

FEED_COLUMNS = (
    *("channel_id", "msg_id", "channel", "channel_title", "date", "edit_date", "deleted_at", "version", "lang", "type"),
    *("text", "hashtags", "links", "forwarded_from", "album", "views", "forwards", "reactions", "comments"),
    *("attachments", "url"),
)
"""What is read of a post to show it: fewer columns, less to decode."""
MAX_PAGE = 200
PAGE_BYTES = 2 * 2**20
"""About how many bytes a page has: one of long texts ends earlier, and its cursor goes on."""
MAX_POSTS = 100_000
"""Posts that one page looks at before it says how far it came: about 50 MB of text."""
MAX_DAYS = 90
HOT_DAYS = 8
"""Days whose posts are kept in memory whatever is asked of them: a week, and the one that has just begun."""
_ORDER = ("date", "channel_id", "msg_id")
_KEY = ("channel_id", "msg_id")
_MEDIA = (
    *("channel_id", "msg_id", "index", "kind", "mime", "file_name", "size", "width", "height", "duration", "status"),
    *("uri", "thumb_uri"),
)
_POST_BYTES, _MEDIA_BYTES = 500, 500
"""About what a post and one of its files take besides words."""
_NAME, _TEXT = "channel_name", "text_lower"


class Place(NamedTuple):
    """A post's place in the feed, which is by date, channel and message, newest first."""

    date: datetime
    channel_id: int = 0
    msg_id: int = 0


@dataclass(frozen=True)
class FeedQuery(PostFilter):
    """What the feed is filtered by; an empty one lets everything through. Times are days in UTC, ends included.

    Comments never come, service messages only where their type is asked for.
    """

    first: date | None = None
    last: date | None = None

    @property
    def narrow(self) -> bool:
        """Whether most posts of a day may be passed over."""
        return bool(self.channels or self.langs or self.types or self.words or self.any_words)

    @property
    def mark(self) -> str:
        """The filters' mark in a cursor; their order means nothing."""
        filters = [sorted(values) for values in (self.channels, self.langs, self.types, self.words)]
        return mark_of(self.first, self.last, *filters, *([sorted(self.any_words)] if self.any_words else []))


@dataclass(frozen=True)
class FeedPage:
    """Posts with FEED_COLUMNS but attachments; `edits`, how often the text was changed; and `media`: per photo, video or
    file its index, kind, mime, file_name, size (bytes), width, height (pixels), duration (seconds), status, and uri and
    thumb_uri in the tenant's files.

    `cursor` asks for the page after, None where there is none.

    `looked_to` is the day down to which was looked: a page that looked at very many posts may hold fewer than were asked
    for, or none, and the cursor goes on from there.
    """

    rows: pl.DataFrame
    cursor: str | None
    looked_to: date | None


def feed_page(lake: TenantLake, query: FeedQuery, *, cursor: str | None = None, limit: int = 50) -> FeedPage:
    """A page of the feed. Raises QueryError for a foreign cursor, a range without a day, or a limit out of bounds."""
    if query.first and query.last and query.first > query.last:
        raise QueryError(f"{query.first} is after last, {query.last}; give the earlier one first.", field="first")
    if not 1 <= limit <= MAX_PAGE:
        raise QueryError(f"{limit}: a page has 1 to {MAX_PAGE} posts.", field="limit")
    before = None if cursor is None else Place(*read_filtered(cursor, query.mark, 2, of="feed"))
    posts, looked_to, more = _look(lake, query, before, limit)
    fitting = min(limit, _fitting(posts))
    if posts.height > fitting:
        posts = posts.head(fitting)
        end: Place | None = Place(*posts.select(_ORDER).row(-1))
    else:
        end = Place(datetime.combine(looked_to, time(), UTC)) if looked_to and more else None
    return FeedPage(posts, end and write_filtered(query.mark, *end), looked_to)


def _fitting(posts: pl.DataFrame) -> int:
    """How many of the posts a page takes by their bytes; one at least."""
    words = [pl.col(name).list.join(" ", ignore_nulls=True).str.len_bytes() for name in ("hashtags", "links")]
    size = pl.sum_horizontal(
        pl.col("text").str.len_bytes(), *words, pl.col("media").list.len() * _MEDIA_BYTES, pl.lit(_POST_BYTES)
    )
    if posts.is_empty():
        return 1
    return max(1, int(posts.select((size.cum_sum() <= PAGE_BYTES).sum()).item()))


def newest_posts(lake: TenantLake, query: FeedQuery, *, limit: int) -> pl.DataFrame:
    """The newest posts that fit, with FEED_COLUMNS and in the feed's order, however many are asked for.

    Days are read from the newest backwards, in steps that double, and only until the limit is reached: most questions
    are answered by the first one. Nothing is kept in memory for the next question, nor is the number of days bounded.
    """
    days = [day for day in reversed(lake.days(MESSAGES)) if _within(day, query.first, query.last)]
    where = [*conditions(query), *word_conditions(query)]
    posts, start, step = MESSAGES.empty().select(FEED_COLUMNS), 0, 1
    while start < len(days) and posts.height < limit:
        posts = pl.concat([posts, _read(lake, days[start : start + step], where)])
        start, step = start + step, step * 2
    return posts.head(limit)


def version(lake: TenantLake) -> str:
    """Changes when any page of the feed may have changed."""
    return read_cache.stamp(lake, MESSAGES, MEDIA)


def posts_of(lake: TenantLake, keys: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    """Posts of the days that `keys` (channel_id, msg_id) name, as a page's rows, newest first."""
    versions = read_cache.versions(lake, MESSAGES)
    parts = [_posts(lake, day).join(keys, on=_KEY, how="semi").drop(_NAME, _TEXT) for day in days if day in versions]
    return pl.concat([_no_posts(), *parts]).sort(_ORDER, descending=True)


def with_media(lake: TenantLake, posts: pl.DataFrame) -> pl.DataFrame:
    """Posts with FEED_COLUMNS as a page's rows, in their order."""
    keys = posts.filter(pl.col("attachments").list.len() > 0).select(*_KEY, day=pl.col("date").dt.date())
    return _shown(posts, _media(lake, keys))


def _shown(posts: pl.DataFrame, media: pl.DataFrame) -> pl.DataFrame:
    item = pl.struct(name for name in _MEDIA if name not in _KEY)
    items = media.group_by(_KEY).agg(media=item.sort_by("index"))
    # What is not among the media yet is shown as Telegram described it.
    described = pl.col("attachments").list.eval(_as_media(pl.element().struct))
    return (
        posts.join(items, on=_KEY, how="left", maintain_order="left")
        .with_columns(edits=pl.col("version") - 1, media=pl.coalesce("media", described))
        .drop("attachments")
    )


def _look(
    lake: TenantLake, query: FeedQuery, before: Place | None, limit: int
) -> tuple[pl.DataFrame, date | None, bool]:
    """One post more than the page has, if there are, how far was looked, and whether there are older days."""
    newest_first = sorted(read_cache.versions(lake, MESSAGES), reverse=True)
    last = query.last if before is None else min(query.last or date.max, before.date.date())
    days = [day for day in newest_first if _within(day, query.first, last)]
    recent = set(newest_first[:HOT_DAYS])
    usual = _posts(lake, newest_first[0]).height if days else 0
    query = _with_ids(lake, query, newest_first[0]) if days else query
    page, looked_at, looked_to = _no_posts(), 0, None
    for n, day in enumerate(days):
        if looked_at >= MAX_POSTS or n >= MAX_DAYS:
            return page, looked_to, True
        most = limit + 1 - page.height
        if day in recent or not query.narrow:
            posts = _first(_posts(lake, day), query, before, most)
        else:
            where = [*conditions(query), *word_conditions(query), *_before(before)]
            posts = with_media(lake, _read(lake, [day], where).head(most))
        # Without words little of a post is looked at.
        looked_at += usual if query.words or query.any_words or not query.narrow else usual // 8
        page, looked_to = pl.concat([page, posts]) if page.height else posts, day
        if page.height > limit:
            break
    return page, looked_to, False


def _within(day: date, first: date | None, last: date | None) -> bool:
    return (first or date.min) <= day <= (last or date.max)


def _first(posts: pl.DataFrame, query: FeedQuery, before: Place | None, most: int) -> pl.DataFrame:
    """Of a day that is kept the first posts that fit. Which they are is found first: a filter would copy all that pass."""
    where = conditions(query, pl.col(_NAME)) + _before(before)
    places = posts.select(pl.arg_where(pl.all_horizontal(where))).to_series()
    if query.words or query.any_words:
        words = words_in(pl.col(_TEXT), query.words, query.any_words)
        texts, parts, start, step = posts.select(_TEXT), [places.head(0)], 0, 512
        # A word that many posts hold is found in the first few: the rest is not looked at.
        while start < places.len() and sum(part.len() for part in parts) < most:
            part = places.slice(start, step)
            parts.append(part.filter(texts[part].select(words).to_series()))
            start, step = start + step, step * 4
        places = pl.concat(parts)
    return posts[places.head(most)].drop(_NAME, _TEXT)


def _with_ids(lake: TenantLake, query: FeedQuery, newest: date) -> FeedQuery:
    """The same, with ids in place of the names of channels that post lately: rows are sorted by them."""
    if not query.channels:
        return query

    def read() -> pl.DataFrame:
        pairs = _posts(lake, newest).select(_NAME, "channel_id").drop_nulls().unique()
        # A name that moved from one channel to another stays a name.
        return pairs.filter(pl.col(_NAME).is_unique())

    ids = dict(read_cache.frame(lake, "channels", _stamp(lake, newest), read).iter_rows())
    return replace(query, channels=[str(ids.get(name, name)) for name in bare_names(query.channels)])


def _before(place: Place | None) -> list[pl.Expr]:
    if place is None:
        return []
    same_time = pl.col("date") == place.date
    same_channel = same_time & (pl.col("channel_id") == place.channel_id)
    return [
        (pl.col("date") < place.date)
        | (same_time & (pl.col("channel_id") < place.channel_id))
        | (same_channel & (pl.col("msg_id") < place.msg_id))
    ]


def _posts(lake: TenantLake, day: date) -> pl.DataFrame:
    """A day's posts but comments as a page's rows, in the feed's order, with the channel's name and the text in lower case."""

    def read() -> pl.DataFrame:
        return with_media(lake, _read(lake, [day], [])).with_columns(
            CHANNEL_NAME.alias(_NAME), pl.col("text").str.to_lowercase().alias(_TEXT)
        )

    return read_cache.frame(lake, f"posts/{day}", _stamp(lake, day), read)


def _stamp(lake: TenantLake, day: date) -> str:
    """Changes when the day's rows may."""
    return repr((day, *(read_cache.versions(lake, table).get(day) for table in (MESSAGES, MEDIA))))


def _read(lake: TenantLake, days: Sequence[date], where: list[pl.Expr]) -> pl.DataFrame:
    """Posts of the days but comments, with FEED_COLUMNS, in the feed's order."""
    columns = (*FEED_COLUMNS, "comment_on")
    posts = lake.read(MESSAGES, days=days, columns=columns, where=[counting.NO_COMMENT, *where])
    # Of objects that were written before texts were cut when they are read.
    short = pl.col("text").str.head(LONGEST_TEXT)
    return posts.drop("comment_on").with_columns(short).sort(_ORDER, descending=True)


def _media(lake: TenantLake, keys: pl.DataFrame) -> pl.DataFrame:
    """The media of the posts that `keys` name, by channel_id, msg_id and day."""
    versions = read_cache.versions(lake, MEDIA)
    parts = [MEDIA.empty().select(_MEDIA)]
    for (day,), posts in keys.partition_by("day", as_dict=True).items():
        if isinstance(day, date) and day in versions:
            own = [pl.col("channel_id").is_in(posts["channel_id"].unique().to_list())]
            parts.append(lake.read(MEDIA, days=[day], columns=_MEDIA, where=own).join(posts, on=_KEY, how="semi"))
    return pl.concat(parts)


def _as_media(item: ExprStructNameSpace) -> pl.Expr:
    """An attachment of a message in the shape of its row of media."""
    names = ("kind", "mime", "file_name", "size", "width", "height", "duration", "status")
    fields = [item.field(name) for name in names]
    place = pl.int_range(pl.len(), dtype=pl.Int32).alias("index")
    return pl.struct([place, *fields, *(pl.lit(None, pl.String).alias(name) for name in ("uri", "thumb_uri"))])


@cache
def _no_posts() -> pl.DataFrame:
    return _shown(MESSAGES.empty().select(FEED_COLUMNS), MEDIA.empty().select(_MEDIA))
