"""The media of a post: thumbnails of what can be seen, names of what can only be opened. Served by /files, tenant checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from streamlit_app.formats import playing_time, size
from streamlit_app.i18n import has, t
from tgstudio_dagster.core.text import escape

_PICTURES = ("image/jpeg", "image/png", "image/webp", "image/gif")
_ICONS = {
    "photo": "image", "video": "movie", "animation": "gif_box", "document": "description", "audio": "music_note",
    "voice": "mic", "video_note": "movie", "sticker": "mood",
}  # fmt: skip
_FILMS = frozenset({"video", "animation", "video_note"})
MOST = 6
"""Pictures of a post that are shown; the rest is counted."""


def file_url(uri: str) -> str:
    """Where a file of the tenant's is served."""
    return f"/files/{quote(uri)}"


def media_html(row: Mapping[str, Any]) -> str:
    """Thumbnails and files of a post; empty where it has none."""
    items: Sequence[Mapping[str, Any]] = row.get("media") or row.get("attachments") or ()
    seen = [item for item in items if _picture(item)]
    named = [item for item in items if not _picture(item)]
    if not seen and not named:
        return ""
    html = ""
    if seen:
        cells = "".join(_thumb(row, item) for item in seen[:MOST])
        rest = len(seen) - MOST
        more = f'<span class="ts-rest">+{rest}</span>' if rest > 0 else ""
        html += f'<div class="ts-media ts-of-{min(len(seen), MOST)}">{cells}{more}</div>'
    if named:
        html += f'<div class="ts-files">{"".join(_file(item) for item in named)}</div>'
    return html


def _picture(item: Mapping[str, Any]) -> bool:
    return bool(item.get("thumb_uri") or (item.get("uri") and (item.get("mime") or "") in _PICTURES))


def _thumb(row: Mapping[str, Any], item: Mapping[str, Any]) -> str:
    width, height = item.get("width"), item.get("height")
    shape = f' width="{int(width)}" height="{int(height)}"' if width and height else ""
    alt = t("post.picture", title=str(row.get("channel_title") or ""))
    film = '<span class="ts-icon ts-play" aria-hidden="true">play_circle</span>' if item["kind"] in _FILMS else ""
    return (
        f'<a href="{file_url(item["uri"] or item["thumb_uri"])}" target="_blank" rel="noopener">'
        f'<img src="{file_url(item.get("thumb_uri") or item["uri"])}" alt="{escape(alt)}" loading="lazy"{shape}>{film}</a>'
    )


def _file(item: Mapping[str, Any]) -> str:
    kind = item["kind"]
    name = item.get("file_name") or (t(f"common.type.{kind}") if has(f"common.type.{kind}") else kind)
    length = playing_time(item["duration"]) if item.get("duration") else ""
    facts = " · ".join(part for part in (length, size(item["size"]) if item.get("size") else "", _why(item)) if part)
    inner = (
        f'<span class="ts-icon" aria-hidden="true">{_ICONS.get(kind, "attach_file")}</span><span>{escape(str(name))}</span>'
        f"<small>{escape(facts)}</small>"
    )
    if not item.get("uri"):
        return f'<span class="ts-file">{inner}</span>'
    return f'<a class="ts-file" href="{file_url(item["uri"])}" target="_blank" rel="noopener">{inner}</a>'


def _why(item: Mapping[str, Any]) -> str:
    state = str(item["status"]).partition(":")[0]
    return "" if state == "stored" else t(f"post.media_{state}") if has(f"post.media_{state}") else state
