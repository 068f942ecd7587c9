"""`tgstudio evaluate topics` scores labelled posts, and says what is wrong with a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tgstudio_dagster.cli import app
from tgstudio_dagster.core.errors import SettingsError, SourceError, TGStudioError

EVENTS = {
    "bridge": "The rebuilt harbour bridge was opened to traffic by the mayor on Monday after three years of repairs",
    "chess": "The young grandmaster won the national chess championship with a queen sacrifice in the final round",
    "flood": "Heavy rain has flooded the lower town and two hundred people were taken to the school overnight",
}


def write(file: Path, **changes: object) -> Path:
    rows = [
        {
            "channel": f"channel{n}", "message_id": n, "date": f"2026-03-09T1{n}:00:00+00:00",
            "text": f"{text} ({n})", "event": name, "story": name,
        } | changes
        for name, text in EVENTS.items()
        for n in range(4)
    ]  # fmt: skip
    for number, row in enumerate(rows):
        row["message_id"] = changes.get("message_id", number)
    file.write_text("\n".join(json.dumps(row) for row in rows))
    return file


def evaluate(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["evaluate", "topics", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_events_that_are_found_score_one(tmp_path: Path) -> None:
    told = json.loads(evaluate(str(write(tmp_path / "day.jsonl")), "--json"))
    assert told["f1_strict"] == told["f1_same_story_ignored"] == told["b_cubed"] == told["ari"] == 1.0
    assert told["shipped_threshold"] in [row["threshold"] for row in told["sweep"]]


def test_a_person_gets_a_table_and_a_plot(tmp_path: Path) -> None:
    plot = tmp_path / "day.svg"
    printed = evaluate(str(write(tmp_path / "day.jsonl")), "--plot", str(plot))
    assert "f1_same_story_ignored" in printed
    assert plot.read_text().startswith("<svg")
    assert "shipped" in plot.read_text()


def test_a_history_of_the_channels_may_be_given(tmp_path: Path) -> None:
    day = write(tmp_path / "day.jsonl")
    past = write(tmp_path / "past.jsonl", date="2026-03-01T10:00:00+00:00")
    assert json.loads(evaluate(str(day), "--history", str(past), "--json"))["f1_strict"] == 1.0


def test_chosen_thresholds_are_tried(tmp_path: Path) -> None:
    day = str(write(tmp_path / "day.jsonl"))
    told = json.loads(evaluate(day, "--threshold", "0.9", "--threshold", "0.2", "--json"))
    assert [row["threshold"] for row in told["sweep"]] == [0.2, 0.9]
    with pytest.raises(SettingsError, match="between 0 and 1"):
        evaluate(day, "--threshold", "2")


def test_a_file_of_another_shape_is_named_with_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text("not json")
    with pytest.raises(SourceError, match=r"bad\.jsonl, line 1"):
        evaluate(str(file))


def test_a_plot_is_an_svg_file(tmp_path: Path) -> None:
    with pytest.raises(TGStudioError, match=r"\.svg"):
        evaluate(str(write(tmp_path / "day.jsonl")), "--plot", "day.png")
