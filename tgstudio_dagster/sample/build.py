"""Writes the sample into a folder: Telethon dumps of seven channels, a Desktop export of three, files, hidden labels.

What is read when belongs here. The posts are described in content.py and recurring.py, published in publish.py and
written down in telethon_form.py and desktop_form.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from tgstudio_dagster.sample.content import CONTENT, FIRST_DAY, LAST_DAY, Channel, channels, moment, written_posts
from tgstudio_dagster.sample.desktop_form import Export
from tgstudio_dagster.sample.files import write_files
from tgstudio_dagster.sample.publish import Message, publish
from tgstudio_dagster.sample.recurring import recurring_posts
from tgstudio_dagster.sample.telethon_form import channel_form, message_form

_READ_AT = ("05:30", "13:30", "23:30")
"""UTC times of the day's reads; the last one of the last day ends the sample."""
_READ_AGAIN = timedelta(hours=48)
_SWEEP = 8
"""Each read also takes every eighth older message, another eighth each time."""
_ON_ARRIVAL = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Sample:
    """Where the parts of a built sample are.

    `imports` are the paths to hand to `tgstudio import`: the folder of Telethon dumps and Desktop's result.json.
    `usernames` gives the username of each chat id of the export, which does not carry them. `labels` is for measuring
    topics only, one line per post: channel, channel_id, message_id (of an album: its first), event, story (or null).
    """

    imports: tuple[Path, ...]
    labels: Path
    first_day: date
    last_day: date
    usernames: dict[int, str]


def build(folder: Path, content: Path = CONTENT) -> Sample:
    """Write the sample into `folder` and say where it is.

    The same content gives the same bytes. Raises SourceError where the content is malformed.
    """
    reads = [moment(day, time) for day in range((LAST_DAY - FIRST_DAY).days + 1) for time in _READ_AT]
    by_name = channels(content)
    dumps, desktop, labels = folder / "telethon", folder / "desktop", folder / "labels.jsonl"
    files = write_files(dumps / "files", content)
    posts = written_posts(content) + recurring_posts(by_name, content)
    messages = publish(posts, by_name, files, until=reads[-1])

    by_reader: dict[str, list[Channel]] = {"telethon": [], "desktop": []}
    for channel in by_name.values():
        by_reader[channel.reader].append(channel)
    _write_dumps(dumps, by_reader["telethon"], messages, reads)
    export = Export(desktop, dumps / "files", reads[-1])
    chats = [(channel, [m for m in messages if m.channel is channel]) for channel in by_reader["desktop"]]
    (desktop / "result.json").write_bytes(orjson.dumps(export.account(chats), option=orjson.OPT_INDENT_2))
    _write_lines(labels, _labels(messages, reads[-1]))
    return Sample(
        imports=(dumps, desktop / "result.json"),
        labels=labels,
        first_day=FIRST_DAY,
        last_day=LAST_DAY,
        usernames={channel.id: channel.username for channel in by_reader["desktop"]},
    )


def _write_dumps(folder: Path, read: list[Channel], messages: list[Message], reads: list[datetime]) -> None:
    dumped = [message for message in messages if message.channel.reader == "telethon"]
    before = moment(0, "00:00")
    for number, at in enumerate(reads):
        forms: list[dict[str, Any]] = [channel_form(channel, _subscribers(channel, at)) for channel in read]
        observations = list(_observations(dumped, number, before, at, last=at == reads[-1]))
        observations.sort(
            key=lambda observation: (read.index(observation[0].channel), observation[0].id, observation[1])
        )
        forms += [message_form(message, observed_at) for message, observed_at in observations]
        _write_lines(folder / f"{number + 1:02}-{at:%Y-%m-%dT%H%MZ}.jsonl", forms)
        before = at


def _observations(
    messages: list[Message], number: int, before: datetime, at: datetime, last: bool
) -> Iterator[tuple[Message, datetime]]:
    """What one read takes: the last 48 hours, some older messages (all in the last read), and what arrived before.

    The reader also listens between reads. What it caught is kept only of messages that were edited or deleted before
    the read, whose first text would else be lost.
    """
    for message in messages:
        if message.at > at:
            continue
        changes = [text.since for text in message.texts[1:]] + [message.post.deleted_at]
        if message.at > before and any(change and change <= at for change in changes):
            yield message, message.at + _ON_ARRIVAL
        if last or at - message.at <= _READ_AGAIN or message.id % _SWEEP == number % _SWEEP:
            yield message, at


def _subscribers(channel: Channel, at: datetime) -> int:
    return channel.subscribers + int((at - moment(0, "00:00")) / timedelta(hours=1) * channel.subscribers / 100_000)


def _labels(messages: list[Message], until: datetime) -> Iterator[dict[str, Any]]:
    """Of every post that some reader saw: Desktop's never saw a message that was deleted before the export."""
    for message in messages:
        unseen = message.channel.reader == "desktop" and message.deleted_by(until)
        if message.place or message.pins or unseen:
            continue
        yield {
            "channel": message.channel.username,
            "channel_id": message.channel.id,
            "message_id": message.id,
            "event": message.post.event,
            "story": message.post.story,
        }


def _write_lines(path: Path, forms: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(orjson.dumps(form) + b"\n" for form in forms))
