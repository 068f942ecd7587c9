"""The one cache of the process's long-lived objects: answers by what was asked, for a time, so many, of one version.

What is kept for good (compiled patterns, words of a language, settings) uses `functools.cache`: a pure function of what is
shipped. Anything that can change while the process lives is kept here.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar, cast

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class TtlCache(Generic[K]):
    """Answers by their key, `seconds` old at most, the `most` that were asked for last.

    An answer is dropped when `version()` differs from what it was before the answer was made, so that what was read while
    something was written is never kept. Answers that are being made by two threads at once are made twice: making one
    holds up no other key.
    """

    def __init__(
        self, *, seconds: float = float("inf"), most: int = 256, version: Callable[[], object] = lambda: None
    ) -> None:
        self._seconds = seconds
        self._most = most
        self._version = version
        self._answers: OrderedDict[K, tuple[float, object, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K, make: Callable[[], T]) -> T:
        """The answer, made where none is kept that still holds; what `make` raises is raised, and not kept."""
        now, version = time.monotonic(), self._version()
        with self._lock:
            kept = self._answers.get(key)
            if kept is not None and kept[1] == version and now - kept[0] < self._seconds:
                self._answers.move_to_end(key)
                return cast(T, kept[2])
        answer = make()
        with self._lock:
            self._answers[key] = now, version, answer
            self._answers.move_to_end(key)
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)
        return answer

    def forget(self, key: K) -> None:
        """Have the answer made anew when it is asked for next."""
        with self._lock:
            self._answers.pop(key, None)

    def __len__(self) -> int:
        return len(self._answers)
