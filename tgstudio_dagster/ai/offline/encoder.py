"""The offline encoder: a sentence model on this machine, with the protocol that paid ones have."""

from __future__ import annotations

from dataclasses import dataclass

from tgstudio_dagster.ai.protocols import EncodeRequest, EncodeResult, Reply
from tgstudio_dagster.catalog.money.usage import OFFLINE
from tgstudio_dagster.topics.sentence import Encoder as SentenceModel


@dataclass(frozen=True)
class OfflineEncoder:
    """An Encoder around a sentence model: nobody counts its tokens."""

    sentences: SentenceModel

    @property
    def provider(self) -> str:
        """See Model."""
        return OFFLINE

    @property
    def model(self) -> str:
        """See Model."""
        return self.sentences.model

    def encode(self, request: EncodeRequest) -> Reply[EncodeResult]:
        """See Encoder."""
        return Reply(EncodeResult(self.sentences.encode(request.texts)), self.model)
