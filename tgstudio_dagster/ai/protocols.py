"""The two protocols of paid or free models: a Writer (text) and a Painter (images), with their request and result models.

What every implementation shares belongs here: the offline ones beside this module and, later, OpenAI's. How a topic
becomes a request, and how a result is checked and stored, belongs to `newsroom/`.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Field

from tgstudio_dagster.core.vocabulary import Language, Tone


class MessageKey(NamedTuple):
    """One text of one post: what a claim rests on."""

    channel_id: int
    msg_id: int
    version: int


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceMessage(_Model):
    """A post as a writer may read it."""

    channel_id: int
    msg_id: int
    version: int
    channel: str | None = Field(description="Username without @; null for a private channel.")
    channel_title: str
    date: datetime = Field(description="When it was posted (UTC).")
    text: str
    lang: str
    url: str
    forwarded_from: str | None = None
    hashtags: tuple[str, ...] = ()

    @property
    def key(self) -> MessageKey:
        """What a claim cites."""
        return MessageKey(self.channel_id, self.msg_id, self.version)

    @property
    def title(self) -> str:
        """The name that readers see: the channel's title, else its username, else its id."""
        return " ".join(self.channel_title.split()) or self.channel or str(self.channel_id)


class WriteRequest(_Model):
    """What a writer is handed: the posts of a topic, the representative one first."""

    topic_id: str
    language: Language
    tone: Tone
    messages: tuple[SourceMessage, ...] = Field(min_length=1)
    keywords: tuple[str, ...] = ()


class Sentence(_Model):
    """One sentence and the posts it rests on: a claim."""

    text: str
    messages: tuple[MessageKey, ...]


Paragraph = tuple[Sentence, ...]


class WriteResult(_Model):
    """What a writer hands back. Sections are made of sentences, so that nothing can be said without a claim."""

    headline: Sentence
    dek: Sentence
    body_short: tuple[Paragraph, ...] = Field(description="About 250 characters.")
    body_medium: tuple[Paragraph, ...] = Field(description="About 800 characters.")
    body_long: tuple[Paragraph, ...] = Field(description="About 2,500 characters.")
    key_points: tuple[Sentence, ...] = Field(min_length=1, max_length=5)
    hashtags: tuple[str, ...] = Field(default=(), description="Candidates, without #.")

    def sections(self) -> dict[str, tuple[Sentence, ...]]:
        """Every section's sentences in reading order, by section name."""
        bodies = {name: getattr(self, name) for name in ("body_short", "body_medium", "body_long")}
        flat = {name: tuple(s for paragraph in body for s in paragraph) for name, body in bodies.items()}
        return {"headline": (self.headline,), "dek": (self.dek,), **flat, "key_points": self.key_points}


def body_text(paragraphs: tuple[Paragraph, ...]) -> str:
    """A body as text: sentences joined by a space, paragraphs by an empty line."""
    return "\n\n".join(" ".join(sentence.text for sentence in paragraph) for paragraph in paragraphs if paragraph)


class PaintRequest(_Model):
    """One image to draw: a row of image_briefs."""

    title: str
    prompt: str
    negative: str
    width: int = Field(ge=64, le=8192, description="Pixels.")
    height: int = Field(ge=64, le=8192, description="Pixels.")
    caption: str
    style_tags: tuple[str, ...] = ()
    brief_hash: str


class PaintResult(_Model):
    """An image file."""

    image: bytes
    extension: str = Field(pattern=r"^[a-z0-9]+$", description="Without the dot.")
    width: int
    height: int


class Writer(Protocol):
    """Writes a topic up. Equal requests must give equal results, or be cached by their caller."""

    @property
    def model(self) -> str:
        """The model's name, as stored with its results."""

    @property
    def prompt_version(self) -> str:
        """Version of the prompt, or of the composer's rules."""

    def write(self, request: WriteRequest) -> WriteResult:
        """The text of one editor result; raises NewsroomError where the posts hold nothing to write from."""


class Painter(Protocol):
    """Draws a brief."""

    @property
    def model(self) -> str:
        """The model's name, as stored with its images."""

    def paint(self, request: PaintRequest) -> PaintResult:
        """The image, in the brief's size; raises NewsroomError where it can't be drawn."""
