"""Searching by words: what is found, in what order, page by page, and what is said of days that were not searched."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests import builders
from tests.search import lakes
from tests.search.lakes import DAY, ids, of_texts
from tgstudio_dagster.core.errors import NotFoundError, QueryError
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.lake.tables.search import SEARCH_INDEX
from tgstudio_dagster.search.build import index_day
from tgstudio_dagster.search.find import Search


def test_a_post_must_hold_every_word_in_whatever_form(tmp_path: Path) -> None:
    search = of_texts(
        tmp_path, "Президент подписал закон", "Закон принят", "The presidents signed", "Президенту ЗАКОНЫ"
    )
    assert set(ids(search.find("президента законом"))) == {1, 4}
    assert ids(search.find("president sign")) == [3]
    assert search.find("нигде").hits == []


def test_case_yo_and_emoji_make_no_difference(tmp_path: Path) -> None:
    search = of_texts(tmp_path, "🔥ЁЛКА🔥 на площади", "другое")
    assert ids(search.find("елка")) == ids(search.find("Ёлку 🎄")) == [1]


def test_a_phrase_needs_its_words_in_a_row(tmp_path: Path) -> None:
    search = of_texts(tmp_path, "закон о бюджете принят", "бюджет и закон о чтении", "закон нового бюджета")
    assert ids(search.find('"закон о бюджете"')) == [1]
    assert len(search.find("закон о бюджете").hits) == 3


def test_a_word_can_be_left_out_and_a_beginning_be_asked_for(tmp_path: Path) -> None:
    search = of_texts(tmp_path, "президент и реклама", "президиум", "преграда", "Президентский указ")
    assert set(ids(search.find("прези*"))) == {1, 2, 4}
    assert set(ids(search.find("прези* -реклама"))) == {2, 4}
    assert set(ids(search.find("президента*"))) == {1}
    assert ids(search.find('прези* -"президентский указ" -реклама')) == [2]


def test_only_stop_words_are_looked_for_as_they_are(tmp_path: Path) -> None:
    assert ids(of_texts(tmp_path, "быть или не быть", "закон").find("или не")) == [1]


def test_other_languages_are_found_by_their_plain_words(tmp_path: Path) -> None:
    search = of_texts(tmp_path, "北京今天下雨", "Καλημέρα κόσμε", "שלום עולם", "हिन्दी समाचार")
    assert [ids(search.find(word)) for word in ("北京", "ΚΌΣΜΕ", "עולם", "हिन्दी")] == [[1], [2], [3], [4]]


def test_a_rarer_and_more_frequent_word_ranks_higher_and_the_newer_of_equals_is_first(tmp_path: Path) -> None:
    search = of_texts(tmp_path, *(["закон города"] * 3), "закон закон", *(["прочее слово"] * 20))
    assert ids(search.find("закон")) == [4, 3, 2, 1]


def test_days_channels_and_languages_narrow_what_is_found(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"text": "закон", "channel_id": 1, "channel": "News", "lang": "ru"},
        {"text": "закон", "channel_id": 2, "channel": None, "lang": "bg", "date": builders.FIRST + timedelta(days=1)},
        {"text": "закон", "channel_id": 3, "lang": "ru", "date": builders.FIRST + timedelta(days=2)},
    ]
    search = Search(lakes.materialized(Lake(str(tmp_path)).tenant("acme"), *rows), tmp_path / "home")
    assert ids(search.find("закон")) == [3, 2, 1]
    assert ids(search.find("закон", first=DAY + timedelta(1))) == [3, 2]
    assert ids(search.find("закон", last=DAY + timedelta(1))) == [2, 1]
    assert ids(search.find("закон", first=DAY + timedelta(1), last=DAY + timedelta(1))) == [2]
    assert ids(search.find("закон", channels=["@NEWS", "2"])) == [2, 1]
    assert ids(search.find("закон", langs=["RU"], channels=["3", "2"])) == [3]
    with pytest.raises(NotFoundError, match="channel nowhere: no post of it is indexed"):
        search.find("закон", channels=["nowhere"])
    with pytest.raises(QueryError, match="is after"):
        search.find("закон", first=DAY, last=date(2020, 1, 1))


def test_deleted_posts_and_comments_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"text": "закон", "deleted_at": builders.FIRST},
        {"text": "закон", "comment_on": 7, "comment_channel": 1},
        {"text": "закон"},
    ]
    search = Search(lakes.materialized(Lake(str(tmp_path)).tenant("acme"), *rows), tmp_path / "home")
    assert ids(search.find("закон")) == [3]
    assert ids(search.find("закон", deleted=True)) == [3, 1]
    assert ids(search.find("закон", comments=True)) == [3, 2]


def test_a_hit_has_its_place_its_link_and_the_words_marked(tmp_path: Path) -> None:
    hit = of_texts(tmp_path, "Новый закон\nо законах").find("закон").hits[0]
    assert (hit.channel_id, hit.channel, hit.date, hit.lang) == (1001, "channel1001", builders.FIRST, "en")
    assert hit.url == "https://t.me/channel1001/1"
    assert [hit.snippet[start:end] for start, end in hit.marks] == ["закон", "законах"]


def test_pages_follow_one_another_without_gap_or_repetition(tmp_path: Path) -> None:
    search = of_texts(tmp_path, *(["закон"] * 25))
    seen_ids: list[int] = []
    page = search.find("закон", limit=10)
    while True:
        seen_ids += ids(page)
        if page.cursor is None:
            break
        page = search.find("закон", limit=10, cursor=page.cursor)
    assert (seen_ids, page.total) == (list(range(25, 0, -1)), 25)


@pytest.mark.parametrize("cursor", ["", "x", "10-000000000000", "-1-abc", "٣-abc", "10" * 50])
def test_a_cursor_of_another_query_is_refused(tmp_path: Path, cursor: str) -> None:
    with pytest.raises(QueryError, match="cursor: it is of another query"):
        of_texts(tmp_path, "закон").find("закон", cursor=cursor)


def test_a_page_too_large_or_too_far_is_refused(tmp_path: Path) -> None:
    search = of_texts(tmp_path, *(["закон"] * 3))
    cursor = search.find("закон", limit=1).cursor
    assert cursor is not None
    with pytest.raises(QueryError, match="narrow the query"):
        search.find("закон", limit=1, cursor=cursor.replace("1-", "10000-", 1))
    for limit in (0, 101):
        with pytest.raises(QueryError, match="a page has 1 to 100 posts"):
            search.find("закон", limit=limit)


@pytest.mark.parametrize(
    "text",
    ["words:закон", "закон AND (", "закон^2 ~", "[закон TO x]", "'; DROP TABLE x; -- закон", "закон\\", "закон\x00"],
)
def test_syntax_of_other_engines_does_no_harm(tmp_path: Path, text: str) -> None:
    of_texts(tmp_path, "закон").find(text)


def test_an_edit_and_a_deletion_are_seen_by_the_next_search(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path)).tenant("acme")
    search = Search(lakes.materialized(lake, {"text": "закон"}, {"text": "бюджет"}), tmp_path / "home")
    assert ids(search.find("закон")) == [1]
    lakes.materialized(lake, {"text": "поправка"}, {"text": "бюджет", "deleted_at": builders.FIRST})
    assert search.find("закон").hits == search.find("бюджет").hits == []
    assert ids(search.find("поправка")) == [1]


def test_days_without_an_index_and_with_an_older_one_are_said(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path)).tenant("acme")
    search = Search(lake, tmp_path / "home")
    assert (search.find("закон").hits, search.find("закон").gaps.missing) == ([], ())
    messages = builders.messages({"text": "закон"})
    lake.write(MESSAGES, messages, day=DAY)
    page = search.find("закон")
    assert (page.hits, page.gaps.missing) == ([], (DAY,))
    lake.write(SEARCH_INDEX, index_day(messages), day=DAY)
    assert search.find("закон").gaps.missing == search.find("закон").gaps.behind == ()
    lake.write(MESSAGES, messages, day=DAY)
    page = search.find("закон")
    assert (ids(page), page.gaps.behind) == ([1], (DAY,))


def test_a_tenants_copy_holds_its_own_posts_alone(tmp_path: Path) -> None:
    own, two = of_texts(tmp_path, "закон", tenant="one"), of_texts(tmp_path, "бюджет", tenant="two")
    assert (ids(own.find("закон")), ids(two.find("бюджет"))) == ([1], [1])
    assert own.find("бюджет").hits == two.find("закон").hits == []
    assert {path.parent.name for path in (tmp_path / "home").rglob("words")} == {"tenant=one", "tenant=two"}


def test_two_lakes_in_one_home_are_kept_apart(tmp_path: Path) -> None:
    for name in ("first", "second"):
        lake = lakes.materialized(Lake(str(tmp_path / name)).tenant("acme"), {"text": f"закон {name}"})
        assert [hit.snippet for hit in Search(lake, tmp_path / "home").find("закон").hits] == [f"закон {name}"]


def test_an_answer_can_be_written_as_json(tmp_path: Path) -> None:
    page = json.loads(json.dumps(of_texts(tmp_path, "закон").find("закон").as_json()))
    assert page["hits"][0]["date"] == "2026-03-09T12:00:00Z"
    assert page["gaps"] == {"missing": [], "behind": [], "damaged": {}}
