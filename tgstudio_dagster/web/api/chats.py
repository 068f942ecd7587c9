"""Routes about the chats that accounts have: which there are, what was posted in them, and posting."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response
from pydantic import Field, StringConstraints

from tgstudio_dagster.catalog.people.idempotency import hash_of
from tgstudio_dagster.core.cursor import paged
from tgstudio_dagster.core.ids import new_id
from tgstudio_dagster.services.chats import Draft, Sent
from tgstudio_dagster.web.api.answers import by_version
from tgstudio_dagster.web.api.common import (
    Asked,
    Cursor,
    Id,
    Limit,
    OwnStudio,
    Page,
    Told,
)
from tgstudio_dagster.web.api.posts import Feed, First, Last, Words, feed_of
from tgstudio_dagster.web.api.route import ApiRoute
from tgstudio_dagster.web.who import identify

router = APIRouter(route_class=ApiRoute, prefix="/v1")
ChatId = Annotated[
    str, Path(pattern=r"^@?[A-Za-z0-9_]{1,64}$", description="A channel's id or @username.", examples=["1500000001"])
]


class Chat(Told):
    """A channel that an account or an import has shown."""

    channel_id: int
    username: str | None
    title: str
    kind: str
    seen_at: datetime
    followed: str | None = Field(description="Its subscription's status; null: it is not followed.")


class Sync(Asked):
    """Which account is asked, and for which of its folders."""

    account_id: Id | None = Field(default=None, description="Default: the first active one.")
    folder: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = Field(
        default=None, description="One of the account's folders; default: all chats."
    )


class Synced(Told):
    """The channels that the account has, as references to follow."""

    channels: list[str]


class NewMessage(Asked):
    """A message to be posted, if `confirm` says so; else it is only looked at."""

    text: str = Field(min_length=1, max_length=4096, examples=["Hello"])
    reply_to: int | None = Field(default=None, ge=1, le=2**31 - 1, description="Message id that it answers.")
    account_id: Id | None = Field(default=None, description="Who posts; default: the tenant's only active account.")
    confirm: bool = Field(default=False, description="Post it. Without it, what would be posted is returned.")


class DraftMessage(Told):
    """What would be posted where, and as whom."""

    account_id: str
    account: str
    chat: str = Field(description="The chat's title.")
    where: str = Field(description="Its @username or id.")
    kind: str
    text: str
    reply_to: int | None


class SentMessage(Told):
    """A message that was posted: now, or (`again`) before with the same Idempotency-Key."""

    msg_id: int | None
    url: str | None
    again: bool


class Posting(Told):
    """What would be posted, and what was; `sent` is null where nothing was."""

    draft: DraftMessage
    sent: SentMessage | None


@router.get("/chats", summary="The chats that accounts have")
def chats(studio: OwnStudio, limit: Limit = 50, cursor: Cursor = None) -> Page[Chat]:
    """As they were seen last, by title; Telegram is not asked."""
    found = sorted(studio.chats.all(), key=lambda one: (one.title, one.channel_id))
    some, further = paged(found, lambda one: [one.title, one.channel_id], cursor=cursor, limit=limit)
    return Page[Chat](items=[Chat.model_validate(one) for one in some], cursor=further)


@router.post("/sync/chats", summary="Ask Telegram for an account's chats")
def sync(studio: OwnStudio, asked: Sync | None = None) -> Synced:
    """Keeps what the account shows. Telegram lets it be asked about once a minute: 429 says when again."""
    asked = asked or Sync()
    found = studio.chats.sync(account_id=asked.account_id, folder=asked.folder)
    return Synced(channels=found)


@router.get("/chats/{chat_id}/messages", response_model=Feed, summary="What was posted in a chat")
def messages(
    request: Request,
    studio: OwnStudio,
    chat_id: ChatId,
    word: Words,
    first: First = None,
    last: Last = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Posts, newest first, as far as they were read."""
    channel = str(studio.chats.get(chat_id).channel_id)

    def make() -> Feed:
        page = studio.posts.feed(
            first=first, last=last, channels=[channel], words=word, cursor=cursor, limit=limit
        )  # fmt: skip
        return feed_of(page)

    return by_version(request, studio.posts.version(), make)


@router.post("/chats/{chat_id}/messages", summary="Post a message", responses={201: {"description": "It was posted."}})
def post(
    request: Request,
    response: Response,
    studio: OwnStudio,
    chat_id: ChatId,
    asked: NewMessage,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> Posting:
    """Posts where one of the tenant's accounts may write: with the tenant's setting `sending`, the scope `send`, and
    `confirm`. Without `confirm` (200) the draft is returned and nothing is posted.

    Send an Idempotency-Key: with the same one a message is posted once, whatever became of the first answer.
    """
    who = identify(request)
    mine = who.key.id if who.key else who.user.id
    key = f"api-{hash_of(mine, idempotency_key)[:40] if idempotency_key else new_id()}"
    draft = studio.chats.draft(
        to=chat_id, text=asked.text, reply_to=asked.reply_to, account_id=asked.account_id
    )  # fmt: skip
    sent = studio.chats.send(draft, key=key, confirmed=True) if asked.confirm else None
    if sent is not None:
        response.status_code = 201
    return Posting(draft=_draft(draft), sent=sent and _sent(sent))


def _draft(made: Draft) -> DraftMessage:
    return DraftMessage.model_validate(made)


def _sent(done: Sent) -> SentMessage:
    return SentMessage(msg_id=done.msg_id, url=done.url, again=done.again)
