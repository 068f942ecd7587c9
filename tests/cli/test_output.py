"""What a post says is printed as it stands, whatever signs it holds."""

from __future__ import annotations

import pytest
from rich.console import Console

from tgstudio_dagster.cli import output


@pytest.mark.parametrize("text", ["[/red] breaking", "pip install 'tgstudio[ml]'", "[bold]no[/bold]", "[unclosed"])
def test_brackets_in_a_cell_are_text_and_not_markup(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(width=120, record=True, quiet=False)
    monkeypatch.setattr(output, "console", console)
    output.print_table(["text"], [[text]])
    assert text in console.export_text()
