"""The `media` table: one row per attachment of the day's posts, and which of their files are still wanted.

Pure, on frames. Exports' files are stored by `file_store.py`, Telegram's are fetched by `downloads.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.media_backlog import Waiting, note_media_backlog
from tgstudio_dagster.catalog.people.tenant_settings import Filters
from tgstudio_dagster.lake.fetched import SCHEMA
from tgstudio_dagster.lake.tables.posts import MEDIA
from tgstudio_dagster.posts.filters import media_left_out, media_refusal
from tgstudio_dagster.posts.normalize import file_extension

PENDING = "pending"
REFUSED = "failed: Telegram: "
"""How the status of a file begins that Telegram would not give: not asked for again, unless the post gets another."""
OVER_QUOTA = "pending: the plan's daily media quota (media_bytes_per_day) is used up"
OUT_OF_TIME = "pending: the run's time is up; the next one goes on here"
RETRY = timedelta(hours=1)
TOO_LARGE = "skipped: larger than the plan's daily media quota (media_bytes_per_day)"


@dataclass(frozen=True)
class Item:
    """A file that is wanted: its row of `media`, and where Telegram has it. `date` is the post's, `size` bytes.

    `comment_channel` is the channel whose post it comments on: who reads that one reads the comments.
    """

    channel_id: int
    msg_id: int
    index: int
    member_id: int
    kind: str
    mime: str | None
    file_name: str | None
    size: int | None
    date: datetime
    comment_channel: int | None = None

    @property
    def extension(self) -> str:
        """Extension of the stored file, without the dot."""
        return file_extension(self.file_name, self.mime, self.kind)


@dataclass(frozen=True)
class Outcome:
    """What became of a wanted file: the status, and what is stored."""

    status: str
    sha256: str | None = None
    uri: str | None = None
    size: int | None = None
    thumb_sha256: str | None = None
    thumb_uri: str | None = None


@dataclass(frozen=True)
class Plan:
    """A day's MEDIA rows as they stand before anything is fetched, and the files that are to be, newest post first."""

    table: pl.DataFrame
    wanted: list[Item]


def media_table(messages: pl.DataFrame) -> pl.DataFrame:
    """MEDIA rows of MESSAGES: `index` is the place in the post, `uri` the stored file's, null where none is."""
    exploded = (
        messages.select("channel_id", "msg_id", "attachments")
        .filter(pl.col("attachments").list.len() > 0)
        .with_columns(index=pl.int_ranges(pl.col("attachments").list.len(), dtype=pl.Int32))
        .explode("attachments", "index")
    )
    if exploded.is_empty():
        return MEDIA.empty()
    rows = exploded.with_columns(pl.col("attachments").struct.rename_fields(_RENAMED)).unnest("attachments")
    uris = [
        f"{digest}.{file_extension(name, mime, kind)}" if digest else None
        for digest, name, mime, kind in rows.select("sha256", "file_name", "mime", "kind").iter_rows()
    ]
    rows = rows.with_columns(
        pl.Series("uri", uris, dtype=pl.String), thumb_sha256=_NO_TEXT, thumb_uri=_NO_TEXT
    )  # fmt: skip
    return rows.select(list(MEDIA.columns)).sort(MEDIA.key)


def wanted(messages: pl.DataFrame, before: pl.DataFrame, filters: Filters) -> Plan:
    """What a day's MESSAGES ask for, given the partition of MEDIA as it was `before`.

    A pending attachment keeps what was stored for it (or refused by Telegram) as long as the post has the same file; one
    that the filters or a delete leave out is skipped, with the reason; the others are wanted. Attachments that are not
    pending stand as the import left them.
    """
    rows = _kept(media_table(messages), before)
    pending = rows.filter(pl.col("status") == PENDING)
    if pending.is_empty():
        return Plan(rows, [])
    posts = messages.select(
        "channel_id", "msg_id", "date", "comment_channel", "deleted_at", media_left_out(filters)
    )  # fmt: skip
    items: list[Item] = []
    skips: dict[Item, Outcome] = {}
    for row in pending.join(posts, on=["channel_id", "msg_id"], how="left").iter_rows(named=True):
        item = Item(**{name: row[name] for name in Item.__dataclass_fields__})
        reason = "skipped: the post was deleted" if row["deleted_at"] is not None else row["refusal"]
        reason = reason or media_refusal(filters, kind=item.kind, extension=item.extension, size=item.size or 0)
        if reason is None:
            items.append(item)
        else:
            skips[item] = Outcome(reason)
    return Plan(settled(rows, skips), newest_first(items))


def newest_first(items: Iterable[Item]) -> list[Item]:
    """The files of the newest posts first; those of one post in order."""
    in_order = sorted(items, key=lambda item: item.index)
    return sorted(in_order, key=lambda item: (item.date, item.channel_id, item.msg_id), reverse=True)


def within_quota(items: Sequence[Item], *, left: int, whole: int) -> tuple[list[Item], dict[Item, Outcome]]:
    """The files that fit into the `left` bytes of today's quota, first come first served, and what becomes of the rest.

    A file that does not fit waits for another day; one that is larger than a whole day's quota is skipped.
    """
    fitting: list[Item] = []
    rest: dict[Item, Outcome] = {}
    for item in items:
        size = item.size or 0
        if size > whole:
            rest[item] = Outcome(TOO_LARGE)
        elif size > left:
            rest[item] = Outcome(OVER_QUOTA)
        else:
            left -= size
            fitting.append(item)
    return fitting, rest


def fetched_rows(outcomes: Mapping[Item, Outcome]) -> pl.DataFrame:
    """What became of files, as rows for `lake/fetched.py`."""
    place = ("channel_id", "msg_id", "index", "member_id")
    rows = [{name: getattr(item, name) for name in place} | asdict(outcome) for item, outcome in outcomes.items()]
    return pl.DataFrame(rows, schema=SCHEMA)


def with_fetched(plan: Plan, fetched: pl.DataFrame) -> pl.DataFrame:
    """The day's MEDIA with the news of files that it still wants; what is told of another file is left out."""
    wanted_now = {(item.channel_id, item.msg_id, item.index, item.member_id): item for item in plan.wanted}
    news: dict[Item, Outcome] = {}
    for channel_id, msg_id, index, member_id, *outcome in fetched.select(list(SCHEMA)).iter_rows():
        item = wanted_now.get((channel_id, msg_id, index, member_id))
        if item is not None:
            news[item] = Outcome(*outcome)
    return settled(plan.table, news)


def still_wanted(plan: Plan, fetched: pl.DataFrame) -> list[Item]:
    """The files that are to be fetched, given the news: those that are stored or refused by now are left out."""
    table = with_fetched(plan, fetched).filter(pl.col("status").str.starts_with(PENDING))
    places = set(table.select("channel_id", "msg_id", "index").iter_rows())
    return [item for item in plan.wanted if (item.channel_id, item.msg_id, item.index) in places]


def new_backlog(table: pl.DataFrame, now: datetime) -> Waiting | None:
    """What of a day's MEDIA nobody has asked for yet waits to be fetched at once; None where there is no such file."""
    count = table.filter(pl.col("status") == PENDING).height
    return Waiting(count, now) if count else None


def note_files(catalog: Catalog, tenant: str, day: date, table: pl.DataFrame, now: datetime) -> None:
    """Tell the reader of files of the day that nobody has asked for yet; a day of which no file waits is forgotten.

    One whose files were asked for in vain waits as the reader has said.
    """
    new = new_backlog(table, now)
    if new is not None or not table["status"].str.starts_with(PENDING).any():
        note_media_backlog(catalog, tenant, {day: new})


def waiting(outcomes: Iterable[Outcome], now: datetime, waits_until: datetime | None) -> Waiting | None:
    """What waits after files were asked for, and from when on; None where nothing does.

    At once where only the time was up, with the next day where the quota is used up, at the end of a flood wait, and else
    in RETRY: networks and sessions come back.
    """
    reasons = [outcome.status for outcome in outcomes if outcome.status.startswith(PENDING)]
    if not reasons:
        return None
    tomorrow = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
    later = {OUT_OF_TIME: now, OVER_QUOTA: tomorrow}
    return Waiting(len(reasons), min(later.get(reason, waits_until or now + RETRY) for reason in set(reasons)))


def settled(table: pl.DataFrame, outcomes: Mapping[Item, Outcome]) -> pl.DataFrame:
    """The MEDIA rows with what became of the files."""
    if not outcomes:
        return table
    place = {name: MEDIA.schema[name] for name in MEDIA.key}
    fields = {name: MEDIA.schema[name] for name in Outcome.__dataclass_fields__}
    changes = pl.DataFrame(
        [{name: getattr(item, name) for name in place} | asdict(outcome) for item, outcome in outcomes.items()],
        schema=place | fields,
    )
    return table.update(changes, on=list(MEDIA.key), how="left")


def _kept(rows: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """The rows, with what was stored for a file that is still pending in the post."""
    done = before.filter(
        pl.col("member_id").is_not_null() & ((pl.col("status") == "stored") | pl.col("status").str.starts_with(REFUSED))
    ).unique(["channel_id", "member_id"], keep="first", maintain_order=True)
    if done.is_empty() or rows.is_empty():
        return rows
    joined = rows.join(
        done.select("channel_id", "member_id", *_FILE, "size", *_STORED),
        on=["channel_id", "member_id"],
        how="left",
        suffix="_was",
        maintain_order="left",
    )
    # Where the post tells no size, the stored file's is not another.
    same = pl.all_horizontal(
        pl.col("status") == PENDING,
        pl.col("status_was").is_not_null(),
        *(pl.col(name).eq_missing(pl.col(f"{name}_was")) for name in _FILE),
        pl.col("size").is_null() | pl.col("size").eq_missing(pl.col("size_was")),
    )
    names = ["size", *_STORED]
    columns = [pl.when(same).then(f"{name}_was").otherwise(name).alias(name) for name in names]
    return joined.with_columns(columns).select(list(MEDIA.columns))


_NO_TEXT = pl.lit(None, dtype=pl.String)
_FILE = ["kind", "mime", "file_name", "width", "height", "duration"]
_STORED = ["sha256", "uri", "status", "thumb_sha256", "thumb_uri"]
_RENAMED = [
    "member_id", "kind", "mime", "file_name", "size", "width", "height", "duration", "sha256", "status",
]  # fmt: skip
