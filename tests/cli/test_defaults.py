"""What a terminal user need not type, how help is grouped, whose zone times are in, and files that can't be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.services.conftest import desk as desk
from tests.services.desk import Desk
from tgstudio_dagster.catalog.people.tenants import put_settings, tenant_settings
from tgstudio_dagster.cli import app
from tgstudio_dagster.core.errors import SettingsError, SourceError
from tgstudio_dagster.core.settings import Settings, settings, web_settings
from tgstudio_dagster.operate.doctor import examine
from tgstudio_dagster.operate.standing import FILE, noted, ports_of_up


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TGSTUDIO_HOME", str(tmp_path))
    monkeypatch.delenv("TGSTUDIO_TENANT", raising=False)
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_the_variable_names_the_tenant(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TGSTUDIO_TENANT", "acme")
    result = CliRunner().invoke(app, ["rules"])
    assert result.exit_code == 0, result.output


def test_of_several_tenants_one_must_be_named(desk: Desk) -> None:
    error = CliRunner().invoke(app, ["rules"]).exception
    assert isinstance(error, SettingsError)
    assert "acme, bravo" in str(error) and "TGSTUDIO_TENANT" in str(error)


def test_the_only_tenant_need_not_be_named(desk: Desk) -> None:
    from tgstudio_dagster.catalog.people.tenants import delete_tenant

    delete_tenant(desk.catalog, "bravo")
    result = CliRunner().invoke(app, ["rules", "--json"])
    assert result.exit_code == 0 and json.loads(result.output) == []


def test_help_lists_the_commands_in_groups() -> None:
    said = CliRunner().invoke(app, ["--help"]).output
    places = [said.index(f"─ {name} ─") for name in ("Start", "Bring posts in", "Look", "Make", "Operate")]
    assert places == sorted(places)
    assert "─ Commands ─" not in said


@pytest.mark.parametrize("kind", ["missing", "folder", "binary"])
def test_a_text_that_cannot_be_read_is_one_sentence(desk: Desk, tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    if kind == "folder":
        path.mkdir()
    elif kind == "binary":
        path.write_bytes(b"\xff\xfe\x00")
    error = CliRunner().invoke(app, ["edit", "o-tg", "--text", str(path), "--tenant", "acme"]).exception
    assert isinstance(error, SourceError) and str(path) in str(error)


def test_times_are_in_the_tenant_s_zone_and_say_so(desk: Desk) -> None:
    zone = tenant_settings(desk.catalog, "acme").model_copy(update={"time_zone": "Asia/Tokyo"})
    put_settings(desk.catalog, "acme", zone)
    said = CliRunner().invoke(app, ["feed", "--tenant", "acme"]).output
    newest = desk.studio().posts.rows(limit=1)["date"][0]
    assert "date (Asia/Tokyo)" in said
    assert f"{newest.astimezone(zone.zone):%Y-%m-%d %H:%M}" in said and f"{newest:%Y-%m-%d %H:%M}" not in said


def test_the_doctor_finds_an_up_on_other_ports(tmp_path: Path) -> None:
    import socket

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        opened = Settings(home=tmp_path)
        assert port != web_settings().port
        with noted(opened, {"TGSTUDIO_WEB_PORT": port}):
            found = next(finding for finding in examine(opened) if finding.what == "web app")
            assert (found.status, found.detail) == ("ok", f"answers at http://127.0.0.1:{port}")
    assert not (tmp_path / FILE).exists() and ports_of_up(opened) == {}


@pytest.mark.parametrize("note", ["", "[]", '{"pid": 1}', '{"pid": 999999999, "ports": {"TGSTUDIO_WEB_PORT": 1}}'])
def test_a_note_that_a_killed_up_left_is_no_up(tmp_path: Path, note: str) -> None:
    (tmp_path / FILE).write_text(note, encoding="utf-8")
    assert ports_of_up(Settings(home=tmp_path)) == {}
