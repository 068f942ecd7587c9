"""Orders, edits, rules and usage from the command line, in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.services.conftest import desk as desk
from tests.services.desk import DAY, NOW, TOPIC, Desk
from tgstudio_dagster.catalog.work.orders import get_order
from tgstudio_dagster.cli import app
from tgstudio_dagster.core.errors import TGStudioError
from tgstudio_dagster.core.settings import settings


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TGSTUDIO_HOME", str(tmp_path))
    settings.cache_clear()
    yield
    settings.cache_clear()


def run(*arguments: str) -> str:
    """What the command prints; raises the error it ends with."""
    result = CliRunner().invoke(app, [*arguments, "--tenant", "acme"])
    if isinstance(result.exception, TGStudioError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def told(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def test_an_order_of_chosen_posts_waits_with_its_goal_and_is_cancelled(desk: Desk) -> None:
    made = told("order", "--messages", "1/10,3/5", "--goal", "text", "--day", str(DAY), "--queue")
    order = get_order(desk.catalog, "acme", made["order"])
    assert (order.messages, order.goal, order.topic_id) == ([[1, 10], [3, 5]], "text", None)
    assert "2 messages" in run("orders")
    assert told("cancel", order.id)["status"] == "cancelled"
    assert told("orders")[0]["status"] == "cancelled"


def test_a_post_that_is_none_is_refused_before_anything_is_ordered(desk: Desk) -> None:
    result = CliRunner().invoke(app, ["order", "--messages", "nonsense", "--tenant", "acme", "--queue"])
    assert result.exit_code == 2
    assert desk.studio().orders.all() == []


def test_an_edit_keeps_a_version_that_packages_show(desk: Desk, tmp_path: Path) -> None:
    order = desk.studio().orders.request(TOPIC, now=NOW)
    desk.fulfil(order.id)
    (tmp_path / "mine.txt").write_text("Моя версия\n", encoding="utf-8")
    kept = told("edit", f"{order.id}-tg", "--text", str(tmp_path / "mine.txt"), "--hashtags", "метро,город")
    assert (kept["edit"], kept["count"]) == (1, len("Моя версия\n\n#метро #город"))
    texts = {row["platform"]: row["text"] for row in told("packages", "--order", order.id)}
    assert texts["tg"] == "Моя версия\n\n#метро #город"


def test_rules_are_added_listed_and_ended(desk: Desk) -> None:
    (rule,) = told("rules", "--add", "Lead", "--max-rank", "1")
    assert (rule["name"], rule["max_rank"], rule["enabled"]) == ("Lead", 1, True)
    assert "max_rank 1" in run("rules")
    assert told("rules", "--delete", rule["id"]) == []
    assert CliRunner().invoke(app, ["rules", "--add", "No threshold", "--tenant", "acme"]).exit_code == 2


def test_usage_shows_limits_and_what_is_used_of_them(desk: Desk) -> None:
    used = told("usage", "--days", "1")
    assert (used["plan"], used["orders"]) == ("free", 0)
    assert "orders_per_day" in run("usage")
