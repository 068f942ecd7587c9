"""The REST description as a site serves it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.web.site import Site


def served(folder: Path) -> str:
    """`/v1/openapi.json` of a site over a new home in this folder, in the order in which it is served."""
    with Site(folder) as site:
        answer = site.nobody().get("/v1/openapi.json")
        assert answer.status_code == 200, answer.text
        return json.dumps(answer.json(), ensure_ascii=False, indent=1) + "\n"
