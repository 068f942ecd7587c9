"""One message of Telegram Desktop's HTML export, and the post it makes.

What a page shows of a message is `html_page.py`; pages, albums and the chat's identity are handled in `html_export.py`.
A page shows neither views, forwards, edits nor sender ids. Service messages have no time: they take that of the message
before them, or the beginning of the day that a divider names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo

from tgstudio_dagster.posts import normalize
from tgstudio_dagster.posts.shape import Attachment, Post
from tgstudio_dagster.telegram.sources.decoding import Bad
from tgstudio_dagster.telegram.sources.html_page import Entry, Link, Medium, Poll
from tgstudio_dagster.telegram.sources.source import Span

_MOMENT = re.compile(
    r"(\d\d)\.(\d\d)\.(\d{4}) (\d\d):(\d\d):(\d\d)(?:\s*(?:UTC|GMT)?\s*([+-])(\d\d):?(\d\d)|\s*(?:UTC|GMT))?\Z"
)
_DAY = re.compile(r"(\d{1,2}) ([A-Z][a-z]+) (\d{4})\Z")
_MONTHS = {
    name: number
    for number, name in enumerate(
        "January February March April May June July August September October November December".split(), start=1
    )
}
_DURATION = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d\d)")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_OPENED = ("http:", "https:", "tg:", "ton:")
_UNSUPPORTED = "This message is not supported"
_KINDS = {
    "photo_wrap": "photo",
    "media_photo": "photo",
    "video_file_wrap": "video",
    "media_video": "video",
    "animated_wrap": "animation",
    "sticker_wrap": "sticker",
    "media_voice_message": "voice",
    "media_audio_file": "audio",
    "media_file": "document",
}
_BY_TITLE = {
    ("media_photo", "Sticker"): "sticker",
    ("media_video", "Video message"): "video_note",
    ("media_video", "Animation"): "animation",
}
_NO_FILES = {
    "media_contact": "contact",
    "media_location": "location",
    "media_live_location": "location",
    "media_venue": "location",
}
_ABSENT = {
    "Not included": "skipped: not included in the export",
    "Exceeds maximum size": "skipped: over the export's own size limit",
    "Unavailable": "failed: unavailable when exported",
}
# What Desktop's sentences say, in the words of its JSON; the first that fits.
_ACTIONS = {
    "pinned": "pin_message",
    "created topic": "topic_created",
    "joined group by link": "join_group_by_link",
    "joined group by request": "join_group_by_request",
    "joined group": "invite_members",
    "invited": "invite_members",
    "removed": "remove_members",
    "changed group title": "edit_group_title",
    "changed group photo": "edit_group_photo",
    "deleted group photo": "delete_group_photo",
    "changed channel title": "edit_group_title",
    "changed channel photo": "edit_group_photo",
    "converted this group": "migrate_to_supergroup",
    "basic group": "migrate_from_group",
    "started video chat": "group_call",
    "started voice chat": "group_call",
    "scheduled": "group_call_scheduled",
    "created": "create_channel",
    "messages will": "set_messages_ttl",
}


def parse_moment(text: str, zone: tzinfo) -> datetime:
    """The time of `15.01.2024 10:00:00 UTC+02:00`, in `zone` where it names none; raises ValueError."""
    match = _MOMENT.match(text)
    if match is None:
        raise ValueError(
            f"date not as Telegram Desktop writes it: {text[:40]!r} (it writes 15.01.2024 10:00:00 UTC+02:00)"
        )
    day, month, year, hour, minute, second = (int(part) for part in match.groups()[:6])
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=_offset(match, zone))
    except ValueError as error:
        raise ValueError(f"date of no calendar: {text[:40]!r} ({error})") from error


def has_zone(text: str) -> bool:
    """Whether the time names its zone: pages of before 2022 do not."""
    match = _MOMENT.match(text)
    return match is not None and (match[7] is not None or text.endswith(("UTC", "GMT")))


@dataclass
class HtmlReader:
    """Makes posts of the messages of one chat, in the pages' order. `zone` is that of times that name none."""

    channel_id: int
    username: str | None
    title: str
    span: Span
    zone: tzinfo

    def __post_init__(self) -> None:
        self._sender: str | None = None
        self._origin: str | None = None
        self._at: datetime | None = None
        self._day: datetime | None = None
        self._observed = normalize.to_micros(self.span.observed_at)

    def post(self, entry: Entry) -> Post | Bad | None:
        """The post of a message; why there is none; None for a divider between days."""
        if entry.message_id is None or entry.message_id <= 0:
            self._divider(entry.text)
            if entry.service or entry.message_id is not None:
                return None
            return Bad("a message without an id", entry.text)
        if entry.service:
            return self._service(entry, entry.message_id)
        self._sender = entry.sender or self._sender
        self._origin = (entry.origin or self._origin) if entry.forwarded else None
        try:
            moment = parse_moment(entry.moment, self.zone)
        except ValueError as error:
            return Bad(str(error) if entry.moment else "no date", entry.text)
        self._at = moment
        post = self._dated(entry.message_id, moment, entry.text)
        if isinstance(post, Post):
            self._fill(post, entry)
        return post

    def _dated(self, message_id: int, moment: datetime, text: str) -> Post | Bad:
        date = normalize.to_micros(moment)
        if not self.span.earliest <= date <= self.span.latest:
            return Bad(self.span.complaint(date), text)
        return Post(
            self.channel_id, message_id, date, text, "text", self.username, self.title, observed_at=self._observed
        )

    def _fill(self, post: Post, entry: Entry) -> None:
        post.hashtags, post.links, post.mentions = _found(entry)
        name = None if self._sender in ("", self.title) else self._sender
        post.author = entry.signature or name
        post.reply_to = entry.reply_to
        post.forwarded_from = (self._origin or "unknown") if entry.forwarded else None
        post.type, post.attachments = _media(post.msg_id, entry.media)
        if entry.poll is not None:
            post.type = "other" if _is_list_of_tasks(entry.poll) else "poll"
        if not post.text:
            post.text = described(entry)
        if post.type == "text" and not post.text:
            post.type = "other"
        counted = sorted(entry.reactions, key=lambda pair: (-pair[1], pair[0]))
        post.reactions_by_emoji = counted
        post.reactions = sum(count for _, count in counted) if counted else None

    def _service(self, entry: Entry, message_id: int) -> Post | Bad:
        known = [moment for moment in (self._at, self._day) if moment is not None]
        if not known:
            return Bad("a service message before any date of the page", entry.text)
        post = self._dated(message_id, max(known), entry.text)
        if isinstance(post, Bad):
            return post
        if entry.text.startswith(_UNSUPPORTED):
            # A post that the exporting Telegram was too old for: its page holds a sentence of Telegram's in its place.
            post.type, post.text = "other", ""
            return post
        post.type, post.service_action = "service", _action(entry.text)
        return post

    def _divider(self, text: str) -> None:
        match = _DAY.match(text)
        month = _MONTHS.get(match[2]) if match else None
        if match is None or month is None:
            return
        zone = self._at.tzinfo if self._at is not None else self.zone
        try:
            self._day = datetime(int(match[3]), month, int(match[1]), tzinfo=zone)
        except ValueError:
            return


def described(entry: Entry) -> str:
    """The text of a message that has none but its medium: question and answers, titles, a line each."""
    if entry.poll is not None:
        return "\n".join([entry.poll.question, *(f"• {answer}" for answer in entry.poll.answers)]).strip()
    for medium in entry.media:
        if medium.kind in ("media_game", "media_invoice", "media_giveaway"):
            return "\n".join(line for line in (medium.title, medium.description) if line)
    return ""


def _offset(match: re.Match[str], zone: tzinfo) -> tzinfo:
    if match[7] is None:
        return timezone(timedelta()) if match[0].endswith(("UTC", "GMT")) else zone
    offset = timedelta(hours=int(match[8]), minutes=int(match[9]))
    return timezone(-offset if match[7] == "-" else offset)


def _is_list_of_tasks(poll: Poll) -> bool:
    details = poll.details.lower()
    return any(word in details for word in ("to-do", "todo", "checklist"))


def _action(text: str) -> str:
    return next((action for words, action in _ACTIONS.items() if words in text), "unknown")


def _found(entry: Entry) -> tuple[list[str], list[str], list[str]]:
    """Hashtags, links and mentions, in order, each once; those of the text itself where no link marks any."""
    if not entry.links:
        return normalize.found_in(entry.text)
    hashtags: list[str] = []
    links: list[str] = []
    mentions: list[str] = []
    for link in entry.links:
        if link.call == "ShowHashtag":
            hashtags.append(normalize.hashtag(link.text))
        elif link.text.startswith("@") and _target(link) is not None:
            mentions.append(normalize.mention(link.text))
        elif (target := _target(link)) is not None:
            links.append(normalize.link(target))
    return normalize.unique(hashtags), normalize.unique(links), normalize.unique(mentions)


def _target(link: Link) -> str | None:
    """Where a link leads; None for the page's own calls, files beside it, addresses of people, and code."""
    if link.call or not link.href or link.href.startswith("#"):
        return None
    if _SCHEME.match(link.href) and "." not in link.href.partition(":")[0]:
        return link.href if link.href.lower().startswith(_OPENED) else None
    return link.href if link.href == link.text else None


def _media(message_id: int, media: tuple[Medium, ...]) -> tuple[str, list[Attachment]]:
    """Type and attachments of a message."""
    kind, attachments = "text", list[Attachment]()
    for medium in media:
        named = _BY_TITLE.get((medium.kind, medium.title)) or _KINDS.get(medium.kind)
        if named is None:
            kind = _NO_FILES.get(medium.kind, "other")
            continue
        kind = named
        attachments.append(_attachment(message_id, named, medium))
    return kind, attachments


def _attachment(message_id: int, kind: str, medium: Medium) -> Attachment:
    href = medium.href
    path = href if href and not _SCHEME.match(href) and not href.startswith(("//", "#")) else None
    absent = next((status for words, status in _ABSENT.items() if medium.description.startswith(words)), None)
    name = medium.title if medium.kind == "media_file" and medium.title != "File" else path
    return Attachment(
        message_id,
        kind,
        "image/jpeg" if kind == "photo" else None,
        normalize.safe_file_name(name) if name else None,
        duration=_seconds(medium.status),
        status="pending" if path else absent or "skipped: not included in the export",
        path=path,
    )


def _seconds(status: str) -> float | None:
    """Seconds of `03:15` or `1:02:03`, as the lines of audio and video begin."""
    match = _DURATION.match(status)
    return None if match is None else float(int(match[1] or 0) * 3600 + int(match[2]) * 60 + int(match[3]))
