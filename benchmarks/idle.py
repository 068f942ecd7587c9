"""What `tgstudio up` costs while nothing happens: CPU and memory of all its processes, untouched for so many seconds.

    python -m benchmarks.idle HOME [SECONDS]

HOME is a home that `tgstudio demo` has filled. CPU is the user and system time of the whole tree, in percent of one core;
memory is USS, what each process has for itself alone (pages that are shared are counted nowhere), and PSS, where they are
shared out. The first minute is left out: caches fill, and Dagster's first ticks load what they need.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict

import psutil

WARM_SECONDS = 60
COMMAND = [sys.executable, "-c", "from tgstudio_dagster.cli import main; main()", "up"]


def main(home: str, seconds: float = 300) -> None:
    """Start `up`, wait, measure, print."""
    environment = os.environ | {"TGSTUDIO_HOME": home, "PYTHONUNBUFFERED": "1"}
    for name in ("DAGSTER", "WEB", "READER"):
        environment[f"TGSTUDIO_{name}_PORT"] = str(_free_port())
    up = subprocess.Popen(COMMAND, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert up.stdout is not None
        for line in up.stdout:
            if "Ctrl-C" in line:
                break
        time.sleep(WARM_SECONDS)
        before, began = _times(up.pid), time.monotonic()
        time.sleep(seconds)
        after, passed = _times(up.pid), time.monotonic() - began
        _print(up.pid, before, after, passed)
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait(60)


def _print(pid: int, before: dict[int, float], after: dict[int, float], passed: float) -> None:
    spent: defaultdict[str, float] = defaultdict(float)
    uss: defaultdict[str, float] = defaultdict(float)
    pss = 0.0
    for process in _tree(pid):
        name = _name(process)
        spent[name] += after.get(process.pid, 0.0) - before.get(process.pid, 0.0)
        memory = process.memory_full_info()
        uss[name] += memory.uss / 1e6
        pss += memory.pss / 1e6
    for name in sorted(spent, key=lambda name: -spent[name]):
        print(f"{name:24} {100 * spent[name] / passed:6.2f} %  {uss[name]:7.0f} MB USS")
    total = 100 * sum(spent.values()) / passed
    print(f"{'together':24} {total:6.2f} %  {sum(uss.values()):7.0f} MB USS, {pss:.0f} MB PSS, over {passed:.0f} s")


def _tree(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def _times(pid: int) -> dict[int, float]:
    return {process.pid: sum(process.cpu_times()[:2]) for process in _tree(pid)}


def _name(process: psutil.Process) -> str:
    words = process.cmdline()
    return next((word for word in words if word.startswith(("tgstudio_dagster.", "dagster"))), "up")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main(sys.argv[1], *map(float, sys.argv[2:3]))
