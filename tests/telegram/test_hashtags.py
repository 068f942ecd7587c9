"""Hashtags of imported posts in all scripts."""

from __future__ import annotations

from tests.cases import CASES
from tests.telegram.conftest import Desk
from tgstudio_dagster.posts import normalize


def test_a_hashtag_goes_on_through_marks_and_joiners(desk: Desk) -> None:
    desk.load(CASES / "combining" / "result.json")
    assert dict(desk.rows().select("msg_id", "hashtags").iter_rows()) == {
        1: ["कविता", "हिन्दी_समाचार"],
        2: ["കവിത"],
        3: ["ข่าววันนี้"],
        4: ["القُطار"],
        5: [],
        6: [],
        7: ["هوش\u200cمصنوعی"],
    }


def test_a_hashtag_is_composed_and_ends_where_telegram_ends_it() -> None:
    tags, _, _ = normalize.found_in("#и\u0306од, #музей\u200d #col·lecció #2024год a#b और#हिन्दी हि#न #123 #под-раз")
    assert tags == ["йод", "музей", "col·lecció", "2024год", "под"]
    assert normalize.hashtag("#И\u0306ОД@kanal") == "йод"
