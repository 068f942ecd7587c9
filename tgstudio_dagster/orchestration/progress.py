"""How far a run in this process is, for whoever waits for it: which asset, which day, how many of how many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Step:
    """A day that a step (named by its first asset, or its op) has written: the `done`th of `days`; a run has `steps`."""

    asset: str
    day: date
    done: int
    days: int
    steps: int


Listener = Callable[[Step], None]
_listener: ContextVar[Listener | None] = ContextVar("progress", default=None)


@contextmanager
def listening(listener: Listener | None) -> Iterator[None]:
    """Tell the listener of every day that is written in this thread meanwhile."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def tell(step: Step) -> None:
    """Say that a day is written; nothing happens where nobody listens."""
    listener = _listener.get()
    if listener is not None:
        listener(step)
