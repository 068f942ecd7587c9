"""Processes that live: started in order, restarted when they die, given up after a while, ended with their children."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tgstudio_dagster.core.errors import TGStudioError
from tgstudio_dagster.operate.supervisor import Limit, Program, Supervisor

QUICK = Limit(restarts=3, within=60, first_pause=0.05, longest_pause=0.2)
LIVES = "import time; time.sleep(600)"
DIES = "raise SystemExit(3)"


class Watch:
    """A supervisor of small programs, and what it has said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.supervisor: Supervisor | None = None
        self.log = (folder / "log").open("ab")

    def over(self, *programs: Program, limit: Limit = QUICK) -> Supervisor:
        self.supervisor = Supervisor(
            programs, folder=self.folder, environment=os.environ, log=self.log, say=self.said.append, limit=limit
        )
        return self.supervisor

    def until(self, done: Callable[[], bool]) -> None:
        assert self.supervisor is not None
        deadline = time.monotonic() + 20
        while not done():
            assert time.monotonic() < deadline, self.said
            self.supervisor.look()
            time.sleep(0.02)


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    one = Watch(tmp_path)
    yield one
    if one.supervisor is not None:
        one.supervisor.stop()
    one.log.close()


def program(name: str, code: str, ready: Callable[[], bool] = lambda: True, *, essential: bool = True) -> Program:
    return Program(name, (sys.executable, "-c", code), ready, essential)


def test_the_next_is_started_when_the_one_before_is_ready(watch: Watch, tmp_path: Path) -> None:
    first = program(
        "first", f"import pathlib, time; time.sleep(0.5); pathlib.Path('up').touch(); {LIVES}", (tmp_path / "up").exists
    )
    second = program("second", f"import pathlib; assert pathlib.Path('up').exists(); {LIVES}")
    supervisor = watch.over(first, second)
    supervisor.start()
    time.sleep(0.3)
    supervisor.look()
    assert watch.said == []
    assert set(supervisor.pids()) == {"first", "second"}


def test_one_that_ends_at_the_start_is_said_and_ends_all(watch: Watch) -> None:
    supervisor = watch.over(program("broken", DIES, lambda: False))
    with pytest.raises(TGStudioError, match="the broken ended with code 3"):
        supervisor.start()


def test_one_that_is_killed_is_started_again(watch: Watch) -> None:
    supervisor = watch.over(program("reader", LIVES))
    supervisor.start()
    before = supervisor.pids()["reader"]
    os.kill(before, 9)
    watch.until(lambda: len(watch.said) == 2)
    assert supervisor.pids()["reader"] != before
    assert watch.said == ["the reader ended by SIGKILL; it is started again in 0.05 s", "the reader is started again"]


def test_one_that_dies_again_and_again_is_left_alone_for_a_while_and_the_others_live_on(watch: Watch) -> None:
    supervisor = watch.over(
        program("good", LIVES), program("bad", "import time; time.sleep(0.2); raise SystemExit(1)", essential=False)
    )
    supervisor.start()
    good = supervisor.pids()["good"]
    watch.until(lambda: "tried again in 1 minutes" in watch.said[-1] if watch.said else False)
    assert "the bad ended with code 1 4 times within 1 minutes" in watch.said[-1]
    assert supervisor.pids() == {"good": good}


def test_an_essential_one_that_will_not_live_ends_all(watch: Watch) -> None:
    supervisor = watch.over(program("web app", "import time; time.sleep(0.2); raise SystemExit(1)"))
    supervisor.start()
    with pytest.raises(TGStudioError, match="web app ended with code 1 4 times"):
        watch.until(lambda: False)


def test_pauses_grow_and_old_ends_are_forgotten() -> None:
    limit = Limit(restarts=5, within=600, first_pause=1, longest_pause=10)
    assert [limit.pause(n) for n in range(6)] == [1, 2, 4, 8, 10, 10]


def test_stopping_ends_the_children_of_the_processes_too(watch: Watch, tmp_path: Path) -> None:
    code = (
        "import pathlib, signal, subprocess, sys, time; signal.signal(signal.SIGINT, lambda *_: sys.exit());"
        f"child = subprocess.Popen([sys.executable, '-c', {LIVES!r}], start_new_session=True);"
        "pathlib.Path('child').write_text(str(child.pid)); time.sleep(600)"
    )
    supervisor = watch.over(
        program("parent", code, lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text() != "")
    )
    supervisor.start()
    child = int((tmp_path / "child").read_text())
    import tgstudio_dagster.operate.supervisor as module

    module_stop, module.STOP_SECONDS = module.STOP_SECONDS, 1.0
    try:
        supervisor.stop()
    finally:
        module.STOP_SECONDS = module_stop
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
