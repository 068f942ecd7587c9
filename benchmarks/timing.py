"""What a piece of work takes: CPU seconds of the process, which a busy machine doesn't change, and seconds on the clock."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True)
class Spent:
    """Seconds of all cores together, and seconds on the clock."""

    cpu: float
    wall: float

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.cpu + other.cpu, self.wall + other.wall)

    def __str__(self) -> str:
        return f"{self.cpu:7.2f} s CPU, {self.wall:7.2f} s"


def spent(work: Callable[[], Result]) -> tuple[Result, Spent]:
    """What the work returns, and what it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    return result, Spent(time.process_time() - cpu, time.perf_counter() - wall)


def peak_megabytes() -> float:
    """The most memory this process has held so far (resident, 10^6 bytes)."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
