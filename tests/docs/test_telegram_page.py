"""The page about Telegram does what it says: its sh blocks run against the test server, with an account that is paired."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer.main
from click import Command, Context, Group

from tests.cli.home import Home
from tests.docs.test_commands import blocks, run
from tests.servers.telegram import TelegramServer
from tgstudio_dagster.cli import app
from tgstudio_dagster.core.home import PROJECT

DOCUMENTS = ["README.md", "docs/operation.md", "docs/telegram.md", "docs/topics.md"]


@pytest.mark.slow
def test_the_commands_of_the_telegram_page_run(
    telegram: TelegramServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home", telegram, tenant="acme")
    for name, value in home.environment.items():
        monkeypatch.setenv(name, value)
    pavel = telegram.add_user("Pavel")
    home.pair(pavel)
    now = datetime.now(UTC)
    for name in ("durov", "telegram", "first", "my_channel"):
        channel = telegram.add_channel(name, name.title(), admins=[pavel], discussion=name == "first")
        telegram.post_many(
            channel, [f"{name} {n}" for n in range(50)], start=now - timedelta(days=5), step=timedelta(hours=2)
        )
        telegram.join(channel, pavel)
    telegram.add_folder(pavel, "News", [telegram.add_channel("worldnews", "World news")])
    (tmp_path / "channels.txt").write_text("@first  # with comments\n")
    printed = run("\n".join(blocks("docs/telegram.md")), home.folder, tmp_path, typed="y\n")
    assert "Worldnews" in printed.title().replace(" ", "")
    assert "All history that was asked for is read." in printed
    assert [message.text for message in telegram.messages("my_channel").values()][-1] == "Hello"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_that_a_page_shows_exists_with_its_options(document: str) -> None:
    lines = (PROJECT / document).read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    shown = [line.strip() for line in lines if line.strip().startswith("tgstudio ")]
    assert shown
    root = typer.main.get_command(app)
    for line in shown:
        words = shlex.split(line.replace("$(", "").split(" # ")[0], comments=True)
        _parse(root, words)


def _parse(command: Command, words: list[str]) -> None:
    """Parse as the command line does, but run nothing; raises click's UsageError."""
    name, *rest = words
    if isinstance(command, Group):
        inner = command.get_command(Context(command, info_name=name), rest[0])
        assert inner is not None, f"no command {rest[0]!r}"
        _parse(inner, rest)
    else:
        command.make_context(name, list(rest), resilient_parsing=False).close()
