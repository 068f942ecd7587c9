"""What the hand-written YAML of content/ says: its shape, its checks, and the posts it describes.

Only reading belongs here. What a channel adds to a post (ids, footer, entities, counters) is in publish.py; posts that
come from templates are in recurring.py.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
import yaml

from tgstudio_dagster.core.errors import SourceError

FIRST_DAY = date(2026, 3, 9)
LAST_DAY = date(2026, 3, 15)
CONTENT = Path(__file__).parent / "content"

Media = Literal["photo", "album", "video", "document", "poll"]
T = TypeVar("T")
_PASSED_ON = 0.85
_HASHTAG = re.compile(r"#\w+")
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+(?=[«“A-ZА-ЯЁ])")
_LEADING_EMOJI = re.compile(r"^[^\w«“\"]+")

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C parser is ten times as fast; not every wheel has it


class Footer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The subscription line of a channel; with `href` the whole line is a link, and `share` of the posts carry it."""

    text: str
    share: float
    href: str | None = None


class Hashtags(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rubric hashtags that a channel adds to this share of its posts that have none of their own."""

    tags: list[str]
    share: float


class Channel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One channel of the sample; `views` are those of a typical post, `discussion` is the id of its comments group."""

    username: str
    title: str
    id: int
    lang: Literal["ru", "en"]
    subject: str
    created: date
    subscribers: int
    views: int
    first_id: int
    utc_offset: int
    reader: Literal["telethon", "desktop"]
    footer: Footer
    hashtags: Hashtags
    reactions: list[str]
    pictures: list[str]
    bold_lead: bool = False
    discussion: int | None = None
    authors: list[str] = []


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A small text file that posts of one language attach."""

    name: str
    mime: str
    lang: Literal["ru", "en"]
    text: str


class Edit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The text after an edit, `after` minutes after the post."""

    after: int
    text: str


class StoryPost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One post of an event, `after` minutes after the story's first; a forward has `forward_of` and no text."""

    channel: str
    after: int
    text: str = ""
    media: Media | None = None
    edit: Edit | None = None
    delete_after: int | None = None
    forward_of: str | None = None


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happened once, told by several posts."""

    event: str
    posts: list[StoryPost]


class Story(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Events that hang together; `day` 0 is FIRST_DAY, `time` is UTC."""

    story: str
    lang: Literal["ru", "en"]
    day: int
    time: str
    events: list[Event]


class Single(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A post that belongs to no story."""

    channel: str
    day: int
    time: str
    text: str
    media: Media | None = None
    edit: Edit | None = None
    delete_after: int | None = None


@dataclass(frozen=True, slots=True)
class WrittenPost:
    """A post as a newsroom means it, before its channel publishes it.

    `forward_of` names the channel whose post of the same event is forwarded; `heat` multiplies the channel's typical
    counters; `picture` is a subject of pictures.py where the channel's own would not fit; `plain` posts have no footer.
    """

    channel: str
    at: datetime
    text: str
    heat: float
    media: Media | None = None
    picture: str | None = None
    edit: tuple[datetime, str] | None = None
    deleted_at: datetime | None = None
    forward_of: str | None = None
    event: str | None = None
    story: str | None = None
    plain: bool = False


def seeded(*parts: object) -> random.Random:
    """A generator of its own for each thing drawn, so that one more post leaves all other posts as they were."""
    return random.Random("/".join(map(str, parts)))  # noqa: S311 - nothing here is secret


def moment(day: int, time: str) -> datetime:
    """UTC time of "HH:MM" on a day counted from FIRST_DAY."""
    hours, minutes = map(int, time.split(":"))
    return datetime.combine(FIRST_DAY, datetime.min.time(), UTC) + timedelta(days=day, hours=hours, minutes=minutes)


def read_yaml(path: Path, shape: type[T]) -> T:
    """The file as `shape`; SourceError names the file and the field that does not fit."""
    try:
        data: Any = yaml.load(path.read_text("utf-8"), Loader=_LOADER)  # noqa: S506 - both loaders are safe ones
        return msgspec.convert(data, shape)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise SourceError(f"sample content {path.name}: {error}; mend the file") from error


def channels(content: Path = CONTENT) -> dict[str, Channel]:
    """The channels of the sample by username, in the file's order."""
    return {channel.username: channel for channel in read_yaml(content / "channels.yaml", list[Channel])}


def written_posts(content: Path = CONTENT) -> list[WrittenPost]:
    """Every post of stories_*.yaml, singles_*.yaml and adverts.yaml, in the files' order."""
    posts: list[WrittenPost] = []
    for path in sorted(content.glob("stories_*.yaml")):
        for story in read_yaml(path, list[Story]):
            posts.extend(_of_story(story))
    for path in sorted(content.glob("singles_*.yaml")):
        posts.extend(_of_single(single, heat=0.9) for single in read_yaml(path, list[Single]))
    for path in sorted(content.glob("adverts.yaml")):
        posts.extend(_of_single(single, heat=0.5, plain=True) for single in read_yaml(path, list[Single]))
    return posts


def _of_story(story: Story) -> Iterator[WrittenPost]:
    start = moment(story.day, story.time)
    size = sum(len(event.posts) for event in story.events)
    # A story that many channels tell is one that many people read, with some luck.
    heat = (0.9 + 0.1 * min(size, 12)) * seeded("story", story.story).lognormvariate(0, 0.15)
    for event in story.events:
        _check_forwards(story.story, event.posts)
        wire = _wire(event)
        for post in event.posts:
            at = start + timedelta(minutes=post.after)
            retold = _retelling(event.event, post, wire)
            yield WrittenPost(
                channel=post.channel,
                at=at,
                text=retold(post.text),
                heat=heat,
                media=post.media,
                edit=_edit(at, post.edit, retold),
                deleted_at=_later(at, post.delete_after),
                forward_of=post.forward_of,
                event=event.event,
                story=story.story,
            )


def _wire(event: Event) -> str:
    """The sentences that newsrooms pass on: up to two from the event's first post, without its emoji and hashtags."""
    first = min((post for post in event.posts if post.text), key=lambda post: post.after)
    sentences = _SENTENCE_END.split(_HASHTAG.sub("", first.text.replace("\n", " ")).strip())
    return _LEADING_EMOJI.sub("", " ".join(" ".join(sentences[:2]).split()))


def _retelling(event: str, post: StoryPost, wire: str) -> Callable[[str], str]:
    """How a channel tells the news: most pass the wire's sentences on with words of their own, some use only their own.

    The share is that of real channels: of two posts on one event, most have a sentence in common.
    """
    rng = seeded("retelling", event, post.channel, post.after)
    if not post.text or wire in " ".join(post.text.split()) or rng.random() > _PASSED_ON:
        return lambda text: text
    if rng.random() < 0.5:
        return lambda text: f"{wire}\n\n{text}"
    return lambda text: f"{text}\n\n{wire}"


def _of_single(single: Single, heat: float, plain: bool = False) -> WrittenPost:
    at = moment(single.day, single.time)
    edit, deleted_at = _edit(at, single.edit), _later(at, single.delete_after)
    return WrittenPost(
        single.channel, at, single.text, heat, single.media, edit=edit, deleted_at=deleted_at, plain=plain
    )


def _check_forwards(story: str, posts: Sequence[StoryPost]) -> None:
    for post in posts:
        if bool(post.text) == bool(post.forward_of):
            raise SourceError(f"sample story {story}, {post.channel} +{post.after}: give either a text or forward_of")
        if post.forward_of and not any(p.text and p.channel == post.forward_of and p.after < post.after for p in posts):
            raise SourceError(
                f"sample story {story}, {post.channel} +{post.after}: {post.forward_of} has no earlier post of it"
            )


def _edit(
    at: datetime, edit: Edit | None, retold: Callable[[str], str] = lambda text: text
) -> tuple[datetime, str] | None:
    return (at + timedelta(minutes=edit.after), retold(edit.text)) if edit else None


def _later(at: datetime, minutes: int | None) -> datetime | None:
    return at + timedelta(minutes=minutes) if minutes is not None else None
