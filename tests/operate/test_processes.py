"""The processes that `up` keeps alive: the studio's own, and those of capabilities."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tgstudio_dagster import capabilities
from tgstudio_dagster.capabilities import Capability
from tgstudio_dagster.core.settings import ReaderSettings, Settings, WebSettings
from tgstudio_dagster.operate.processes import Places, programs


def places(folder: Path) -> Places:
    return Places(
        Settings(home=folder), WebSettings(), ReaderSettings(), folder / "code.socket", folder / "workspace.yaml"
    )


def test_only_the_web_app_is_essential(tmp_path: Path) -> None:
    own = programs(places(tmp_path))
    assert [program.name for program in own if program.essential] == ["web app"]
    assert [program.name for program in own if program.awaited] == ["code server", "web server of Dagster", "daemon"]


def test_a_capability_s_process_is_kept_alive_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Capability(name="desk", about="A desk.", processes={"desk bot": "desk.bot"})
    monkeypatch.setattr(capabilities, "OWN", (*capabilities.OWN, desk))
    capabilities.capabilities.cache_clear()
    try:
        last = programs(places(tmp_path))[-1]
    finally:
        monkeypatch.undo()
        capabilities.capabilities.cache_clear()
    assert (last.name, last.command) == ("desk bot", (sys.executable, "-m", "desk.bot"))
    assert not last.essential and not last.awaited
