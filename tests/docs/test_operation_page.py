"""The page about operation names every variable that the machine and its web app read, and no other."""

from __future__ import annotations

import re

from tgstudio_dagster.core.home import PROJECT
from tgstudio_dagster.core.settings import ReaderSettings, Settings, WebSettings


def test_every_variable_is_told_of() -> None:
    page = (PROJECT / "docs" / "operation.md").read_text(encoding="utf-8")
    read = {
        f"{model.model_config.get('env_prefix')}{field}".upper()
        for model in (Settings, WebSettings, ReaderSettings)
        for field in model.model_fields
    }
    assert read == {name.rstrip("_") for name in re.findall(r"TGSTUDIO_\w+", page)} - {
        "TGSTUDIO_WEB",
        "TGSTUDIO_TENANT",
    }
