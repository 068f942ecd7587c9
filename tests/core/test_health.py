"""A process that lives says over HTTP whether it is well and what it has counted."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2

from tgstudio_dagster.core.health import Health


def _ask(path: str, *, well: bool = True) -> httpx2.Response:
    def state() -> tuple[bool, dict[str, Any]]:
        return well, {"status": "reading"}

    async def go() -> httpx2.Response:
        health = Health(state)
        port = await health.start("127.0.0.1", 0)
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"http://127.0.0.1:{port}{path}")
        await health.stop()
        return answer

    return asyncio.run(go())


def test_one_that_is_well_says_what_it_is_at() -> None:
    answer = _ask("/healthz?verbose")
    assert (answer.status_code, json.loads(answer.text)) == (200, {"status": "reading"})


def test_one_that_is_stuck_says_so_by_its_status() -> None:
    assert _ask("/healthz", well=False).status_code == 503


def test_metrics_are_prometheus_s_text() -> None:
    answer = _ask("/metrics")
    assert answer.status_code == 200 and "# TYPE" in answer.text


def test_nothing_else_is_there() -> None:
    assert _ask("/").status_code == 404
