"""Routes about the channels that the tenant follows."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field, StringConstraints

from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.cursor import paged
from tgstudio_dagster.services.follows import SubscriptionRequest, SubscriptionView
from tgstudio_dagster.web.api.common import Asked, Cursor, Day, Id, Limit, OwnStudio, Page, Told
from tgstudio_dagster.web.api.route import ApiRoute

router = APIRouter(route_class=ApiRoute, prefix="/v1/channels")
DAYS = 7

Reference = Annotated[
    str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), Field(examples=["@durov"])
]


class Subscribe(Asked):
    """Channels to follow, and from when on."""

    channels: list[Reference] = Field(
        min_length=1, max_length=200, description="@name, t.me/name, t.me/+invite or an id.", examples=[["@durov"]]
    )
    since: Day | None = Field(default=None, description="First day (UTC) to read; default: a week ago.")
    everything: bool = Field(default=False, description="The whole history, in place of `since`.")
    comments: bool = Field(default=False, description="Read the comments too, not only their number.")
    account_id: Id | None = Field(default=None, description="The account that reads; default: the first active one.")


class Wish(Told):
    """What was asked for: settled by the next reading of Telegram."""

    id: str
    reference: str
    status: Literal["queued", "done", "failed"]
    error: str | None
    since: date | None
    comments: bool
    not_before: datetime | None = Field(description="Telegram asks to wait until then.")
    created_at: datetime


class Wishes(Told):
    """What was asked for."""

    items: list[Wish]


class Subscription(Told):
    """A channel that is, or was, followed, and how far it is read."""

    channel_id: int
    username: str | None
    title: str
    kind: str
    visibility: str
    members: int | None
    status: Literal["active", "paused", "lost", "ended"]
    error: str | None
    since: date | None = Field(description="The depth of history; null: all of it.")
    filled_from: date | None = Field(description="That day and all later ones are wholly read; null: none is yet.")
    comments: bool
    account_id: str | None
    reference: str
    last_msg_id: int
    gaps: list[tuple[int, int]] = Field(description="Ranges of message ids still missing.")
    read_at: datetime | None
    checked_at: datetime | None


class MyChannels(Page[Subscription]):
    """Subscriptions by title; on the first page also what is asked for and not settled."""

    requests: list[Wish]


@router.post("/subscribe", status_code=202, summary="Follow channels")
def subscribe(studio: OwnStudio, asked: Subscribe) -> Wishes:
    """The next reading of Telegram settles what is asked: `GET /v1/channels/my` tells."""
    since = None if asked.everything else asked.since or utc_now().date() - timedelta(days=DAYS)
    wished = studio.follows.request(asked.channels, since=since, comments=asked.comments, account_id=asked.account_id)
    return Wishes(items=[_wish(one) for one in wished])


@router.delete("/unsubscribe", summary="Follow a channel no longer")
def unsubscribe(
    studio: OwnStudio,
    channel: Annotated[Reference, Query(description="@name or id, as `GET /v1/channels/my` shows it.")],
) -> Subscription:
    """What was read stays."""
    return _subscription(studio.follows.end(channel))


@router.get("/my", summary="The channels that the tenant follows")
def mine(studio: OwnStudio, limit: Limit = 50, cursor: Cursor = None) -> MyChannels:
    """With their status, how far they are read, and errors."""
    found = studio.follows.all()
    found.sort(key=lambda one: (one.title, one.channel_id))
    some, further = paged(found, lambda one: [one.title, one.channel_id], cursor=cursor, limit=limit)
    wished = studio.follows.requests() if cursor is None else []
    return MyChannels(
        items=[_subscription(one) for one in some], cursor=further, requests=[_wish(one) for one in wished]
    )


def _wish(row: SubscriptionRequest) -> Wish:
    return Wish.model_validate(row)


def _subscription(view: SubscriptionView) -> Subscription:
    return Subscription.model_validate(view)
