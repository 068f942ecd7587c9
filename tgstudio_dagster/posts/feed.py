"""Pages of the feed: the tenant's posts, newest first, filtered, each page in bounded time however large the lake is.

The order is by date, channel and message, so a page asked for by the place of the last post neither repeats nor leaves
out what stood before new posts came. Recent days are kept in memory (hot.py); older ones are read for their page.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING

import polars as pl

from tgstudio_dagster.core.errors import QueryError
from tgstudio_dagster.lake import read_cache
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables.posts import MEDIA, MESSAGES
from tgstudio_dagster.posts.questions import FEED_COLUMNS, Place

if TYPE_CHECKING:
    from polars.expr.struct import ExprStructNameSpace

MAX_PAGE = 200
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
_NAME, _TEXT = "channel_name", "text_lower"
_LOWER = pl.col("channel").str.to_lowercase()
_ID = re.compile(r"\d{1,18}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Asked:
    """What the feed is filtered by; an empty one lets everything through. Times are days in UTC, ends included.

    `channels` are usernames (with or without @) or ids. Every word must stand in the text, without regard to case.
    Comments never come, service messages only where their type is asked for.
    """

    first: date | None = None
    last: date | None = None
    channels: Sequence[str] = ()
    langs: Sequence[str] = ()
    types: Sequence[str] = ()
    words: Sequence[str] = ()

    @property
    def narrow(self) -> bool:
        """Whether most posts of a day may be passed over."""
        return bool(self.channels or self.langs or self.types or self.words)

    @property
    def mark(self) -> str:
        """8 hex digits of the filters, in which their order means nothing."""
        several = (sorted(some) for some in (self.channels, self.langs, self.types, self.words))
        return hashlib.sha256(repr((self.first, self.last, *several)).encode()).hexdigest()[:8]


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


def feed_page(lake: TenantLake, asked: Asked, *, cursor: str | None = None, limit: int = 50) -> FeedPage:
    """A page of the feed. Raises QueryError for a foreign cursor, a range without a day, or a limit out of bounds."""
    if asked.first and asked.last and asked.first > asked.last:
        raise QueryError(f"{asked.first} is after last, {asked.last}; give the earlier one first.", field="first")
    if not 1 <= limit <= MAX_PAGE:
        raise QueryError(f"{limit}: a page has 1 to {MAX_PAGE} posts.", field="limit")
    before = None if cursor is None else _place(cursor, asked)
    found, looked_to, more = _look(lake, asked, before, limit)
    if found.height > limit:
        found = found.head(limit)
        last = found.row(-1, named=True)
        further: Place | None = Place(*(last[name] for name in _ORDER))
    else:
        further = Place(datetime.combine(looked_to, time(), UTC)) if looked_to and more else None
    return FeedPage(found, further and _cursor(further, asked), looked_to)


def version(lake: TenantLake) -> str:
    """Changes when any page of the feed may have changed."""
    return read_cache.stamp(lake, MESSAGES, MEDIA)


def posts_of(lake: TenantLake, keys: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    """Posts of the days that `keys` (channel_id, msg_id) name, as a page's rows, newest first."""
    known = read_cache.versions(lake, MESSAGES)
    parts = [_posts(lake, day).join(keys, on=_KEY, how="semi").drop(_NAME, _TEXT) for day in days if day in known]
    return pl.concat([_no_posts(), *parts]).sort(_ORDER, descending=True)


def with_media(lake: TenantLake, posts: pl.DataFrame) -> pl.DataFrame:
    """Posts with FEED_COLUMNS as a page's rows, in their order."""
    keys = posts.filter(pl.col("attachments").list.len() > 0).select(*_KEY, day=pl.col("date").dt.date())
    return _shown(posts, _media(lake, keys))


def _shown(posts: pl.DataFrame, media: pl.DataFrame) -> pl.DataFrame:
    item = pl.struct(name for name in _MEDIA if name not in _KEY)
    items = media.group_by(_KEY).agg(media=item.sort_by("index"))
    # What is not among the media yet is shown as Telegram described it.
    told = pl.col("attachments").list.eval(_as_media(pl.element().struct))
    return (
        posts.join(items, on=_KEY, how="left", maintain_order="left")
        .with_columns(edits=pl.col("version") - 1, media=pl.coalesce("media", told))
        .drop("attachments")
    )


def _look(lake: TenantLake, asked: Asked, before: Place | None, limit: int) -> tuple[pl.DataFrame, date | None, bool]:
    """One post more than the page has, if there are, how far was looked, and whether there are older days."""
    known = read_cache.versions(lake, MESSAGES)
    last = asked.last if before is None else min(asked.last or date.max, before.date.date())
    newest_first = sorted(known, reverse=True)
    days = [day for day in newest_first if (asked.first or date.min) <= day <= (last or date.max)]
    recent = set(newest_first[:HOT_DAYS])
    usual = _posts(lake, newest_first[0]).height if days else 0
    asked = _with_ids(lake, asked, newest_first[0]) if days else asked
    found, posts, looked_to = _no_posts(), 0, None
    for n, day in enumerate(days):
        if posts >= MAX_POSTS or n >= MAX_DAYS:
            return found, looked_to, True
        most = limit + 1 - found.height
        if day in recent or not asked.narrow:
            some = _first(_posts(lake, day), asked, before, most)
        else:
            where = [*_where(asked, _LOWER), *_has_words(asked), *_before(before)]
            some = with_media(lake, _read(lake, day, where).head(most))
        # Without words little of a post is looked at.
        posts += usual if asked.words or not asked.narrow else usual // 8
        found, looked_to = pl.concat([found, some]) if found.height else some, day
        if found.height > limit:
            break
    return found, looked_to, False


def _where(asked: Asked, name: pl.Expr) -> list[pl.Expr]:
    where = [pl.col("type").is_in(list(asked.types)) if asked.types else pl.col("type") != "service"]
    names = [one.removeprefix("@").lower() for one in asked.channels]
    ids = [int(one) for one in names if _ID.fullmatch(one)]
    if names and len(ids) == len(names):
        # Alone: rows are sorted by it, so most of an object is passed over.
        where.append(pl.col("channel_id").is_in(ids))
    elif names:
        where.append(name.is_in(names) | pl.col("channel_id").is_in(ids))
    if asked.langs:
        where.append(pl.col("lang").is_in(list(asked.langs)))
    return where


def _has_words(asked: Asked) -> list[pl.Expr]:
    # A pattern without case takes a thirtieth of the time of lowering every text.
    return [pl.col("text").str.contains("(?i)" + pl.escape_regex(word)) for word in asked.words]


def _first(posts: pl.DataFrame, asked: Asked, before: Place | None, most: int) -> pl.DataFrame:
    """Of a day that is kept the first posts that fit. Which they are is found first: a filter would copy all that pass."""
    fit = pl.all_horizontal(*_where(asked, pl.col(_NAME)), *_before(before))
    places = posts.select(pl.arg_where(fit)).to_series()
    if asked.words:
        words = pl.all_horizontal(pl.col(_TEXT).str.contains(word.lower(), literal=True) for word in asked.words)
        texts, found, start, step = posts.select(_TEXT), [places.head(0)], 0, 512
        # A word that many posts hold is found in the first few: the rest is not looked at.
        while start < places.len() and sum(some.len() for some in found) < most:
            part = places.slice(start, step)
            found.append(part.filter(texts[part].select(words).to_series()))
            start, step = start + step, step * 4
        places = pl.concat(found)
    return posts[places.head(most)].drop(_NAME, _TEXT)


def _with_ids(lake: TenantLake, asked: Asked, newest: date) -> Asked:
    """The same, with ids in place of the names of channels that post lately: rows are sorted by them."""
    if not asked.channels:
        return asked

    def make() -> pl.DataFrame:
        pairs = _posts(lake, newest).select(_NAME, "channel_id").drop_nulls().unique()
        # A name that moved from one channel to another stays a name.
        return pairs.filter(pl.col(_NAME).is_unique())

    known = dict(read_cache.frame(lake, "channels", _stands(lake, newest), make).iter_rows())
    names = [one.removeprefix("@").lower() for one in asked.channels]
    return replace(asked, channels=[str(known.get(name, name)) for name in names])


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

    def make() -> pl.DataFrame:
        return with_media(lake, _read(lake, day, [])).with_columns(
            _LOWER.alias(_NAME), pl.col("text").str.to_lowercase().alias(_TEXT)
        )

    return read_cache.frame(lake, f"posts/{day}", _stands(lake, day), make)


def _stands(lake: TenantLake, day: date) -> str:
    """Changes when the day's rows may."""
    return repr((day, *(read_cache.versions(lake, table).get(day) for table in (MESSAGES, MEDIA))))


def _read(lake: TenantLake, day: date, where: list[pl.Expr]) -> pl.DataFrame:
    columns = (*FEED_COLUMNS, "comment_on")
    read = lake.read(MESSAGES, days=[day], columns=columns, where=[pl.col("comment_on").is_null(), *where])
    return read.drop("comment_on").sort(_ORDER, descending=True)


def _media(lake: TenantLake, keys: pl.DataFrame) -> pl.DataFrame:
    """The media of the posts that `keys` name, by channel_id, msg_id and day."""
    known = read_cache.versions(lake, MEDIA)
    found = [MEDIA.empty().select(_MEDIA)]
    for (day,), some in keys.partition_by("day", as_dict=True).items():
        if isinstance(day, date) and day in known:
            own = [pl.col("channel_id").is_in(some["channel_id"].unique().to_list())]
            found.append(lake.read(MEDIA, days=[day], columns=_MEDIA, where=own).join(some, on=_KEY, how="semi"))
    return pl.concat(found)


def _as_media(item: ExprStructNameSpace) -> pl.Expr:
    """An attachment of a message in the shape of its row of media."""
    names = ("kind", "mime", "file_name", "size", "width", "height", "duration", "status")
    told = [item.field(name) for name in names]
    place = pl.int_range(pl.len(), dtype=pl.Int32).alias("index")
    return pl.struct([place, *told, *(pl.lit(None, pl.String).alias(name) for name in ("uri", "thumb_uri"))])


@cache
def _no_posts() -> pl.DataFrame:
    return _shown(MESSAGES.empty().select(FEED_COLUMNS), MEDIA.empty().select(_MEDIA))


def _cursor(place: Place, asked: Asked) -> str:
    microseconds = (place.date - _EPOCH) // timedelta(microseconds=1)
    plain = f"{asked.mark}.{microseconds}.{place.channel_id}.{place.msg_id}"
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def _place(cursor: str, asked: Asked) -> Place:
    try:
        plain = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        mark, microseconds, channel_id, msg_id = plain.split(".")
        place = Place(_EPOCH + timedelta(microseconds=int(microseconds)), int(channel_id), int(msg_id))
    except (ValueError, OverflowError, binascii.Error) as error:
        raise QueryError("it is none of this feed's; ask for the first page again.", field="cursor") from error
    if mark != asked.mark or not all(-(2**63) <= number < 2**63 for number in place[1:]):
        raise QueryError("it is of a feed with other filters; ask for the first page again.", field="cursor")
    return place
