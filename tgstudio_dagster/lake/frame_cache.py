"""Objects that one run has read, as frames: a day is decoded once however many steps look back over it. LRU by bytes."""

from __future__ import annotations

from collections import OrderedDict

import polars as pl

RUN_BYTES = 192 * 2**20
"""Bytes of frames that a run keeps: the windows that its steps look back over, of all but the largest tenants."""


class FrameCache:
    """Frames by the path and version of their object; what was not asked for the longest goes first. For one thread."""

    def __init__(self, limit: int = RUN_BYTES) -> None:
        self.limit = limit
        self.bytes = 0
        self._frames: OrderedDict[str, tuple[str, pl.DataFrame, int]] = OrderedDict()

    def get(self, path: str, version: str) -> pl.DataFrame | None:
        """The object's frame; None where it was not read yet, or replaced since."""
        kept = self._frames.get(path)
        if kept is None or kept[0] != version:
            return None
        self._frames.move_to_end(path)
        return kept[1]

    def put(self, path: str, version: str, frame: pl.DataFrame) -> None:
        """Keep a frame. One that alone would take a quarter of the room is not kept."""
        old = self._frames.pop(path, None)
        self.bytes -= old[2] if old else 0
        size = int(frame.estimated_size())
        if size > self.limit // 4:
            return
        self._frames[path] = (version, frame, size)
        self.bytes += size
        while self.bytes > self.limit:
            _, (_, _, gone) = self._frames.popitem(last=False)
            self.bytes -= gone
