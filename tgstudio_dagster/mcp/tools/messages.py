"""The tool that reads posts and, for keys that may, posts one: first a draft, then, confirmed, the message itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tgstudio_dagster.core.errors import ForbiddenError, SettingsError
from tgstudio_dagster.mcp.envelope import Answer
from tgstudio_dagster.mcp.tool import Arguments, Call, Channels, Cursor, First, Langs, Last, Tool, post, short, username
from tgstudio_dagster.posts.feed import FeedPage
from tgstudio_dagster.services.confirmations import check_token, draw_token

_Word = Annotated[str, Field(min_length=1, max_length=100)]


class ReadArguments(Arguments):
    """Which posts are read."""

    channels: Channels
    first: First
    last: Last
    words: Annotated[
        tuple[_Word, ...], Field(default=(), max_length=20, description="Every one of these stands in the text.")
    ]
    langs: Langs
    types: Annotated[
        tuple[_Word, ...],
        Field(
            default=(), max_length=20, description="Types: text, photo, video, album, document, poll, …; default: all."
        ),
    ]
    limit: Annotated[int, Field(default=20, ge=1, le=50, description="At most so many posts.")]
    cursor: Cursor


class SendArguments(ReadArguments):
    """Reading posts, or what is posted where."""

    action: Annotated[
        Literal["read", "send"],
        Field(
            default="read",
            description=(
                "send: without confirmation nothing is posted; the answer is a draft of what would be posted where, and a "
                "token. Show the draft to a person, then repeat the call unchanged with the token as confirmation."
            ),
        ),
    ]
    to: Annotated[
        str | None, Field(default=None, max_length=200, description="send: the chat, as @name, a t.me link or an id.")
    ]
    text: Annotated[
        str | None, Field(default=None, max_length=10_000, description="send: plain text, posted as it stands.")
    ]
    reply_to: Annotated[int | None, Field(default=None, ge=1, description="send: id of the message to reply to.")]
    account: Annotated[
        str | None,
        Field(default=None, max_length=40, description="send: id of the account that posts; default: the only one."),
    ]
    confirmation: Annotated[str | None, Field(default=None, max_length=200, description="send: the draft's token.")]


def _messages(call: Call, given: ReadArguments) -> Answer:
    if isinstance(given, SendArguments):
        if given.action == "send":
            return _send(call, given)
        _only_for(given, "send", ("to", "text", "reply_to", "account", "confirmation"))

    def ask(limit: int) -> FeedPage:
        return call.studio.posts.feed(
            first=given.first,
            last=given.last,
            channels=given.channels,
            langs=given.langs,
            types=given.types,
            words=given.words,
            cursor=given.cursor,
            limit=limit,
        )

    found = ask(given.limit)
    facts = {"looked_to": found.looked_to} if found.cursor and found.rows.height < given.limit else {}
    items = [post(row, media=len(row["media"] or ())) for row in found.rows.iter_rows(named=True)]
    return Answer(facts, items=items, cursor=found.cursor, cursor_at=lambda n: ask(n).cursor)


def _send(call: Call, given: SendArguments) -> Answer:
    if not given.to or not given.text:
        raise SettingsError("to and text: both are needed to send; nothing was posted.")
    draft = call.studio.chats.draft(to=given.to, text=given.text, reply_to=given.reply_to, account_id=given.account)
    # The chat's own id, not how it was named: a username may move to another chat between draft and confirmation.
    what = {
        "send": draft.text,
        "to": draft.peer.channel_id,
        "reply_to": draft.reply_to,
        "as": draft.account_id,
        "tenant": call.principal.tenant,
    }
    shown = {
        "chat_id": draft.peer.channel_id,
        "chat": username(draft.username),
        "kind": draft.kind,
        "account": draft.account_id,
        "reply_to": draft.reply_to,
        "characters": len(draft.text),
    }
    names = {"chat_title": short(draft.chat), "account_name": short(draft.account), "text": draft.text}
    if given.confirmation is None:
        token, until = draw_token(call.platform.signer, call.key.id, what, call.now)
        says = "Nothing is posted yet. Show this draft to a person; post it by the same call with this confirmation."
        return Answer({"status": "draft", "next": says, **shown, "confirmation": token, "until": until}, names)
    confirmed = check_token(call.platform.signer, given.confirmation, call.key.id, what, call.now)
    sent = call.studio.chats.send(draft, key=f"mcp-{confirmed.nonce}", confirmed=True)
    status = "posted before" if sent.again else "posted"
    return Answer({"status": status, **shown, "msg_id": sent.msg_id, "permalink": sent.url}, names)


def _only_for(given: SendArguments, action: str, fields: tuple[str, ...]) -> None:
    """Raises ForbiddenError where arguments of another action were given: a call that looks like it sends must say so."""
    stray = [name for name in fields if getattr(given, name) is not None]
    if stray:
        raise ForbiddenError(f"is for action={action!r} only; this call would only have read.", field=stray[0])


TELEGRAM_MESSAGES = Tool(
    name="telegram_messages",
    title="Posts",
    about="Reads posts, newest first, by channels, days, words, languages and types; whole texts with permalinks.",
    arguments=ReadArguments,
    run=_messages,
    wider=(SendArguments, "With action=send it posts a text to a chat, after a confirmation."),
    open_world=True,
    destructive=True,
    hidden=frozenset({"text", "confirmation"}),
)
