"""The four protocols of models, paid or free: Writer, Painter, Moderator, Encoder, with their requests and results.

Every call returns a Reply: the result, what it used, the provider's request id. What every implementation shares belongs
here. That a call is claimed, paid within a ceiling and never twice, is handled in `ledger.py` and `metered.py`; how a
topic becomes a request, and how a result is checked and stored, in `newsroom/`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from tgstudio_dagster.core.errors import NewsroomError
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


class ModerateRequest(_Model):
    """Texts and images to be judged before they are drawn or published; one verdict each, texts first."""

    texts: tuple[str, ...] = ()
    images: tuple[bytes, ...] = ()


class Verdict(_Model):
    """What a moderator says of one text or image: the category it falls under, None where it may pass."""

    category: str | None


class ModerateResult(_Model):
    """A moderator's verdicts, in the request's order."""

    verdicts: tuple[Verdict, ...]


class EncodeRequest(_Model):
    """Texts to be made vectors of."""

    texts: tuple[str, ...]


@dataclass(frozen=True)
class EncodeResult:
    """A row of length 1 for each text."""

    vectors: NDArray[np.float32]


@dataclass(frozen=True)
class Usage:
    """What a call used. `cached_tokens` are those of the input that the provider had kept; `estimated`: it counted none."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    images: int = 0
    estimated: bool = False


Value = TypeVar("Value", WriteResult, PaintResult, ModerateResult, EncodeResult)


@dataclass(frozen=True)
class Reply(Generic[Value]):
    """What a model answered, and what that took. `model` is what the provider says it was, `request_id` its name there.

    `kept`: the answer is one that was given to another order, and nothing was asked.
    """

    value: Value
    model: str
    usage: Usage = field(default_factory=Usage)
    request_id: str | None = None
    kept: bool = False


Fault = Literal[
    "refused",
    "filtered",
    "truncated",
    "malformed",
    "empty",
    "rate",
    "quota",
    "key",
    "model",
    "setting",
    "server",
    "timeout",
]


class ModelError(NewsroomError):
    """A call that gave no answer: why (`fault`), and what it used all the same.

    `outcome_known` is False where the call was sent and nobody knows whether it was answered: after a timeout.
    """

    def __init__(
        self,
        message: str,
        fault: Fault,
        *,
        usage: Usage | None = None,
        request_id: str | None = None,
        outcome_known: bool = True,
    ) -> None:
        super().__init__(message)
        self.fault: Fault = fault
        self.usage = usage
        self.request_id = request_id
        self.outcome_known = outcome_known


class Model(Protocol):
    """What every model has."""

    @property
    def provider(self) -> str:
        """Who is paid for it; `offline` where nobody is."""

    @property
    def model(self) -> str:
        """The model's name, as stored with its results."""


class Writer(Model, Protocol):
    """Writes a topic up. Equal requests need not give equal results: the ledger keeps the first."""

    @property
    def prompt_version(self) -> str:
        """Version of the prompt, or of the composer's rules."""

    def write(self, request: WriteRequest) -> Reply[WriteResult]:
        """The text of one editor result; raises ModelError, or NewsroomError where the posts hold nothing to write from."""


class Painter(Model, Protocol):
    """Draws a brief."""

    def paint(self, request: PaintRequest) -> Reply[PaintResult]:
        """The image, in the brief's size; raises ModelError, or NewsroomError where it can't be drawn."""


class Moderator(Model, Protocol):
    """Says what must not be drawn or published."""

    def moderate(self, request: ModerateRequest) -> Reply[ModerateResult]:
        """A verdict for each text and image; raises ModelError."""


class Encoder(Model, Protocol):
    """Makes vectors of texts. Vectors of one model only can be compared."""

    def encode(self, request: EncodeRequest) -> Reply[EncodeResult]:
        """A row for each text; raises ModelError, or SettingsError where the model can't be loaded."""
