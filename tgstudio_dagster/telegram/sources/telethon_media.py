"""The `media` of a Telethon message: its type, its attachment, a poll's text.

Only Telethon's media classes belong here; messages are read in `telethon_message.py`.
"""

from __future__ import annotations

from typing import Annotated, Any

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


class _Task(msgspec.Struct, gc=False):
    title: str | Words = ""


class _Tasks(msgspec.Struct, gc=False):
    title: str | Words = ""
    tasks: list[_Task] | None = field(default=None, name="list")


class _Game(msgspec.Struct, gc=False):
    title: str = ""
    description: str = ""


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
    stickerset: Any = None
    duration: float | None = None
    w: Int32 | None = None
    h: Int32 | None = None
    voice: bool | None = None
    round_message: bool | None = None


class _Document(msgspec.Struct, gc=False):
    mime_type: str | None = None
    size: Int64 | None = None
    attributes: list[_Attribute] = field(default_factory=list)


class _Extended(msgspec.Struct, gc=False):
    media: Media | None = None


class Media(msgspec.Struct, gc=False):
    """A `MessageMedia…` of Telethon: the fields that are used. `caption` is where texts stood until layer 75 (2018)."""

    kind: str = field(default="", name="_")
    photo: _Photo | None = None
    document: _Document | None = None
    poll: _Poll | None = None
    caption: str | None = None
    extended_media: list[_Extended] | None = None
    todo: _Tasks | None = None
    game: _Game | None = None
    title: str | None = None
    description: str | None = None
    address: str | None = None
    prize_description: str | None = None
    webpage: Any = None
    geo: Any = None
    phone_number: Any = None


def kind_of(media: Media | None) -> str:
    """The post's type by its media: photo, video, …, poll, location, contact, other; text where there is none."""
    if media is None:
        return "text"
    name = _class(media)
    if name == "MessageMediaPhoto":
        return "photo"
    if name == "MessageMediaDocument":
        return _document_kind(media.document)
    if name == "MessageMediaPaidMedia":
        kinds = [kind_of(item.media) for item in media.extended_media or () if item.media is not None]
        return kinds[0] if len(set(kinds)) == 1 else "other"
    return _OF_MEDIA.get(name, "other")


def caption_of(media: Media | None) -> str:
    """The text of a photo or document where it stands with the medium, as in Telethon before 0.18."""
    return (media.caption or "") if media is not None else ""


def described(media: Media | None) -> str:
    """The text of what has none but its own: a poll's question and answers, a list's title and tasks, what is sold or won.

    A line for each part; empty for anything else.
    """
    if media is None:
        return ""
    if media.poll is not None:
        return "\n".join([_words(media.poll.question), *(f"• {_words(answer.text)}" for answer in media.poll.answers)])
    if media.todo is not None:
        return _lines(_words(media.todo.title), *(f"• {_words(task.title)}" for task in media.todo.tasks or ()))
    if media.game is not None:
        return _lines(media.game.title, media.game.description)
    if _class(media) == "MessageMediaVenue":
        return _lines(media.title or "", media.address or "")
    if _class(media) == "MessageMediaInvoice":
        return _lines(media.title or "", media.description or "")
    return media.prize_description or ""


def told(*parts: str | Words | None) -> str:
    """The texts that are there, a line each."""
    return _lines(*(_words(part) for part in parts if part is not None))


def _lines(*lines: str) -> str:
    return "\n".join(line for line in lines if line.strip())


def attachments_of(msg_id: int, media: Media | None, file: str | None, *, absent: str) -> list[Attachment]:
    """What is attached: a photo, a document, or several that are paid for.

    `file` is where a dump says it lies, `absent` the status where none says.
    """
    if media is None:
        return []
    if _class(media) == "MessageMediaPaidMedia":
        inner = [item.media for item in media.extended_media or () if item.media is not None]
        return [item for medium in inner for item in attachments_of(msg_id, medium, None, absent=absent)]
    if _class(media) == "MessageMediaPhoto":
        return [_photo(msg_id, media.photo, file, absent)]
    if _class(media) == "MessageMediaDocument":
        return [_document(msg_id, media.document or _Document(), file, absent)]
    return []


def _photo(msg_id: int, photo: _Photo | None, file: str | None, absent: str) -> Attachment:
    largest = max((photo.sizes or ()) if photo else (), key=lambda size: size.w * size.h, default=_Size())
    return Attachment(
        msg_id,
        "photo",
        "image/jpeg",
        normalize.safe_file_name(file) if file else None,
        largest.size if largest.size is not None else max(largest.sizes or (), default=None),
        largest.w or None,
        largest.h or None,
        status="pending" if file else absent,
        path=file,
    )


def _document(msg_id: int, document: _Document, file: str | None, absent: str) -> Attachment:
    name = next((attribute.file_name for attribute in document.attributes if attribute.file_name), file)
    return Attachment(
        msg_id,
        _document_kind(document),
        document.mime_type,
        normalize.safe_file_name(name) if name else None,
        document.size,
        next((attribute.w for attribute in document.attributes if attribute.w), None),
        next((attribute.h for attribute in document.attributes if attribute.h), None),
        next((a.duration for a in reversed(document.attributes) if a.duration is not None), None),
        status="pending" if file else absent,
        path=file,
    )


def _class(media: Media) -> str:
    """The medium's class; by its fields where Telethon (until 0.17) wrote none."""
    if media.kind:
        return media.kind
    fields = {
        "MessageMediaPhoto": media.photo, "MessageMediaDocument": media.document, "MessageMediaPoll": media.poll,
        "MessageMediaWebPage": media.webpage, "MessageMediaGeo": media.geo, "MessageMediaContact": media.phone_number,
    }  # fmt: skip
    return next((name for name, value in fields.items() if value is not None), "")


def _attribute_class(attribute: _Attribute) -> str:
    """As `_class`, of a document's attribute."""
    if attribute.kind:
        return attribute.kind
    if attribute.file_name is not None:
        return "DocumentAttributeFilename"
    if attribute.stickerset is not None:
        return "DocumentAttributeSticker"
    if attribute.duration is not None:
        return "DocumentAttributeVideo" if attribute.w is not None else "DocumentAttributeAudio"
    return "DocumentAttributeImageSize" if attribute.w is not None else "DocumentAttributeAnimated"


def _document_kind(document: _Document | None) -> str:
    attributes = {_attribute_class(attribute): attribute for attribute in document.attributes} if document else {}
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
