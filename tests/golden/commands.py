"""What `tgstudio` prints: the help of every command, and the reading commands in the demo's home."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from tests.golden.names import ESCAPE, plain_text
from tests.servers.ready import COMMAND, ready_python

_SECTION = re.compile(r"^╭─ (?!Options|Arguments)[\w ]+ ─+╮\n(.*?)^╰", re.MULTILINE | re.DOTALL)
"""A group of commands."""
_NAME = re.compile(r"^│ ([a-z][a-z-]*)  ", re.MULTILINE)
_DAY_AND_TIME = re.compile(r"\b\d\d\.\d\d \d\d:\d\d\b")

READING = """
feed --json --limit 3
feed --lang ru --type photo --limit 5
feed --channel tehnoblok --word lumera --limit 5
feed --from 2026-03-10 --to 2026-03-11 --json --limit 2
top
top --window 7d --explain
top --window 7d --json --limit 5
top --by message --window 7d
top --by message --window 24h --json --limit 3
top --day 2026-03-12 --ids
top --as-of 2026-03-14T12:00 --json --limit 3
topics
topics --json --limit 5
topics --changes --json
topics --as-of 2026-03-14T12:00
topics {topic}
topics {topic} --json
topic {topic}
topic {topic} --json
rank-diff --from 2026-03-14 --to 2026-03-15 --set views=.2
rank-diff --json --limit 3
search Lumera
search "прошивка нагрев" --by meaning --limit 3
search "Lumera 9" --json --limit 3 --channel tehnoblok
sql "select name, list_zip(column_names, column_types)::varchar columns from (show all tables) order by name" --json
sql "select day, channel, posts from channel_days order by all limit 20"
sql "select type, count(*) posts, sum(views) views from messages group by all order by all" --json
orders
orders --ids
orders --json
packages
packages --ids
packages --json
explain {package}
explain {package} --json
rules
rules --json
imports --json
subscriptions
accounts
tenant settings
tenant plan
"""
"""Commands as a person types them in the demo's home, but for `--tenant demo`; {topic} is the first one of 7 days."""


def help_text() -> str:
    """`--help` of every command, each below its name, at a width of 100 and without colours."""
    environment = os.environ | {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb", "PYTHONUTF8": "1"}
    return "\n".join(f"## {' '.join(('tgstudio', *path))}\n{text}" for path, text in _helps((), environment))


def demo_text(home: Path) -> str:
    """What each reading command prints in a copy of the demo's home, without what differs from run to run."""
    environment = os.environ | {"TGSTUDIO_HOME": str(home), "PYTHONUTF8": "1", "NO_COLOR": "1", "COLUMNS": "180"}

    def run(line: str) -> str:
        return _run(shlex.split(line), environment)

    topic = run("top --tenant demo --window 7d --ids --limit 1").strip()
    package = run("packages --tenant demo --ids").split()[0]
    parts = []
    for line in READING.strip().splitlines():
        command = line.format(topic=topic, package=package)
        words = command.split(" ", 1)
        named = f"{command} demo" if words[0] == "tenant" else f"{command} --tenant demo"
        text = run(named)
        if command == "packages":
            text = _DAY_AND_TIME.sub("dd.mm HH:MM", text)  # when to post is counted from the order's moment
        parts.append(f"## {named}\n{text}")
    return plain_text("\n".join(parts), home=str(home))


def _helps(path: tuple[str, ...], environment: dict[str, str]) -> Iterator[tuple[tuple[str, ...], str]]:
    text = "\n".join(line.rstrip() for line in ESCAPE.sub("", _run([*path, "--help"], environment)).splitlines()) + "\n"
    yield path, text
    for section in _SECTION.findall(text):
        for name in _NAME.findall(section):
            yield from _helps((*path, name), environment)


def _run(arguments: list[str], environment: dict[str, str]) -> str:
    process = ready_python().start(COMMAND, *arguments, env=environment)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, f"tgstudio {shlex.join(arguments)}: {err[-3000:]}"
    return out
