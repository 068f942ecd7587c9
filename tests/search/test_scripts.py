"""Search in all scripts: combining marks, scripts without spaces, Russian nouns that endings alone don't tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import cases
from tests.search import lakes
from tests.search.lakes import ids, of_texts
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.search.find import Search


def over(name: str, folder: Path) -> Search:
    rows = cases.posts(name).to_dicts()
    return Search(lakes.materialized(Lake(str(folder / "lake")).tenant("acme"), *rows), folder / "home")


@pytest.fixture(scope="module")
def combining(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Search]:
    return over("combining", tmp_path_factory.mktemp("combining"))


@pytest.fixture(scope="module")
def nouns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Search]:
    return over("ru_stems", tmp_path_factory.mktemp("nouns"))


@pytest.mark.parametrize(
    ("query", "post"),
    [
        ("हिन्दी", 1),
        ("दिल्ली", 1),
        ("कविता", 1),
        ("#कविता", 1),
        ("വാർത്ത", 2),
        ("മലയാ*", 2),
        ("น้ำท่วม", 3),
        ("กรุงเทพมหานคร", 3),
        ("ข่าว", 3),
        ("القطار", 4),
        ("القُطار", 4),
        ("الرحمن", 4),
        ("елка", 5),
        ("ЁЛКА", 5),
        ("йод", 5),
        ("и\u0306огурт", 5),
        ("кафе", 5),
        ("שלום", 6),
        ("שָׁלוֹם", 6),
        ("هوش\u200cمصنوعی", 7),
        ("هوش مصنوعی", 7),
        ("می\u200cرود", 7),
    ],
)
def test_a_word_is_found_with_its_marks_or_without_those_people_leave_out(
    combining: Search, query: str, post: int
) -> None:
    assert ids(combining.find(query)) == [post]


@pytest.mark.parametrize("query", ["हि", "कव", "വാ", "ท่", "ל"])
def test_a_part_of_a_word_up_to_a_mark_is_not_that_word(combining: Search, query: str) -> None:
    assert not {1, 2, 6} & set(ids(combining.find(query)))


def test_the_word_is_marked_whole_in_the_snippet(combining: Search) -> None:
    hit = combining.find("दिल्ली").hits[0]
    assert [hit.snippet[start:end] for start, end in hit.marks] == ["दिल्ली"]
    hit = combining.find("น้ำท่วม").hits[0]
    assert [hit.snippet[start:end] for start, end in hit.marks] == ["น้ำท่วม"]


MUSEUM, ANDREW, SIDNEY, CHINA, TRAM = {1, 2, 3, 4, 5, 6}, {7, 8, 9}, {10, 11, 12}, {13, 14, 15}, {16, 17}


@pytest.mark.parametrize(
    ("forms", "posts"),
    [
        ("музей музея музею музеем музее музеи музеев музеям музеями музеях", MUSEUM),
        ("Андрей Андрея Андрею Андреем Андрее", ANDREW),
        ("Сидней Сиднея Сиднею Сиднеем Сиднее", SIDNEY),
        ("Китай Китая Китаю Китаем Китае", CHINA),
        ("трамвай трамвая трамваю трамваем трамвае трамваи трамваев трамваям трамваях", TRAM),
        ("идея идеи идее идею идеей идей идеям идеями идеях", {18, 19}),
        ("батарея батареи батарее батарею батареей батарей батареям батареях", {20, 21}),
        ("выборы выборов выборам выборами выборах", {25, 26}),
    ],
)
def test_every_form_of_a_noun_finds_all_its_posts(nouns: Search, forms: str, posts: set[int]) -> None:
    for form in forms.split():
        assert set(ids(nouns.find(form))) == posts, form


def test_nouns_that_look_alike_are_not_mixed_up(tmp_path: Path) -> None:
    search = of_texts(
        tmp_path, "Новый музей открыт", "Муза поэта", "Кит выбросился на берег", "Власти Китая", "Новая идея"
    )
    assert ids(search.find("музея")) == [1]
    assert ids(search.find("музы")) == [2]
    assert ids(search.find("киты")) == [3]
    assert ids(search.find("Китаю")) == [4]
    assert set(ids(search.find("новый"))) == {1, 5}
    assert ids(search.find("музей*")) == [1]


@pytest.mark.parametrize(
    ("text", "query", "other"),
    [
        ("ນໍ້າຖ້ວມນະຄອນຫຼວງວຽງຈັນ", "ນ້ຳຖ້ວມ", "ລົດໄຟລາວຈີນ"),
        ("ទឹកជំនន់នៅរាជធានីភ្នំពេញ", "ភ្នំពេញ", "តម្លៃសំបុត្ររថភ្លើង"),
        ("မိုးသည်းထန်စွာရွာ၍ရန်ကုန်မြို့ရေကြီး", "ရန်ကုန်", "ရထားလက်မှတ်ဈေးနှုန်း"),
        ("北京昨晚发生强烈地震", "地震", "铁路工人开始罢工"),
        ("東京の地下鉄が大雨で浸水した", "地下鉄", "新幹線の運賃値上げ"),
    ],
)
def test_a_word_within_a_line_without_spaces_is_found(tmp_path: Path, text: str, query: str, other: str) -> None:
    search = of_texts(tmp_path, text, other)
    assert ids(search.find(query)) == [1]
