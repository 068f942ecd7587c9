"""Routes about what leads and what is talked about: rankings, topics, the map."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

import polars as pl
from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from tgstudio_dagster.core.cursor import paged, read_place, refused, write_place
from tgstudio_dagster.web.api.answers import by_version
from tgstudio_dagster.web.api.common import (
    Cursor,
    Day,
    Limit,
    OwnStudio,
    Page,
    Permalink,
    Told,
)
from tgstudio_dagster.web.api.route import ApiRoute

router = APIRouter(route_class=ApiRoute, prefix="/v1")
DEPTH = 500
"""How far down the rankings one may page."""
MAX_POINTS = 20_000
_COUNTERS = ("views", "forwards", "reactions", "comments")
_OF_ONE_KIND = ("date", "views", "forwards", "reactions", "comments", "lang", "story_id", "first_seen", "last_seen")

OfDay = Annotated[
    Day | None,
    Query(description="Day (UTC) with which the window ends; default: the newest.", examples=["2026-03-15"]),
]
TopicId = Annotated[str, Path(pattern=r"^t-[0-9a-f]{12}$", examples=["t-0123456789ab"])]


class Terms(Told):
    """What the score is made of (docs/topics.md): popularity * (1 + 0.5 ln(1 + max(0, trend)))."""

    popularity: float = Field(description="Sum over channels of audience * engagement * decay.")
    trend: float = Field(description="(recent - expected) / sqrt(expected + 1).")
    engagement: float = Field(description="Weighted log2 ratio of the counters to what is usual for the channel.")
    audience: float
    decay: float
    recent: int = Field(description="Channel-hours with a post in the recent span.")
    expected: float = Field(description="Those expected from the earlier rate.")
    age: float | None = Field(description="Hours, of the strongest post.")
    views: float | None = Field(description="Clipped log2 ratio of views; null: unknown.")
    forwards: float | None
    reactions: float | None
    comments: float | None


class Counters(Told):
    """Counters as last read."""

    views: int | None
    forwards: int | None
    reactions: int | None
    comments: int | None


class Ranked(Told):
    """A post or a topic with its place, and why it stands there."""

    rank: int
    kind: Literal["message", "topic"]
    id: str = Field(description="`<channel_id>/<msg_id>` of a post, or the topic's id.")
    title: str = Field(description="A topic's headline, a post's text.")
    score: float
    terms: Terms
    messages: int = Field(description="Posts in the window.")
    channels: int = Field(description="Channels in the window.")
    channel: str | None = Field(description="Username of the (representative) post's channel.")
    url: Permalink = Field(description="Permalink of the (representative) post.")
    date: datetime | None = Field(description="Of a post.")
    counters: Counters | None = Field(description="Of a post.")
    keywords: list[str] = Field(description="Of a topic.")
    lang: str | None = Field(description="Of a topic.")
    story_id: str | None = Field(description="Of a topic: the larger matter it belongs to.")
    first_seen: datetime | None = Field(description="Of a topic.")
    last_seen: datetime | None = Field(description="Of a topic.")


class Top(Told):
    """A page of a ranking."""

    day: date
    as_of: datetime | None = Field(description="The newest observation of the window: the formula's now.")
    items: list[Ranked]
    cursor: str | None


class Topic(Told):
    """A topic of the 7 days that end with the day."""

    topic_id: str
    title: str
    keywords: list[str]
    lang: str
    langs: list[str] | None
    first_seen: datetime
    last_seen: datetime
    messages: int
    channels: int
    story_id: str


class Repeat(Told):
    """A post that repeats another."""

    channel_id: int
    msg_id: int
    channel: str | None
    channel_title: str
    date: datetime
    url: Permalink


class TopicPost(Repeat):
    """A post of a topic; those that repeat it are folded into it."""

    text: str
    lang: str
    type: str
    similarity: float = Field(description="Mean similarity to the topic's other posts, 0 to 1.")
    deleted_at: datetime | None
    views: int | None
    forwards: int | None
    reactions: int | None
    comments: int | None
    repeats: list[Repeat]


class Hour(Told):
    """Posts of one channel in one hour."""

    hour: datetime
    channel_id: int
    channel: str | None
    channel_title: str
    posts: int
    repeats: int = Field(description="Those of them that repeat an earlier post.")


class Change(Told):
    """A split (part of topic_id went on as other_id) or a merge (other_id went into topic_id)."""

    day: date
    kind: Literal["split", "merge"]
    topic_id: str
    title: str | None
    other_id: str
    other_title: str | None
    shared: int = Field(description="Posts that moved.")


class TopicPage(Told):
    """All there is of a topic: its posts oldest first, each text once; when which channel wrote; splits and merges."""

    day: date
    topic: Topic
    posts: list[TopicPost]
    timeline: list[Hour]
    changes: list[Change]


class Point(Told):
    """A post's place; only distances mean anything."""

    x: float
    y: float
    channel_id: int
    msg_id: int
    topic_id: str | None
    story_id: str | None
    title: str | None = Field(description="The topic's.")
    channel_title: str
    date: datetime
    url: Permalink
    excerpt: str
    colour: str = Field(description="By story.", examples=["#4e79a7"])


class Map(Told):
    """The map of the 7 days that end with the day. `reason`: why it is none of neighbourhoods; null where it is one."""

    day: date
    reason: str | None
    total: int = Field(description="Posts of the map; of very many the answer holds an even choice.")
    points: list[Point]


@router.get("/top", response_model=Top, summary="What leads, and why")
def top(
    request: Request,
    studio: OwnStudio,
    window: Annotated[Literal["24h", "7d"], Query(description="Ending with the day's newest observation.")] = "24h",
    by: Annotated[Literal["message", "topic"], Query(description="Posts or topics.")] = "message",
    day: OfDay = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """The best ranked posts or topics, with every term of the formula."""

    def make() -> Top:
        # The day stands in the cursor: the pages of one that is no longer the newest go on with it.
        shown = day or (_day_of(cursor) if cursor else studio.topics.newest_day())
        rows = studio.topics.top(by=by, window=window, day=shown, limit=DEPTH)
        after = read_place(cursor, (str, int))[1] if cursor else 0
        some = rows.filter(pl.col("rank") > after).head(limit + 1)
        further = write_place([str(shown), some["rank"][limit - 1]]) if some.height > limit else None
        as_of = rows["as_of"][0] if rows.height else None
        items = _ranked(some.head(limit))
        return Top.model_validate({"day": shown, "as_of": as_of, "items": items, "cursor": further})

    return by_version(request, studio.posts.version(), make)


@router.get("/topics", response_model=Page[Topic], summary="What is talked about")
def topics(
    request: Request, studio: OwnStudio, day: OfDay = None, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Topics of the 7 days that end with the day, largest first."""

    def make() -> Page[Topic]:
        rows = studio.topics.all(day=day, limit=10_000).to_dicts()
        place = lambda row: [-row["messages"], -row["channels"], row["topic_id"]]  # noqa: E731
        some, further = paged(rows, place, cursor=cursor, limit=limit)
        return Page[Topic](items=[Topic(**row) for row in some], cursor=further)

    return by_version(request, studio.posts.version(), make)


@router.get("/topics/{topic_id}", response_model=TopicPage, summary="One topic")
def topic(request: Request, studio: OwnStudio, topic_id: TopicId, day: OfDay = None) -> Response:
    """Its posts with repeats folded, its timeline by channel, its splits and merges."""

    def make() -> TopicPage:
        shown = day or studio.topics.newest_day()
        page = studio.topics.get(topic_id, day=shown)
        return TopicPage(
            day=shown,
            topic=Topic(**page.topic.row(0, named=True)),
            posts=[TopicPost.model_validate(row) for row in page.posts.to_dicts()],
            timeline=[Hour(**row) for row in page.timeline.to_dicts()],
            changes=[Change(**row) for row in page.changes.to_dicts()],
        )

    return by_version(request, studio.posts.version(), make)


@router.get("/map", response_model=Map, summary="The map of posts by meaning")
def topic_map(
    request: Request,
    studio: OwnStudio,
    day: OfDay = None,
    limit: Annotated[int, Query(ge=1, le=MAX_POINTS, description="Most points.")] = 5_000,
) -> Response:
    """Where posts of the 7 days that end with the day stand, by topic and story."""

    def make() -> Map:
        shown = day or studio.topics.newest_day()
        page = studio.topics.map(day=shown)
        step = -(-page.points.height // limit)
        points = page.points.gather_every(step) if step > 1 else page.points
        return Map(
            day=shown,
            reason=page.reason,
            total=page.points.height,
            points=[Point.model_validate(row) for row in points.to_dicts()],
        )

    return by_version(request, studio.posts.version(), make)


def _day_of(cursor: str) -> date:
    try:
        return date.fromisoformat(read_place(cursor, (str, int))[0])
    except ValueError as error:
        raise refused("none of this list's") from error


def _ranked(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows of a ranking in the shape of Ranked; columns that are not of their kind are null."""
    missing = [name for name in _OF_ONE_KIND if name not in rows.columns]
    shaped = rows.with_columns(pl.lit(None).alias(name) for name in missing)
    terms = [pl.col(f"{name}_term").alias(name) for name in _COUNTERS]
    others = [name for name in Terms.model_fields if name not in _COUNTERS]
    return shaped.with_columns(
        kind="entity_kind",
        id="entity_id",
        terms=pl.struct(*others, *terms),
        counters=pl.when(pl.col("entity_kind") == "message").then(pl.struct(_COUNTERS)),
        keywords=pl.col("keywords").fill_null([]) if "keywords" in rows.columns else pl.lit([], pl.List(pl.String)),
    ).to_dicts()
