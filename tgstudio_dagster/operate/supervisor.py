"""The supervisor: processes that live are started, found ready, restarted when they die, and ended together.

Which processes there are is `processes.py`'s. One that dies again and again is left alone for a while, and said so;
where it is essential, everything ends.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from tgstudio_dagster.core.errors import TGStudioError

START_SECONDS = 120.0
STOP_SECONDS = 15.0
_POLL_SECONDS = 0.3


@dataclass(frozen=True)
class Limit:
    """So many restarts within so many seconds are tried, each after a longer pause than the one before."""

    restarts: int = 5
    within: float = 600.0
    first_pause: float = 1.0
    longest_pause: float = 60.0

    def pause(self, restarts: int) -> float:
        """Seconds before the next restart, after so many recent ones."""
        return min(self.longest_pause, self.first_pause * float(2**restarts))


@dataclass(frozen=True)
class Program:
    """A process that is to live: its name in sentences, its command, and how one sees that it is ready.

    `essential`: without it nothing works, so that its end for good is the end of all. `awaited`: the next one is started
    when this one is ready. `prepare` is called before each start.
    """

    name: str
    command: tuple[str, ...]
    ready: Callable[[], bool]
    essential: bool = True
    awaited: bool = True
    prepare: Callable[[], None] = lambda: None


@dataclass
class _Child:
    program: Program
    popen: subprocess.Popen[bytes] | None = None
    ends: deque[float] = field(default_factory=deque)
    again_at: float = 0.0


class Supervisor:
    """Starts programs in their order and keeps them alive. `say` gets what a person should know, in sentences."""

    def __init__(
        self,
        programs: Iterable[Program],
        *,
        folder: Path,
        environment: Mapping[str, str],
        log: IO[bytes],
        say: Callable[[str], None],
        limit: Limit | None = None,
    ) -> None:
        self._children = [_Child(program) for program in programs]
        self._folder, self._environment, self._log = folder, dict(environment), log
        self._say, self._limit = say, limit or Limit()

    def start(self) -> None:
        """Start each program, and wait until it is ready where that is awaited, and until all are at the end.

        Raises TGStudioError where one ends or is not ready in time: at the start nothing is tried again.
        """
        for child in self._children:
            self._spawn(child)
            if child.program.awaited:
                self._await(child)
        for child in self._children:
            self._await(child)

    def look(self) -> None:
        """Restart what has died and may be restarted by now. Raises TGStudioError where an essential program won't live."""
        now = time.monotonic()
        for child in self._children:
            if child.popen is None:
                if now >= child.again_at:
                    self._spawn(child)
                    self._say(f"the {child.program.name} is started again")
            elif (code := child.popen.poll()) is not None:
                self._ended(child, code, now)

    def stop(self) -> None:
        """Ask each process to end, the last started first, then end its whole family: runs are children of theirs."""
        alive = [child.popen for child in self._children if child.popen is not None]
        family = [process for popen in alive for process in _tree(popen.pid)]
        for popen in reversed(alive):
            if popen.poll() is None:
                popen.send_signal(signal.SIGINT)
        _, late = psutil.wait_procs(family, timeout=STOP_SECONDS)
        for process in late:
            process.kill()
        psutil.wait_procs(late, timeout=5)
        for popen in alive:
            popen.wait(timeout=5)

    def pids(self) -> dict[str, int]:
        """The process of each program that lives, by name."""
        return {child.program.name: child.popen.pid for child in self._children if child.popen is not None}

    def _spawn(self, child: _Child) -> None:
        child.program.prepare()
        child.popen = subprocess.Popen(
            child.program.command,
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    def _await(self, child: _Child) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for one in self._children:
                if one.popen is not None and (code := one.popen.poll()) is not None:
                    raise TGStudioError(
                        f"the {one.program.name} ended with code {code}; up.log in TGSTUDIO_HOME says why."
                    )
            if child.program.ready():
                return
            time.sleep(_POLL_SECONDS)
        raise TGStudioError(
            f"the {child.program.name} did not answer within {START_SECONDS:g} s; up.log in TGSTUDIO_HOME says why."
        )

    def _ended(self, child: _Child, code: int, now: float) -> None:
        child.popen = None
        child.ends.append(now)
        while child.ends and child.ends[0] < now - self._limit.within:
            child.ends.popleft()
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with code {code}"
        text = f"the {child.program.name} ended {how}"
        if len(child.ends) <= self._limit.restarts:
            pause = self._limit.pause(len(child.ends) - 1)
            child.again_at = now + pause
            self._say(f"{text}; it is started again in {pause:g} s")
            return
        text += (
            f" {len(child.ends)} times within {self._limit.within / 60:g} minutes; up.log in TGSTUDIO_HOME says why."
        )
        if child.program.essential:
            raise TGStudioError(text)
        child.again_at = now + self._limit.within
        self._say(f"{text} The others go on; it is tried again in {self._limit.within / 60:g} minutes.")


def _tree(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
