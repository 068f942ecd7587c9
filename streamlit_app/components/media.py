"""The media of a post: thumbnails of what can be seen, names of what can only be opened. Served by /files, tenant checked."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from streamlit_app.formats import playing_time, size
from streamlit_app.i18n import has, t

_PICTURES = ("image/jpeg", "image/png", "image/webp", "image/gif")
_ICONS = {
    "photo": "image", "video": "movie", "animation": "gif_box", "document": "description", "audio": "music_note",
    "voice": "mic", "video_note": "movie", "sticker": "mood",
}  # fmt: skip
MOST = 6


def media_url(channel_id: int, msg_id: int, index: int, *, thumb: bool) -> str:
    """Where a medium of a post is served: as it is, or small."""
    return f"/files/media/{channel_id}/{msg_id}/{index}{'?size=thumb' if thumb else ''}"


def media_html(row: Mapping[str, Any]) -> str:
    """Thumbnails and files of a post; empty where it has none."""
    seen, named = [], []
    for place, item in enumerate(row.get("media") or row.get("attachments") or ()):
        (seen if _picture(item) else named).append((item.get("index", place), item))
    if not seen and not named:
        return ""
    html = ""
    if seen:
        cells = "".join(_thumb(row, index, item) for index, item in seen[:MOST])
        rest = len(seen) - MOST
        more = f'<span class="ts-rest">+{rest}</span>' if rest > 0 else ""
        html += f'<div class="ts-media ts-of-{min(len(seen), MOST)}">{cells}{more}</div>'
    if named:
        html += f'<div class="ts-files">{"".join(_file(row, index, item) for index, item in named)}</div>'
    return html


def _picture(item: Mapping[str, Any]) -> bool:
    shown = item.get("thumb_uri") or item["kind"] == "photo" or (item.get("mime") or "") in _PICTURES
    return item["status"] == "stored" and bool(shown)


def _thumb(row: Mapping[str, Any], index: int, item: Mapping[str, Any]) -> str:
    place = (row["channel_id"], row["msg_id"], index)
    width, height = item.get("width"), item.get("height")
    shape = f' width="{int(width)}" height="{int(height)}"' if width and height else ""
    alt = t("post.picture", title=str(row.get("channel_title") or ""))
    return (
        f'<a href="{media_url(*place, thumb=False)}" target="_blank" rel="noopener">'
        f'<img src="{media_url(*place, thumb=True)}" alt="{escape(alt)}" loading="lazy"{shape}></a>'
    )


def _file(row: Mapping[str, Any], index: int, item: Mapping[str, Any]) -> str:
    kind = item["kind"]
    name = item.get("file_name") or (t(f"common.type.{kind}") if has(f"common.type.{kind}") else kind)
    length = playing_time(item["duration"]) if item.get("duration") else ""
    facts = " · ".join(part for part in (length, size(item["size"]) if item.get("size") else "", _why(item)) if part)
    inner = (
        f'<span class="ts-icon" aria-hidden="true">{_ICONS.get(kind, "attach_file")}</span><span>{escape(str(name))}</span>'
        f"<small>{escape(facts)}</small>"
    )
    if item["status"] != "stored":
        return f'<span class="ts-file">{inner}</span>'
    url = media_url(row["channel_id"], row["msg_id"], index, thumb=False)
    return f'<a class="ts-file" href="{url}" target="_blank" rel="noopener">{inner}</a>'


def _why(item: Mapping[str, Any]) -> str:
    state = str(item["status"]).partition(":")[0]
    return "" if state == "stored" else t(f"post.media_{state}") if has(f"post.media_{state}") else state
