"""A message of `tdl chat export --with-content` (github.com/iyear/tdl), in the words of Telethon's `to_dict()`.

tdl writes the chat's id once, above the messages; of each message its id, text, date and the name of its file, and with
`--raw` under `raw` what Telegram gave, in the names of Go's fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

_PHOTOS = (".jpg", ".jpeg")
_BY_SUFFIX: dict[str, dict[str, Any]] = {
    ".mp4": {"_": "DocumentAttributeVideo"},
    ".mov": {"_": "DocumentAttributeVideo"},
    ".webm": {"_": "DocumentAttributeVideo"},
    ".mp3": {"_": "DocumentAttributeAudio"},
    ".m4a": {"_": "DocumentAttributeAudio"},
    ".oga": {"_": "DocumentAttributeAudio", "voice": True},
    ".ogg": {"_": "DocumentAttributeAudio", "voice": True},
    ".webp": {"_": "DocumentAttributeSticker"},
    ".tgs": {"_": "DocumentAttributeSticker"},
}


def translate(message: Mapping[str, Any], chat_id: int) -> list[dict[str, Any]]:
    """The message; what tdl does not tell is left out."""
    raw = _mapping(message.get("raw"))
    words = {
        "_": "MessageService" if message.get("type") == "service" else "Message",
        "id": message.get("id"),
        "peer_id": {"_": "PeerChannel", "channel_id": chat_id},
        "date": message.get("date") or raw.get("Date"),
        "edit_date": raw.get("EditDate") or None,
        "message": message.get("text") or raw.get("Message") or "",
        "post_author": raw.get("PostAuthor") or None,
        "grouped_id": raw.get("GroupedID") or None,
        "views": raw.get("Views") or None,
        "forwards": raw.get("Forwards") if raw.get("Views") else None,
        "replies": {"replies": _mapping(raw.get("Replies")).get("Replies") or 0} if raw.get("Replies") else None,
        "reply_to": _reply(_mapping(raw.get("ReplyTo"))),
        "fwd_from": _forward(_mapping(raw.get("FwdFrom"))),
        "reactions": _reactions(_mapping(raw.get("Reactions"))),
        "media": _media(message.get("file")),
    }
    return [{key: value for key, value in words.items() if value is not None}]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _reply(header: Mapping[str, Any]) -> dict[str, Any] | None:
    if not header.get("ReplyToMsgID"):
        return None
    words = {
        "reply_to_msg_id": header["ReplyToMsgID"],
        "reply_to_top_id": header.get("ReplyToTopID") or None,
        "forum_topic": bool(header.get("ForumTopic")),
        "reply_to_peer_id": {"_": "Peer"} if header.get("ReplyToPeerID") else None,
    }
    return {"_": "MessageReplyHeader", **{key: value for key, value in words.items() if value is not None}}


def _forward(header: Mapping[str, Any]) -> dict[str, Any] | None:
    """tdl writes an empty header where a message is no forward."""
    peer = _mapping(header.get("FromID"))
    ids = {"channel_id": peer.get("ChannelID"), "user_id": peer.get("UserID"), "chat_id": peer.get("ChatID")}
    ids = {key: value for key, value in ids.items() if value}
    if not ids and not header.get("FromName"):
        return None
    return {"from_name": header.get("FromName") or None, "from_id": {"_": "Peer", **ids} if ids else None}


def _reactions(header: Mapping[str, Any]) -> dict[str, Any] | None:
    rows = header.get("Results")
    if not isinstance(rows, list) or not rows:
        return None
    results = []
    for row in map(_mapping, rows):
        reaction = _mapping(row.get("Reaction"))
        words: dict[str, Any] = {"_": "ReactionPaid"}
        if reaction.get("Emoticon"):
            words = {"_": "ReactionEmoji", "emoticon": reaction["Emoticon"]}
        elif reaction.get("DocumentID"):
            words = {"_": "ReactionCustomEmoji", "document_id": reaction["DocumentID"]}
        results.append({"reaction": words, "count": row.get("Count") or 0})
    return {"_": "MessageReactions", "results": results}


def _media(file: Any) -> dict[str, Any] | None:
    """By the file's name, all that tdl tells of a medium."""
    if not isinstance(file, str) or not file:
        return None
    suffix = PurePosixPath(file).suffix.lower()
    if suffix in _PHOTOS:
        return {"_": "MessageMediaPhoto"}
    attributes: list[dict[str, Any]] = [{"_": "DocumentAttributeFilename", "file_name": file}]
    if suffix in _BY_SUFFIX:
        attributes.append(_BY_SUFFIX[suffix])
    return {"_": "MessageMediaDocument", "document": {"attributes": attributes}}
