"""The four kinds of model, metered: each hands its calls to the ledger. Nothing calls a model's own methods but these.

A metered model is a model of the same protocol, so that whoever writes, draws, judges or encodes needn't know.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tgstudio_dagster.ai.ledger import Keeping, Ledger
from tgstudio_dagster.ai.prices import INSTRUCTIONS, MARGIN, tokens, written_tokens
from tgstudio_dagster.ai.protocols import (
    Encoder,
    EncodeRequest,
    EncodeResult,
    ModerateRequest,
    ModerateResult,
    Moderator,
    Painter,
    PaintRequest,
    PaintResult,
    Reply,
    Usage,
    Writer,
    WriteRequest,
    WriteResult,
)
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.vector_cache import text_hash


@dataclass(frozen=True)
class MeteredWriter:
    """A Writer whose calls are in the ledger; answers are kept with their claims."""

    writer: Writer
    ledger: Ledger

    @property
    def provider(self) -> str:
        """See Model."""
        return self.writer.provider

    @property
    def model(self) -> str:
        """See Model."""
        return self.writer.model

    @property
    def prompt_version(self) -> str:
        """See Writer."""
        return self.writer.prompt_version

    def write(self, request: WriteRequest) -> Reply[WriteResult]:
        """See Writer and `Ledger.call`."""
        return self.ledger.call(
            self.writer,
            "text",
            {"prompt_version": self.prompt_version, "request": request.model_dump(mode="json")},
            lambda: self.writer.write(request),
            reserve=Usage(
                input_tokens=_with_margin(INSTRUCTIONS + sum(tokens(message.text) for message in request.messages)),
                output_tokens=_with_margin(written_tokens(request.language)),
            ),
            keeping=Keeping(lambda result: result.model_dump(mode="json"), WriteResult.model_validate),
        )


@dataclass(frozen=True)
class MeteredPainter:
    """A Painter whose calls are in the ledger; images are kept among the tenant's files."""

    painter: Painter
    ledger: Ledger
    files: TenantLake

    @property
    def provider(self) -> str:
        """See Model."""
        return self.painter.provider

    @property
    def model(self) -> str:
        """See Model."""
        return self.painter.model

    def paint(self, request: PaintRequest) -> Reply[PaintResult]:
        """See Painter and `Ledger.call`."""
        return self.ledger.call(
            self.painter,
            "image",
            {"request": request.model_dump(mode="json")},
            lambda: self.painter.paint(request),
            reserve=Usage(input_tokens=_with_margin(tokens(request.prompt) + tokens(request.negative)), images=1),
            keeping=Keeping(self._stored, self._opened),
        )

    def _stored(self, result: PaintResult) -> dict[str, Any]:
        file = self.files.put_file(result.image, result.extension)
        return {"uri": file.uri, "width": result.width, "height": result.height}

    def _opened(self, kept: Mapping[str, Any]) -> PaintResult | None:
        uri = kept["uri"]
        if not self.files.has_file(uri):
            return None
        with self.files.open_file(uri) as file:
            image = file.read()
        extension = uri.rpartition(".")[2]
        return PaintResult(image=image, extension=extension, width=kept["width"], height=kept["height"])


@dataclass(frozen=True)
class MeteredModerator:
    """A Moderator whose calls are in the ledger; verdicts are kept with their claims."""

    moderator: Moderator
    ledger: Ledger

    @property
    def provider(self) -> str:
        """See Model."""
        return self.moderator.provider

    @property
    def model(self) -> str:
        """See Model."""
        return self.moderator.model

    def moderate(self, request: ModerateRequest) -> Reply[ModerateResult]:
        """See Moderator and `Ledger.call`."""
        images = [hashlib.sha256(image).hexdigest() for image in request.images]
        return self.ledger.call(
            self.moderator,
            "moderation",
            {"texts": list(request.texts), "images": images},
            lambda: self.moderator.moderate(request),
            reserve=Usage(input_tokens=_with_margin(sum(map(tokens, request.texts)))),
            keeping=Keeping(lambda result: result.model_dump(mode="json"), ModerateResult.model_validate),
        )


@dataclass(frozen=True)
class MeteredEncoder:
    """An encoder, as topics and search want it, of a model whose calls are in the ledger.

    Vectors are kept by their texts' hashes in the lake (`topics/cached_encoder.py`), not with the claims.
    """

    encoder: Encoder
    ledger: Ledger

    @property
    def model(self) -> str:
        """See Model."""
        return self.encoder.model

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """A row of length 1 for each text. See `Ledger.call`."""
        request = EncodeRequest(texts=tuple(texts))
        ask: Callable[[], Reply[EncodeResult]] = lambda: self.encoder.encode(request)  # noqa: E731 - typed
        reply = self.ledger.call(
            self.encoder,
            "embedding",
            {"texts": [text_hash(text).hex() for text in texts]},
            ask,
            reserve=Usage(input_tokens=_with_margin(sum(map(tokens, texts)))),
            keeping=None,
        )
        return reply.value.vectors


def _with_margin(estimate: int) -> int:
    return ceil(estimate * MARGIN)
