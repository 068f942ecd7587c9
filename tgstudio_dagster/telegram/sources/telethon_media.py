"""The `media` of a Telethon message: its type, its attachment, a poll's text.

Only Telethon's media classes belong here; messages are read in `telethon_message.py`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import field

from tgstudio_dagster.posts import normalize
from tgstudio_dagster.posts.shape import Attachment

Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Int32 = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]

_OF_MEDIA = {
    "MessageMediaPoll": "poll",
    "MessageMediaGeo": "location",
    "MessageMediaGeoLive": "location",
    "MessageMediaVenue": "location",
    "MessageMediaContact": "contact",
    "MessageMediaWebPage": "text",
    "MessageMediaEmpty": "text",
}


class Words(msgspec.Struct, gc=False):
    """TextWithEntities."""

    text: str = ""


class _Answer(msgspec.Struct, gc=False):
    text: str | Words = ""


class _Poll(msgspec.Struct, gc=False):
    question: str | Words = ""
    answers: list[_Answer] = field(default_factory=list)


class _Size(msgspec.Struct, gc=False):
    w: Int32 = 0
    h: Int32 = 0
    size: Int64 | None = None
    sizes: list[Int64] | None = None


class _Photo(msgspec.Struct, gc=False):
    sizes: list[_Size] | None = None


class _Attribute(msgspec.Struct, gc=False):
    kind: str = field(default="", name="_")
    file_name: str | None = None
    duration: float | None = None
    w: Int32 | None = None
    h: Int32 | None = None
    voice: bool | None = None
    round_message: bool | None = None


class _Document(msgspec.Struct, gc=False):
    mime_type: str | None = None
    size: Int64 | None = None
    attributes: list[_Attribute] = field(default_factory=list)


class Media(msgspec.Struct, gc=False):
    """A `MessageMedia…` of Telethon: the fields that are used."""

    kind: str = field(default="", name="_")
    photo: _Photo | None = None
    document: _Document | None = None
    poll: _Poll | None = None


def kind_of(media: Media | None) -> str:
    """The post's type by its media: photo, video, …, poll, location, contact, other; text where there is none."""
    if media is None:
        return "text"
    if media.kind == "MessageMediaPhoto":
        return "photo"
    if media.kind == "MessageMediaDocument":
        return _document_kind(media.document)
    return _OF_MEDIA.get(media.kind, "other")


def poll_text(media: Media | None) -> str:
    """Question and answers of a poll, a line each; empty for anything else."""
    if media is None or media.poll is None:
        return ""
    return "\n".join([_words(media.poll.question), *(f"• {_words(answer.text)}" for answer in media.poll.answers)])


def attachment_of(msg_id: int, media: Media | None, file: str | None, *, absent: str) -> Attachment | None:
    """The attachment of a photo or document; `file` is where a dump says it lies, `absent` the status where none says."""
    kind = kind_of(media)
    if media is None or media.kind not in ("MessageMediaPhoto", "MessageMediaDocument"):
        return None
    item = Attachment(msg_id, kind, path=file, status="pending" if file else absent)
    if media.kind == "MessageMediaPhoto":
        largest = max(media.photo.sizes or () if media.photo else (), key=lambda size: size.w * size.h, default=_Size())
        item.mime = "image/jpeg"
        item.width, item.height = largest.w or None, largest.h or None
        item.size = largest.size if largest.size is not None else max(largest.sizes or (), default=None)
        name = file
    else:
        document = media.document or _Document()
        item.mime, item.size = document.mime_type, document.size
        name = next((attribute.file_name for attribute in document.attributes if attribute.file_name), file)
        for attribute in document.attributes:
            item.duration = item.duration if attribute.duration is None else attribute.duration
            item.width, item.height = item.width or attribute.w, item.height or attribute.h
    item.file_name = normalize.safe_file_name(name) if name else None
    return item


def _document_kind(document: _Document | None) -> str:
    attributes = {attribute.kind: attribute for attribute in document.attributes} if document else {}
    if "DocumentAttributeSticker" in attributes:
        return "sticker"
    if "DocumentAttributeAnimated" in attributes:
        return "animation"
    if (video := attributes.get("DocumentAttributeVideo")) is not None:
        return "video_note" if video.round_message else "video"
    if (audio := attributes.get("DocumentAttributeAudio")) is not None:
        return "voice" if audio.voice else "audio"
    return "document"


def _words(value: str | Words) -> str:
    return value if isinstance(value, str) else value.text
