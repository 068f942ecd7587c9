"""What a channel makes of a post: message ids, footer, hashtags, entities, files, albums, forwards, replies and pins.

The result, `Message`, is what Telegram would hold; how a reader writes it down is in telethon_form.py and
desktop_form.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tgstudio_dagster.sample.content import FIRST_DAY, Channel, WrittenPost, seeded
from tgstudio_dagster.sample.entities import Entity, entities_of
from tgstudio_dagster.sample.files import Attachment, Files
from tgstudio_dagster.sample.growth import Counters, Growth, counters, expect

_DEFAULT_ANSWERS = {"ru": ("Да", "Нет", "Пока не решил(а)"), "en": ("Yes", "No", "Undecided")}


@dataclass(frozen=True, slots=True)
class Poll:
    """A question and its answers with the share of the votes that each gets."""

    question: str
    answers: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A text and its entities, as it stands from `since` on."""

    since: datetime
    text: str
    entities: tuple[Entity, ...] = ()


@dataclass(slots=True, eq=False)
class Message:
    """One message of a channel over its whole life.

    `texts` has one more entry for each edit; `touched_at` is an edit_date without a change of the text (Telegram moves
    it for reactions too); `place` is 0 but for the later members of an album; `pins` makes it a service message.
    """

    channel: Channel
    at: datetime
    post: WrittenPost
    growth: Growth
    texts: list[Text]
    id: int = 0
    place: int = 0
    attachment: Attachment | None = None
    poll: Poll | None = None
    grouped_id: int | None = None
    reply_to: Message | None = None
    forward: Message | None = None
    author: str | None = None
    touched_at: datetime | None = None
    pins: Message | None = None
    pinned_at: datetime | None = None

    def text_at(self, at: datetime) -> Text:
        """The text as a reader sees it at a time."""
        return next((text for text in reversed(self.texts) if text.since <= at), self.texts[0])

    def edited_at(self, at: datetime) -> datetime | None:
        """The edit_date that a reader sees at a time; hidden in clients (`edit_hide`) where it is `touched_at`."""
        dates = [text.since for text in self.texts[1:]] + ([self.touched_at] if self.touched_at else [])
        return max((date for date in dates if date <= at), default=None)

    def deleted_by(self, at: datetime) -> bool:
        """Whether the message is gone at a time."""
        return self.post.deleted_at is not None and self.post.deleted_at <= at

    def counters_at(self, at: datetime) -> Counters:
        """What the reader sees at a time; a forward shows the views and forwards of the message it forwards."""
        own = counters(self.growth, at)
        if self.forward is None:
            return own
        source = counters(self.forward.growth, at)
        return replace(own, views=source.views, forwards=source.forwards)


@dataclass(slots=True)
class _Newsroom:
    """A channel while it publishes: its voice, and what it may reply to."""

    channel: Channel
    files: Files
    last_of_story: dict[str, Message] = field(default_factory=dict)

    def post(self, post: WrittenPost, at: datetime) -> list[Message]:
        """The messages of a post: one, or two to four of an album with the caption on the first."""
        key = f"{self.channel.username}/{at:%dT%H%M%S}/{post.text[:40]}"
        rng = seeded("post", key)
        message = Message(self.channel, at, post, expect(self.channel, at, post.heat, key), [])
        if post.media == "poll":
            message.texts, message.poll = [Text(at, "")], _poll(post.text, self.channel.lang, key)
        else:
            message.texts = self._texts(post, at, key)
        if self.channel.authors and rng.random() < 0.6:
            message.author = rng.choice(self.channel.authors)
        if rng.random() < 0.03:
            message.touched_at = at + timedelta(minutes=rng.randint(30, 2000))
        if post.story:
            earlier = self.last_of_story.get(post.story)
            if earlier and earlier.post.event != post.event and rng.random() < 0.6 and not earlier.deleted_by(at):
                message.reply_to = earlier
            self.last_of_story[post.story] = message
        return _album(message, self._attachments(post, key), key)

    def forward(self, post: WrittenPost, at: datetime, sources: list[Message]) -> list[Message]:
        """Copies of the messages of another channel's post, as they read at that time."""
        key = f"{self.channel.username}/{at:%dT%H%M%S}/forward"
        growth = expect(self.channel, at, post.heat, key)
        copies = []
        for source in sources:
            text = replace(source.text_at(at), since=at)
            copy = Message(self.channel, at, post, growth, [text], place=source.place, forward=source)
            copy.attachment, copy.poll = source.attachment, source.poll
            copies.append(copy)
        return _grouped(copies, key)

    def _texts(self, post: WrittenPost, at: datetime, key: str) -> list[Text]:
        rng = seeded("voice", key)
        tags, footer, plain = self.channel.hashtags, self.channel.footer, post.plain
        tail: list[str] = []
        if "#" not in post.text and rng.random() < tags.share and not plain:
            tail.append(" ".join(rng.sample(tags.tags, rng.randint(1, 2))))
        signed = rng.random() < footer.share and not plain
        if signed:
            tail.append(footer.text)
        link = (footer.text, footer.href) if signed and footer.href else (None, None)
        versions = [(at, post.text)] + ([post.edit] if post.edit else [])
        texts = []
        for since, written in versions:
            text = "\n\n".join([written.strip(), *tail])
            texts.append(Text(since, text, entities_of(text, self.channel.bold_lead and not plain, *link)))
        return texts

    def _attachments(self, post: WrittenPost, key: str) -> list[Attachment]:
        match post.media:
            case "photo":
                return self.files.photos(self.channel, post.picture, 1, key)
            case "album":
                return self.files.photos(self.channel, post.picture, seeded("album", key).randint(2, 4), key)
            case "video":
                return [self.files.video(key)]
            case "document":
                return [self.files.document(self.channel, key)]
        return []


def publish(posts: Iterable[WrittenPost], channels: dict[str, Channel], files: Files, until: datetime) -> list[Message]:
    """Every message that is posted before `until`, in order of posting; the members of an album follow one another."""
    newsrooms = {name: _Newsroom(channel, files) for name, channel in channels.items()}
    by_event: dict[tuple[str, str], list[Message]] = {}
    messages: list[Message] = []
    for at, post in sorted(((_to_the_second(post), post) for post in posts), key=lambda pair: pair[0]):
        if at > until:
            break
        newsroom = newsrooms[post.channel]
        if post.event and post.forward_of:
            messages += newsroom.forward(post, at, by_event[post.event, post.forward_of])
        else:
            published = newsroom.post(post, at)
            if post.event:
                by_event.setdefault((post.event, post.channel), published)
            messages += published
    for channel in channels.values():
        messages += _pins([m for m in messages if m.channel is channel], until)
    messages.sort(key=lambda message: message.at)
    _number(messages)
    return messages


def _to_the_second(post: WrittenPost) -> datetime:
    seconds = seeded("second", post.channel, post.at, post.text, post.forward_of).randint(0, 59)
    return post.at + timedelta(seconds=seconds)


def _album(message: Message, attachments: list[Attachment], key: str) -> list[Message]:
    if not attachments:
        return [message]
    message.attachment = attachments[0]
    members = [message]  # the head itself, not a copy: replies, pins and forwards point to it
    for place, attachment in enumerate(attachments[1:], 1):
        text = Text(message.at, "")
        members.append(replace(message, place=place, attachment=attachment, texts=[text], reply_to=None))
    return _grouped(members, key)


def _grouped(members: list[Message], key: str) -> list[Message]:
    if len(members) > 1:
        grouped_id = seeded("grouped", key).randrange(13_900_000_000_000_000, 14_000_000_000_000_000)
        for member in members:
            member.grouped_id = grouped_id
    return members


def _poll(text: str, lang: str, key: str) -> Poll:
    """Lines that open with a bullet are the answers, the others the question."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    answers = [line.lstrip("•— ") for line in lines if line[0] in "•—"] or list(_DEFAULT_ANSWERS[lang])
    weights = [seeded("votes", key, answer).random() + 0.1 for answer in answers]
    question = "\n".join(line for line in lines if line[0] not in "•—")
    return Poll(question, tuple((answer, w / sum(weights)) for answer, w in zip(answers, weights, strict=True)))


def _pins(messages: list[Message], until: datetime) -> Iterator[Message]:
    """A service message for the most read post of the first three days and of the days after them."""
    for early in (True, False):
        half = [m for m in messages if ((m.at.date() - FIRST_DAY).days < 3) is early and m.place == 0]
        lasting = [m for m in half if not m.forward and not m.post.deleted_at and not m.post.plain]
        top = max(lasting, key=lambda m: m.growth.views, default=None)
        if top is None:
            continue
        at = top.at + timedelta(minutes=17)
        if at <= until:
            top.pinned_at = at
            silent = Growth(at, 0, 0, None, ())
            yield Message(top.channel, at, replace(top.post, story=None, event=None), silent, [Text(at, "")], pins=top)


def _number(messages: list[Message]) -> None:
    """Ids by channel, rising with time; the gaps are messages that were deleted before anyone read them."""
    last = {id(message.channel): message.channel.first_id for message in messages}
    for message in messages:
        rng = seeded("gap", message.channel.username, message.at)
        gap = rng.randint(1, 3) if message.place == 0 and rng.random() < 0.07 else 0
        message.id = last[id(message.channel)] = last[id(message.channel)] + 1 + gap
