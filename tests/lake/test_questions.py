"""Questions in SQL over frames."""

from __future__ import annotations

import pytest

from tgstudio_dagster.core.errors import QueryError
from tgstudio_dagster.lake.questions import ask


def test_a_question_that_fails_is_an_error_that_names_its_file() -> None:
    with pytest.raises(QueryError, match=r"sql/topics\.sql: .*topics"):
        ask("topics", {}, {"limit": 1})
