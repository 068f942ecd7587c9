"""The one cache of the process's long-lived objects: answers by what was asked, for a time, so many, of one version.

What is kept for good (compiled templates, words of a language, settings) uses `functools.cache`: a pure function of what is
shipped or of what the process was started with. Whatever can change while the process lives is kept here.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


@dataclass(frozen=True)
class _Kept:
    at: float
    version: object
    weight: int
    answer: Any


class TtlCache(Generic[K]):
    """Answers by their key, `seconds` old at most; of those asked for longest ago go as many as outweigh `most`.

    An answer weighs 1, or what `weigh` says (its bytes); one that outweighs a quarter of `most` by itself is not kept
    then. An answer is dropped when its version differs from what it was before the answer was made, so that what was read
    while something was written is never believed. Threads that ask for one key at once have it made once; making it holds
    up no other key.
    """

    def __init__(
        self,
        *,
        seconds: float = float("inf"),
        most: int = 256,
        version: Callable[[], object] = lambda: None,
        weigh: Callable[[Any], int] | None = None,
    ) -> None:
        self._seconds = seconds
        self._most = most
        self._version = version
        self._weigh = weigh
        self._weight = 0
        self._kept: OrderedDict[K, _Kept] = OrderedDict()
        self._making: dict[K, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: K, make: Callable[[], T], version: object = None) -> T:
        """The answer of this version, made where none is kept that holds; what `make` raises is raised, and not kept."""
        if (kept := self._find(key, version)) is not None:
            return cast(T, kept.answer)
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            if (kept := self._find(key, version)) is not None:
                return cast(T, kept.answer)
            now, asked = time.monotonic(), (self._version(), version)
            try:
                answer = make()
                self._keep(key, now, asked, answer)
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return answer

    def find(self, key: K, version: object = None) -> Any:
        """The answer that is kept of this version; None where there is none."""
        kept = self._find(key, version)
        return None if kept is None else kept.answer

    def put(self, key: K, answer: object, version: object = None) -> None:
        """Keep an answer that was made elsewhere, several at once perhaps."""
        self._keep(key, time.monotonic(), (self._version(), version), answer)

    def forget(self, key: K) -> None:
        """Have the answer made anew when it is asked for next."""
        with self._lock:
            self._drop(key)

    def clear(self) -> None:
        """Have all answers made anew."""
        with self._lock:
            self._kept.clear()
            self._weight = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def weight(self) -> int:
        """What the answers weigh that are kept."""
        return self._weight

    def _find(self, key: K, version: object) -> _Kept | None:
        now, asked = time.monotonic(), (self._version(), version)
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or kept.version != asked or now - kept.at >= self._seconds:
                return None
            self._kept.move_to_end(key)
            return kept

    def _keep(self, key: K, at: float, version: object, answer: object) -> None:
        kept = _Kept(at, version, self._weigh(answer) if self._weigh else 1, answer)
        with self._lock:
            self._drop(key)
            if self._weigh is not None and kept.weight > self._most // 4:
                return
            self._kept[key] = kept
            self._weight += kept.weight
            while self._weight > self._most:
                self._drop(next(iter(self._kept)))

    def _drop(self, key: K) -> None:
        gone = self._kept.pop(key, None)
        if gone is not None:
            self._weight -= gone.weight
