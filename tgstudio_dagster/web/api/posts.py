"""Posts as answers show them, and the routes that page through them: the feed and search."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field, StringConstraints
from starlette.responses import Response

from tgstudio_dagster.core.errors import QueryError
from tgstudio_dagster.posts.feed import FeedPage
from tgstudio_dagster.web.api.answers import by_version
from tgstudio_dagster.web.api.common import ChannelName, Cursor, Day, FilePath, Lang, Limit, OwnStudio, Permalink, Told
from tgstudio_dagster.web.api.route import ApiRoute

router = APIRouter(route_class=ApiRoute, prefix="/v1")
PostType = Literal[
    "text", "photo", "video", "animation", "album", "document", "audio", "voice", "video_note", "sticker", "poll",
    "location", "contact", "other", "service",
]  # fmt: skip

Channels = Annotated[
    list[ChannelName],
    Query(default_factory=list, max_length=50, description="Usernames or ids; several: any of them. Default: all."),
]
Langs = Annotated[
    list[Lang], Query(default_factory=list, max_length=20, description="ISO 639-1 codes; several: any of them.")
]
First = Annotated[Day | None, Query(description="First day (UTC).", examples=["2026-03-09"])]
Last = Annotated[Day | None, Query(description="Last day (UTC).", examples=["2026-03-15"])]
Words = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=100)]],
    Query(default_factory=list, max_length=10, description="Every one must stand in the text, in capitals or not."),
]


class Medium(Told):
    """A photo, video or file of a post."""

    index: int = Field(description="Place in the post, from 0.")
    kind: str | None = Field(examples=["photo"])
    mime: str | None = Field(examples=["image/jpeg"])
    file_name: str | None
    size: int | None = Field(description="Bytes.")
    width: int | None = Field(description="Pixels.")
    height: int | None = Field(description="Pixels.")
    duration: float | None = Field(description="Seconds.")
    status: str | None = Field(description="`stored`; else why not: `pending`, `skipped: …`, `failed: …`.")
    file: FilePath = Field(
        validation_alias="uri", description="Path of the stored file on this site.", examples=["/files/0ab….jpg"]
    )
    thumbnail: FilePath = Field(validation_alias="thumb_uri", description="Path of the stored thumbnail on this site.")


class Post(Told):
    """A post, as it was last observed. An album is one post."""

    channel_id: int
    msg_id: int
    channel: str | None = Field(description="The channel's username without @; null for a private one.")
    channel_title: str
    date: datetime
    edit_date: datetime | None = Field(description="Telegram's edit date; it moves with reactions too.")
    deleted_at: datetime | None = Field(description="When it was seen deleted; null while it stands.")
    version: int = Field(description="Number of the text's version, from 1.")
    edits: int = Field(description="How often the text was changed.")
    lang: str = Field(description="ISO 639-1 code of the text, `und` where it can't be told.")
    type: str
    text: str
    hashtags: list[str]
    links: list[str]
    forwarded_from: str | None
    album: list[int] = Field(description="Message ids of the album's members.")
    views: int | None
    forwards: int | None
    reactions: int | None
    comments: int | None
    url: Permalink = Field(description="Permalink.", examples=["https://t.me/durov/1"])
    media: list[Medium]


class Feed(Told):
    """A page of the feed, newest first.

    A page may hold fewer posts than asked for, even none, and still have a cursor: it looked at very many posts. `looked_to`
    is the day down to which was looked.
    """

    items: list[Post]
    cursor: str | None = Field(description="Ask for the next page with it; null: there are no older posts.")
    looked_to: date | None


class Hit(Told):
    """A post that was found. `marks` has the start and end of each word asked for in `snippet`."""

    channel_id: int
    msg_id: int
    channel: str | None
    channel_title: str
    date: datetime
    lang: str
    comment: bool
    deleted: bool
    url: Permalink
    score: float = Field(description="Only the order of scores means anything.")
    snippet: str
    marks: list[tuple[int, int]]


class Found(Told):
    """A page of what was found, best first."""

    items: list[Hit]
    cursor: str | None
    total: int | None = Field(description="All that match; null where that has no end.")
    method: str = Field(description="`words`, `related words`, or the dense model's name.")
    related: list[str] = Field(description="Whole words that were searched for beside the query's, best first.")


@router.get("/feed", response_model=Feed, summary="Posts, newest first")
def feed(
    request: Request,
    studio: OwnStudio,
    channel: Channels,
    lang: Langs,
    word: Words,
    type: Annotated[  # noqa: A002 - its name in the address
        list[PostType],
        Query(default_factory=list, max_length=15, description="Several: any of them. Default: all but service."),
    ],
    first: First = None,
    last: Last = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Posts with their media, edits and deletions. Pages neither repeat nor leave out a post when new ones come."""

    def make() -> Feed:
        page = studio.posts.feed(
            first=first, last=last, channels=channel, langs=lang, types=type, words=word, cursor=cursor, limit=limit
        )
        return feed_of(page)

    return by_version(request, studio.posts.version(), make)


@router.get("/search", response_model=Found, summary="Search posts by words or by meaning")
def search(
    studio: OwnStudio,
    channel: Channels,
    lang: Langs,
    q: Annotated[
        str, Query(min_length=1, max_length=500, description='Words; "a phrase"; -without.', examples=["курс рубля"])
    ],
    by: Annotated[
        Literal["words", "meaning"],
        Query(
            description="All words; or what is near in meaning, without a sentence model any of the words and related ones."
        ),
    ] = "words",
    first: First = None,
    last: Last = None,
    comments: Annotated[bool, Query(description="Comments too.")] = False,
    deleted: Annotated[bool, Query(description="Deleted posts too.")] = False,
    limit: Annotated[int, Query(ge=1, le=100, description="Most items of the page.")] = 20,
    cursor: Cursor = None,
) -> Found:
    """Posts of the whole history, best first."""
    if "\x00" in q:
        raise QueryError("it holds a character that is no text.", field="q")
    page = studio.posts.search(
        q, by=by, first=first, last=last, channels=channel, langs=lang, comments=comments, deleted=deleted,
        limit=limit, cursor=cursor,
    )  # fmt: skip
    return Found(
        items=[Hit.model_validate(hit) for hit in page.hits],
        cursor=page.cursor,
        total=page.total,
        method=page.method,
        related=list(page.related),
    )


def feed_of(page: FeedPage) -> Feed:
    """A page of the feed as an answer."""
    return Feed.model_validate({"items": page.rows.to_dicts(), "cursor": page.cursor, "looked_to": page.looked_to})
