"""Routes about the chats that accounts have: which there are, what was posted in them, and posting."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field, StringConstraints

from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.cursor import paged
from tgstudio_dagster.services.chats import Draft, Sent
from tgstudio_dagster.services.confirmations import check_token, draw_token
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
from tgstudio_dagster.web.who import identify, platform_of

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
    """A message to be posted where its draft's confirmation comes with it; else it is only looked at."""

    text: str = Field(min_length=1, max_length=4096, examples=["Hello"])
    reply_to: int | None = Field(default=None, ge=1, le=2**31 - 1, description="Message id that it answers.")
    account_id: Id | None = Field(default=None, description="Who posts; default: the tenant's only active account.")
    confirmation: str | None = Field(
        default=None,
        max_length=200,
        description="The draft's token: post it. Without it, what would be posted is returned.",
    )


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
    """What would be posted, and what was; `sent` is null where nothing was, and then `confirmation` posts exactly this."""

    draft: DraftMessage
    sent: SentMessage | None
    confirmation: str | None
    until: datetime | None = Field(description="Until when the confirmation holds.")


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
) -> Posting:
    """Posts where one of the tenant's accounts may write: with the tenant's setting `sending`, the scope `send`, and the
    `confirmation` of its draft. Without that (200) the draft is returned and nothing is posted.

    A confirmation posts once. Send an Idempotency-Key too, and a repeat gets the first answer, whatever became of it.
    """
    who, platform, now = identify(request), platform_of(request), utc_now()
    draft = studio.chats.draft(to=chat_id, text=asked.text, reply_to=asked.reply_to, account_id=asked.account_id)
    # The chat's own id, not how it was named: a username may move to another chat between draft and confirmation.
    what = {
        "send": draft.text, "to": draft.peer.channel_id, "reply_to": draft.reply_to, "as": draft.account_id,
        "tenant": studio.tenant.slug,
    }  # fmt: skip
    if asked.confirmation is None:
        token, until = draw_token(platform.signer, who.holder, what, now)
        return Posting(draft=_draft(draft), sent=None, confirmation=token, until=until)
    confirmed = check_token(platform.signer, asked.confirmation, who.holder, what, now)
    sent = studio.chats.send(draft, key=f"api-{confirmed.nonce}", confirmed=True)
    response.status_code = 201
    return Posting(draft=_draft(draft), sent=_sent(sent), confirmation=None, until=None)


def _draft(made: Draft) -> DraftMessage:
    return DraftMessage.model_validate(made)


def _sent(done: Sent) -> SentMessage:
    return SentMessage(msg_id=done.msg_id, url=done.url, again=done.again)
