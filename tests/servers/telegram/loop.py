"""An event loop in a daemon thread, and methods that always run on it."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

_P = ParamSpec("_P")
_R = TypeVar("_R")
_S = TypeVar("_S", bound="LoopOwner")


class LoopOwner:
    """An object whose state only its own thread touches, once that thread runs."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start_thread(self) -> None:
        """Start the thread; `loop` is its event loop."""
        loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name=type(self).__name__, daemon=True)
        self._thread.start()
        self.loop = loop

    def stop_thread(self) -> None:
        """End the loop and its thread."""
        loop, thread = self.loop, self._thread
        self.loop = self._thread = None
        if loop is None or thread is None:
            return
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def run_coroutine(self, coroutine: Any) -> Any:
        """Run a coroutine on the loop and wait for its result."""
        assert self.loop is not None
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def on_own_thread(self) -> bool:
        """Whether a call may run here: on the thread itself, or before it is started."""
        return self._thread is None or threading.current_thread() is self._thread


def on_loop(method: Callable[Concatenate[_S, _P], _R]) -> Callable[Concatenate[_S, _P], _R]:
    """Make a plain method run on the owner's loop; a caller of another thread waits for its result."""

    @functools.wraps(method)
    def run(self: _S, *args: _P.args, **options: _P.kwargs) -> _R:
        if self.on_own_thread():
            return method(self, *args, **options)
        done: Future[_R] = Future()

        def call() -> None:
            try:
                done.set_result(method(self, *args, **options))
            except BaseException as error:  # noqa: BLE001 (it is raised again, where the caller waits)
                done.set_exception(error)

        assert self.loop is not None
        self.loop.call_soon_threadsafe(call)
        return done.result(30)

    return cast(Callable[Concatenate[_S, _P], _R], run)
