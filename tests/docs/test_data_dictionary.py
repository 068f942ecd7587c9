"""The data dictionary says what the contracts say."""

from __future__ import annotations

from tgstudio_dagster.core.home import PROJECT
from tgstudio_dagster.lake.dictionary import markdown


def test_the_data_dictionary_is_made_from_the_contracts() -> None:
    written = (PROJECT / "docs" / "data-dictionary.md").read_text(encoding="utf-8")
    assert written == markdown(), "run: python -m tgstudio_dagster.lake.dictionary docs/data-dictionary.md"
