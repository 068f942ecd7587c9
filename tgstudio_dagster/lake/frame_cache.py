"""Objects that one run has read, as frames: a day is decoded once however many steps look back over it. LRU by bytes."""

from __future__ import annotations

import polars as pl

from tgstudio_dagster.core.cache import TtlCache

RUN_BYTES = 192 * 2**20
"""Bytes of frames that a run keeps: the windows that its steps look back over, of all but the largest tenants."""


class FrameCache:
    """Frames by the path and version of their object; what was not asked for the longest goes first."""

    def __init__(self, limit: int = RUN_BYTES) -> None:
        self._frames = TtlCache[str](most=limit, weigh=lambda frame: int(frame.estimated_size()))

    @property
    def bytes(self) -> int:
        """What is kept."""
        return self._frames.weight

    def get(self, path: str, version: str) -> pl.DataFrame | None:
        """The object's frame; None where it was not read yet, or replaced since."""
        frame: pl.DataFrame | None = self._frames.find(path, version)
        return frame

    def put(self, path: str, version: str, frame: pl.DataFrame) -> None:
        """Keep a frame. One that alone would take a quarter of the room is not kept."""
        self._frames.put(path, frame, version)
