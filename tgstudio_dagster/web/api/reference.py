"""Writes `docs/api.md`, the reference of the REST interface.

python -m tgstudio_dagster.web.api.reference docs/api.md
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from tgstudio_dagster import __version__
from tgstudio_dagster.web import api
from tgstudio_dagster.web.api import spec
from tgstudio_dagster.web.api.rendering import markdown
from tgstudio_dagster.web.auth import routes as auth


def description() -> dict[str, Any]:
    """What the interface says of itself, without an app at work."""
    app = FastAPI(title="TG Studio", version=__version__)
    app.include_router(auth.router)
    app.include_router(api.router)
    return spec.describe(app)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(markdown(description()), encoding="utf-8")
