"""A message as Pyrogram prints it (`str(message)`, and its forks'), in the words of Telethon's `to_dict()`.

Pyrogram writes ids with the bots' -100, the chat and the sender whole into each message, types as `ChatType.CHANNEL`, and
times without a zone, in that of the machine that wrote them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from tgstudio_dagster.posts import normalize

_CHANNELS = ("channel", "supergroup", "forum", "direct")
_ENTITIES = {
    "url": "MessageEntityUrl",
    "text_link": "MessageEntityTextUrl",
    "hashtag": "MessageEntityHashtag",
    "mention": "MessageEntityMention",
}
_DOCUMENTS: dict[str, dict[str, Any]] = {
    "animation": {"_": "DocumentAttributeAnimated"},
    "sticker": {"_": "DocumentAttributeSticker"},
    "video": {"_": "DocumentAttributeVideo"},
    "video_note": {"_": "DocumentAttributeVideo", "round_message": True},
    "voice": {"_": "DocumentAttributeAudio", "voice": True},
    "audio": {"_": "DocumentAttributeAudio"},
    "document": {"_": "DocumentAttributeFilename"},
}
_OTHERS = {
    "venue": "MessageMediaVenue",
    "location": "MessageMediaGeo",
    "contact": "MessageMediaContact",
    "game": "MessageMediaGame",
    "dice": "MessageMediaDice",
    "story": "MessageMediaStory",
    "giveaway": "MessageMediaGiveaway",
    "invoice": "MessageMediaInvoice",
    "web_page": "MessageMediaWebPage",
}


def translate(message: Mapping[str, Any], zone: tzinfo) -> list[dict[str, Any]]:
    """The channels and users that the message tells of, then the message; `zone` is that of its times."""
    chat, sender = _mapping(message.get("chat")), _mapping(message.get("sender_chat"))
    user, origin = _mapping(message.get("from_user")), _origin(message)
    entities = [_entity(entity) for entity in (chat, sender, user) if entity.get("id") is not None]
    text = message.get("text") or message.get("caption") or ""
    kind = "Message"
    if message.get("empty"):
        kind = "MessageEmpty"
    elif message.get("service"):
        kind = "MessageService"
    words = {
        "_": kind,
        "id": message.get("id", message.get("message_id")),
        "peer_id": _peer(chat),
        "date": _moment(message.get("date"), zone),
        "edit_date": _moment(message.get("edit_date"), zone),
        "message": text,
        "entities": _marks(message.get("entities") or message.get("caption_entities")),
        "from_id": _peer(sender or user),
        "post_author": message.get("author_signature"),
        "views": message.get("views"),
        "forwards": message.get("forwards"),
        "grouped_id": _whole(message.get("media_group_id")),
        "reply_to": _reply(message),
        "fwd_from": {"from_name": origin} if origin else None,
        "reactions": _reactions(message.get("reactions")),
        "media": _media(message),
        "action": {"_": _name(message.get("service"))} if kind == "MessageService" else None,
    }
    return [*entities, {key: value for key, value in words.items() if value is not None}]


def is_local(message: Mapping[str, Any]) -> bool:
    """Whether the message's time names no zone."""
    try:
        return datetime.fromisoformat(message["date"]).tzinfo is None
    except (KeyError, TypeError, ValueError):
        return False


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _whole(value: Any) -> int | None:
    try:
        return int(value) if value is not None and not isinstance(value, float) else None
    except (TypeError, ValueError):
        return None


def _name(value: Any) -> str:
    """`channel` of `ChatType.CHANNEL`, as of `channel`."""
    return str(value or "").rpartition(".")[2].lower()


def _is_channel(chat: Mapping[str, Any]) -> bool:
    kind, chat_id = _name(chat.get("type")), _whole(chat.get("id")) or 0
    return kind in _CHANNELS if kind else chat_id < -1_000_000_000_000


def _peer(chat: Mapping[str, Any]) -> dict[str, Any] | None:
    chat_id = _whole(chat.get("id"))
    if chat_id is None:
        return None
    if _is_channel(chat):
        return {"_": "PeerChannel", "channel_id": normalize.channel_id(chat_id)}
    return {"_": "PeerChat", "chat_id": -chat_id} if chat_id < 0 else {"_": "PeerUser", "user_id": chat_id}


def _entity(chat: Mapping[str, Any]) -> dict[str, Any]:
    chat_id = _whole(chat.get("id")) or 0
    if _is_channel(chat):
        return {
            "_": "Channel",
            "id": normalize.channel_id(chat_id),
            "title": chat.get("title"),
            "username": chat.get("username"),
            "megagroup": _name(chat.get("type")) in ("supergroup", "forum"),
        }
    names = {key: chat.get(key) for key in ("first_name", "last_name", "username")}
    return {"_": "User" if chat_id > 0 else "Chat", "id": abs(chat_id), "title": chat.get("title"), **names}


def _moment(value: Any, zone: tzinfo) -> Any:
    """A number as it is; a text without a zone gets this one."""
    if not isinstance(value, str) or value.isdigit():
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).isoformat()


def _marks(entities: Any) -> list[dict[str, Any]]:
    if not isinstance(entities, list):
        return []
    return [
        {
            "_": _ENTITIES.get(_name(entity.get("type")), "MessageEntityUnknown"),
            "offset": entity.get("offset"),
            "length": entity.get("length"),
            "url": entity.get("url"),
        }
        for entity in map(_mapping, entities)
    ]


def _reply(message: Mapping[str, Any]) -> dict[str, Any] | None:
    answered = _mapping(message.get("reply_to_message"))
    to = message.get("reply_to_message_id", answered.get("id", answered.get("message_id")))
    top = message.get("reply_to_top_message_id", message.get("message_thread_id"))
    if to is None:
        return None
    topic = bool(message.get("is_topic_message") or message.get("topic_message"))
    header = {"reply_to_msg_id": to, "reply_to_top_id": top, "forum_topic": topic}
    return {"_": "MessageReplyHeader", **{key: value for key, value in header.items() if value is not None}}


def _origin(message: Mapping[str, Any]) -> str | None:
    """The name of whom the message is forwarded from; a later fork keeps it under `forward_origin`."""
    header = _mapping(message.get("forward_origin")) or message
    for key in ("forward_sender_name", "sender_user_name"):
        if header.get(key):
            return str(header[key])
    for key in ("forward_from_chat", "chat", "sender_chat", "forward_from", "sender_user"):
        whom = _mapping(header.get(key)) if header is not message or key.startswith("forward_") else {}
        name = whom.get("title") or " ".join(str(whom[k]) for k in ("first_name", "last_name") if whom.get(k))
        if name:
            return str(name)
    return None


def _reactions(value: Any) -> dict[str, Any] | None:
    rows = value if isinstance(value, list) else _mapping(value).get("reactions")
    if not isinstance(rows, list):
        return None
    results = []
    for row in map(_mapping, rows):
        if row.get("emoji"):
            reaction: dict[str, Any] = {"_": "ReactionEmoji", "emoticon": row["emoji"]}
        elif row.get("custom_emoji_id"):
            reaction = {"_": "ReactionCustomEmoji", "document_id": _whole(row["custom_emoji_id"])}
        else:
            reaction = {"_": "ReactionPaid"}
        results.append({"reaction": reaction, "count": row.get("count") or 0})
    return {"_": "MessageReactions", "results": results}


def _media(message: Mapping[str, Any]) -> dict[str, Any] | None:
    photo = _mapping(message.get("photo"))
    if photo:
        size = {"w": photo.get("width") or 0, "h": photo.get("height") or 0, "size": photo.get("file_size")}
        return {"_": "MessageMediaPhoto", "photo": {"sizes": [size]}}
    for name, attribute in _DOCUMENTS.items():
        document = _mapping(message.get(name))
        if document:
            told = {
                "file_name": document.get("file_name"),
                "duration": document.get("duration"),
                "w": document.get("width") or document.get("length"),
                "h": document.get("height"),
            }
            told = {key: value for key, value in told.items() if value is not None}
            file = {"mime_type": document.get("mime_type"), "size": document.get("file_size")}
            return {"_": "MessageMediaDocument", "document": {**file, "attributes": [{**attribute, **told}]}}
    poll = _mapping(message.get("poll"))
    if poll:
        answers = [{"text": _plain(_mapping(option).get("text"))} for option in _list(poll.get("options"))]
        return {"_": "MessageMediaPoll", "poll": {"question": _plain(poll.get("question")), "answers": answers}}
    name, kind = next(((name, kind) for name, kind in _OTHERS.items() if _mapping(message.get(name))), ("", None))
    if kind is None:
        return {"_": "MessageMediaUnsupported"} if message.get("media") else None
    told = {key: value for key, value in _mapping(message.get(name)).items() if key in ("title", "description")}
    return {"_": kind, "game": told} if name == "game" else {"_": kind, **told}


def _plain(value: Any) -> str:
    return str(_mapping(value).get("text", "")) if isinstance(value, Mapping) else str(value or "")
