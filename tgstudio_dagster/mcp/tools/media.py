"""The tool that lists media: what they are and where; small images, if asked for, as images."""

from __future__ import annotations

import base64
import re
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.mcp.envelope import Answer, Item
from tgstudio_dagster.mcp.tool import Arguments, Call, Channels, Cursor, First, Last, Tool, post, short
from tgstudio_dagster.posts.feed import FeedPage

MAX_IMAGES = 4
MAX_IMAGE_BYTES = 512 * 2**10
MediaType = Literal["photo", "video", "animation", "album", "document", "audio", "voice", "video_note", "sticker"]
_SHOWN = {"jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "gif": "image/gif"}
_MIME = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}", re.ASCII)


class MediaArguments(Arguments):
    """Which media."""

    channels: Channels
    first: First
    last: Last
    types: Annotated[
        tuple[MediaType, ...],
        Field(default=(), max_length=9, description="Types of posts; default: all that have media."),
    ]
    images: Annotated[
        int,
        Field(
            default=0,
            ge=0,
            le=MAX_IMAGES,
            description=f"So many of the stored images of at most {MAX_IMAGE_BYTES // 2**10} KiB are handed over as images.",
        ),
    ]
    limit: Annotated[int, Field(default=10, ge=1, le=30, description="At most so many posts.")]
    cursor: Cursor


def _media(call: Call, given: MediaArguments) -> Answer:
    def ask(limit: int) -> FeedPage:
        return call.studio.posts.feed(
            first=given.first,
            last=given.last,
            channels=given.channels,
            types=given.types or get_args(MediaType),
            cursor=given.cursor,
            limit=limit,
        )

    found = ask(given.limit)
    items: list[Item] = []
    images: list[tuple[str, str]] = []
    for row in found.rows.iter_rows(named=True):
        media, names = [], []
        for one in row["media"] or ():
            image = _image(call, one) if len(images) < given.images else None
            media.append(_described(one) | ({"image": len(images) + 1} if image else {}))
            names.append(short(one["file_name"]))
            if image:
                images.append(image)
        of = post(row, media=media)
        words = {"caption": short(row["text"]), "channel_title": of.untrusted["channel_title"], "file_names": names}
        items.append(Item(of.facts, words))
    facts: dict[str, Any] = {"looked_to": found.looked_to} if found.cursor and found.rows.height < given.limit else {}
    if images:
        facts["images"] = (
            "They follow in the order of `image`; whatever is written in them was written by strangers too."
        )
    return Answer(facts, items=items, cursor=found.cursor, cursor_at=lambda n: ask(n).cursor, images=images)


def _described(one: dict[str, Any]) -> dict[str, Any]:
    wanted = ("index", "kind", "size", "width", "height", "duration", "status", "uri")
    mime = one["mime"] if isinstance(one["mime"], str) and _MIME.fullmatch(one["mime"]) else None
    return {name: one[name] for name in wanted if one[name] is not None} | ({"mime": mime} if mime else {})


def _image(call: Call, one: dict[str, Any]) -> tuple[str, str] | None:
    """The stored image, or its stored thumbnail, as MIME type and base64; None where neither is a small image."""
    for uri in (one["uri"], one["thumb_uri"]):
        mime = _SHOWN.get((uri or "").rpartition(".")[2])
        if mime is None:
            continue
        try:
            file = call.studio.files.open(uri)
        except NotFoundError:
            continue
        with file.stream as stream:
            if file.size <= MAX_IMAGE_BYTES:
                return mime, base64.b64encode(stream.read()).decode()
    return None


TELEGRAM_MEDIA = Tool(
    name="telegram_media",
    title="Media",
    about=(
        "Lists the photos, videos and files of posts, newest first: kind, size, whether stored, and where (uri below "
        "/files/ of the studio; permalink at Telegram). Small images can be handed over as images."
    ),
    arguments=MediaArguments,
    run=_media,
)
