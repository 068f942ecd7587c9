"""Channels as Telegram Desktop exports them: the chats of a whole account's result.json.

Only the written form belongs here. Desktop writes the state at the time of the export: no views, no forwards, no
earlier texts, no deleted messages, no album ids; its `date` is in the computer's time zone, `date_unixtime` is not.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tgstudio_dagster.sample.content import Channel, seeded
from tgstudio_dagster.sample.entities import Entity
from tgstudio_dagster.sample.files import Attachment
from tgstudio_dagster.sample.publish import Message, Text

Form = dict[str, Any]

_COMPUTER = timedelta(hours=3)
"""The time zone of the computer that exported."""
_LEFT_OUT = "(File not included. Change data exporting settings to download.)"
_LEFT_OUT_SHARE = 0.08

_ABOUT = (
    "Here is the data you requested. Remember: Telegram is ad free, it doesn't use your data for ad targeting and "
    "doesn't sell it to others. Telegram only keeps the information it needs to function as a secure and feature-rich "
    "cloud service."
)
_ABOUT_CHATS = "This page lists all chats from this export."


class Export:
    """One export into `folder`: counts photos and files across its chats, as Desktop does, and copies them there."""

    def __init__(self, folder: Path, files: Path, at: datetime) -> None:
        self._folder, self._files, self._at = folder, files, at
        self._photos = 0
        (folder / "photos").mkdir(parents=True, exist_ok=True)
        (folder / "files").mkdir(exist_ok=True)

    def account(self, chats: Sequence[tuple[Channel, Sequence[Message]]]) -> Form:
        """The whole result.json."""
        listed = [self._chat(channel, messages) for channel, messages in chats]
        return {"about": _ABOUT, "chats": {"about": _ABOUT_CHATS, "list": listed}}

    def _chat(self, channel: Channel, messages: Sequence[Message]) -> Form:
        standing = [message for message in messages if not message.deleted_by(self._at)]
        return {
            "name": channel.title,
            "type": "public_channel",
            "id": channel.id,
            "messages": [self._message(message) for message in standing],
        }

    def _message(self, message: Message) -> Form:
        form: Form = {"id": message.id, "type": "service" if message.pins else "message", **_dated("date", message.at)}
        if message.pins:
            form |= {"actor": message.channel.title, "actor_id": f"channel{message.channel.id}"}
            form |= {"action": "pin_message", "message_id": message.pins.id}
            return form | {"text": "", "text_entities": []}
        if edited := message.edited_at(self._at):
            form |= _dated("edited", edited)
        form |= {"from": message.channel.title, "from_id": f"channel{message.channel.id}"}
        if message.author:
            form["author"] = message.author
        if message.forward:
            source = message.forward.channel
            form |= {"forwarded_from": source.title, "forwarded_from_id": f"channel{source.id}"}
        if message.reply_to:
            form["reply_to_message_id"] = message.reply_to.id
        if message.attachment:
            form |= self._attached(message, message.attachment)
        counters = message.counters_at(self._at)
        if message.poll:
            votes = [int(counters.views * 0.04 * share) for _, share in message.poll.answers]
            answers = [
                {"text": answer, "voters": count, "chosen": False}
                for (answer, _), count in zip(message.poll.answers, votes, strict=True)
            ]
            poll = {"question": message.poll.question, "closed": False, "total_voters": sum(votes), "answers": answers}
            form["poll"] = poll
        form |= _text(message.text_at(self._at))
        if counters.reactions and message.place == 0:
            form["reactions"] = [
                {"type": "emoji", "count": count, "emoji": emoji} for emoji, count in counters.reactions
            ]
        return form

    def _attached(self, message: Message, file: Attachment) -> Form:
        left_out = seeded("left out", message.channel.username, message.at).random() < _LEFT_OUT_SHARE
        if file.kind == "photo":
            self._photos += 1
            name = f"photos/photo_{self._photos}@{message.at + _COMPUTER:%d-%m-%Y_%H-%M-%S}.jpg"
            path = _LEFT_OUT if left_out else self._copy(file, name)
            return {"photo": path, "photo_file_size": file.size, "width": file.width, "height": file.height}
        path = _LEFT_OUT if left_out or file.file is None else self._copy(file, f"files/{file.name}")
        form: Form = {"file": path, "file_name": file.name, "file_size": file.size}
        if file.kind == "video":
            form |= {"thumbnail": _LEFT_OUT, "media_type": "video_file", "mime_type": file.mime}
            return form | {"duration_seconds": file.duration, "width": file.width, "height": file.height}
        return form | {"mime_type": file.mime}

    def _copy(self, file: Attachment, name: str) -> str:
        shutil.copyfile(self._files / file.name, self._folder / name)
        return name


def _dated(name: str, at: datetime) -> Form:
    local = (at + _COMPUTER).replace(tzinfo=None)
    return {name: local.isoformat(), f"{name}_unixtime": str(int(at.timestamp()))}


def _text(text: Text) -> Form:
    """`text` is a string, or a list where anything in it is marked; `text_entities` is always a list."""
    if not text.entities:
        whole = [{"type": "plain", "text": text.text}] if text.text else []
        return {"text": text.text, "text_entities": whole}
    parts: list[str | Form] = []
    done = 0
    for entity in text.entities:
        parts.append(text.text[done : entity.start])
        parts.append(_entity(text.text, entity))
        done = entity.end
    parts.append(text.text[done:])
    marked = [{"type": "plain", "text": part} if isinstance(part, str) else part for part in parts if part]
    # Desktop opens and closes the list with a string, if only an empty one.
    return {"text": parts, "text_entities": marked}


def _entity(text: str, entity: Entity) -> Form:
    form: Form = {"type": entity.kind, "text": text[entity.start : entity.end]}
    return form | {"href": entity.href} if entity.href else form
