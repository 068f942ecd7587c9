"""An encoder that takes vectors from the lake's cache and runs its model only for texts that are not in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from tgstudio_dagster.lake.vector_cache import VectorCache, text_hash
from tgstudio_dagster.topics.sentence import Encoder

SAID_EVERY = 200  # texts: at 10 to 20 a second, on a CPU
KEPT_EVERY = 2000  # what a run that is killed loses at most

Progress = Callable[[int, int], None]
"""Called with how many of the texts that need the model are done, and how many there are."""


@dataclass(frozen=True)
class CachedEncoder:
    """The encoder for the texts of one day; `said` hears of progress where the model has to work."""

    encoder: Encoder
    cache: VectorCache
    day: date
    said: Progress

    @property
    def model(self) -> str:
        """The model's name and revision."""
        return self.encoder.model

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """A row for each text. What was computed is kept every so often, and at the end."""
        hashes = [text_hash(text) for text in texts]
        vectors = self.cache.known(self.model, self.day, hashes)
        missing = {key: text for key, text in zip(hashes, texts, strict=True) if key not in vectors}
        for start in range(0, len(missing), KEPT_EVERY):
            part = list(missing.items())[start : start + KEPT_EVERY]
            fresh: dict[bytes, NDArray[np.float32]] = {}
            for begin in range(0, len(part), SAID_EVERY):
                batch = part[begin : begin + SAID_EVERY]
                fresh.update(
                    zip((key for key, _ in batch), self.encoder.encode([text for _, text in batch]), strict=True)
                )
                self.said(start + begin + len(batch), len(missing))
            self.cache.add(self.model, self.day, fresh)
            vectors.update(fresh)
        return np.stack([vectors[key] for key in hashes]) if hashes else np.zeros((0, 0), np.float32)
