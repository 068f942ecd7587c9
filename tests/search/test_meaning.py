"""Searching by meaning: with related words where there is no model, by the nearest vectors where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests import builders
from tests.search import lakes
from tests.search.lakes import ids, of_texts
from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.posts import CHANNEL_LINES
from tgstudio_dagster.search.find import Search
from tgstudio_dagster.search.index import Filter
from tgstudio_dagster.search.vectors import VectorIndex
from tgstudio_dagster.topics.footers import count_lines

QUAKE = [
    "Землетрясение в Турции: эпицентр у Измира",
    "Землетрясение и подземные толчки разрушили дома у Измира",
    "Подземные толчки землетрясения: эпицентр под городом",
]
OTHER = [f"Рынок акций вырос на {n} процентов за неделю" for n in range(30)]


def test_a_post_that_tells_it_in_related_words_is_found(tmp_path: Path) -> None:
    search = of_texts(tmp_path, *QUAKE, "Подземные толчки ощутили жители Измира", *OTHER)
    assert 4 not in ids(search.find("землетрясение"))
    page = search.find("землетрясение", by="meaning")
    assert set(ids(page)[:4]) == {1, 2, 3, 4}
    assert {"толчки", "измира"} <= set(page.related)
    assert all(word in " ".join(QUAKE).lower().replace(":", "").split() for word in page.related)
    assert page.method == "related words"


def test_what_no_post_joins_stays_unfound_without_a_model(tmp_path: Path) -> None:
    search = of_texts(tmp_path, *QUAKE, "Earthquake hits Izmir", "Сейсмическая активность растёт", *OTHER)
    assert not {4, 5} & set(ids(search.find("землетрясение", by="meaning")))


def test_meaning_needs_one_of_the_words_and_leaves_out_what_words_leave_out(tmp_path: Path) -> None:
    search = of_texts(tmp_path, *QUAKE, *OTHER)
    assert set(ids(search.find("землетрясение вулкан", by="meaning"))) == {1, 2, 3}
    assert 2 not in ids(search.find("землетрясение -разрушили", by="meaning"))
    assert search.find("вулкан", by="meaning").hits == []


def test_meaning_takes_a_whole_post_and_beginnings_and_phrases(tmp_path: Path) -> None:
    search = of_texts(tmp_path, *QUAKE, *OTHER)
    assert ids(search.find("\n".join(QUAKE), by="meaning"))[0] in {1, 2, 3}
    assert set(ids(search.find("землетр*", by="meaning"))) == {1, 2, 3}
    assert ids(search.find('"подземные толчки землетрясения"', by="meaning"))[0] == 3


def test_words_that_stand_everywhere_are_not_related(tmp_path: Path) -> None:
    footer = "Подписаться на канал"
    search = of_texts(tmp_path, *(f"{text} {footer}" for text in [*QUAKE, *OTHER, *OTHER]))
    assert not {"подписаться", "канал"} & set(search.find("землетрясение", by="meaning").related)


@dataclass
class Asks:
    """A model that gives every query one vector and keeps what it was asked."""

    vector: tuple[float, ...]
    asked: list[str] = field(default_factory=list)
    model: str = "model"

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        return np.array([self.vector for _ in texts], np.float32)


def dense_search(folder: Path, *vector: float, days: int = 1, encoder: Asks | None = None) -> Search:
    """Posts on three axes, the same every day, with vectors of three values; `vector` is every query's."""
    vectors = [[1.0, 0.0, 0.1], [0.0, 1.0, 0.1], [0.7, 0.7, 0.1]]
    lake = Lake(str(folder / "lake")).tenant("acme")
    for n in range(days):
        rows = [
            {"msg_id": 10 * n + k, "text": text, "lang": lang, "date": builders.FIRST + timedelta(days=n, minutes=k)}
            for k, (text, lang) in enumerate([("закон", "ru"), ("rain", "en"), ("закон и дождь", "ru")])
        ]
        lakes.materialized(lake, *rows, embeddings=lakes.dense(builders.messages(*rows), vectors))
    return Search(lake, folder / "home", encoder or Asks(vector))


def test_the_nearest_vectors_are_found_whatever_their_words(tmp_path: Path) -> None:
    search = dense_search(tmp_path, 1, 0.1, 0)
    page = search.find("law", by="meaning")
    assert (ids(page), page.method, page.total) == ([0, 2, 1], "model", None)
    assert page.hits[0].score == pytest.approx(0.99, abs=0.02)
    assert ids(search.find("law", by="meaning", langs=["en"])) == [1]


def test_nearest_vectors_are_paged_and_narrowed_by_days(tmp_path: Path) -> None:
    search = dense_search(tmp_path, 1, 0, 0, days=3)
    seen_ids: list[int] = []
    cursor = None
    while True:
        page = search.find("law", by="meaning", limit=2, cursor=cursor)
        seen_ids += ids(page)
        cursor = page.cursor
        if cursor is None:
            break
    assert sorted(seen_ids) == [0, 1, 2, 10, 11, 12, 20, 21, 22] and seen_ids[:3] == [20, 10, 0]
    assert set(ids(search.find("law", by="meaning", first=lakes.DAY + timedelta(2)))) == {20, 21, 22}


def test_what_is_left_out_is_left_out_of_the_nearest_and_no_part_of_the_question(tmp_path: Path) -> None:
    encoder = Asks((1, 0.1, 0))
    search = dense_search(tmp_path, encoder=encoder)
    assert ids(search.find('new* "law of" -дожди', by="meaning")) == [0, 1]
    assert encoder.asked == ["new law of"]


def test_searching_by_words_asks_no_model(tmp_path: Path) -> None:
    encoder = Asks((1, 0, 0))
    assert ids(dense_search(tmp_path, encoder=encoder).find("дождь")) == [2]
    assert encoder.asked == []


def test_a_model_without_vectors_is_a_clear_error(tmp_path: Path) -> None:
    lake = lakes.materialized(Lake(str(tmp_path / "lake")).tenant("acme"), {"text": "закон"})
    with pytest.raises(NotFoundError, match="model: no day has vectors of it"):
        Search(lake, tmp_path / "home", Asks((1, 0, 0))).find("закон", by="meaning")


def test_damaged_vectors_are_made_anew(tmp_path: Path) -> None:
    assert len(dense_search(tmp_path, 1, 0, 0).find("law", by="meaning").hits) == 3
    for path in (tmp_path / "home").rglob("vectors.npy"):
        path.write_bytes(b"garbage")
    search = Search(Lake(str(tmp_path / "lake")).tenant("acme"), tmp_path / "home", Asks((1, 0, 0)))
    assert len(search.find("law", by="meaning").hits) == 3


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_among_few_vectors_the_nearest_are_exactly_those(
    tmp_path_factory: pytest.TempPathFactory, count: int, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    vectors = chance.normal(size=(count, 70)).astype(np.float32) + 3
    messages = builders.messages(*({"text": f"w{n}"} for n in range(count)))
    index = VectorIndex(tmp_path_factory.mktemp("vectors"))
    rows = lakes.index_day(messages, lakes.dense(messages, vectors.tolist()))
    index.replace_day(lakes.DAY, rows)
    query = chance.normal(size=70).astype(np.float32) + 3
    cosines = vectors @ query / np.linalg.norm(vectors, axis=1) / np.linalg.norm(query)
    nearest = index.nearest("model", query, Filter(), count)
    assert {msg for _, msg, _ in nearest} == set(range(1, count + 1))
    assert [score for *_, score in nearest] == pytest.approx([cosines[msg - 1] for _, msg, _ in nearest], abs=0.01)


FOOTER = "Наш сайт Новости-24 и эфир радиостанции"


def test_related_words_never_come_from_lines_that_a_channel_repeats(tmp_path: Path) -> None:
    said = [f"{text}\n{FOOTER}" for text in QUAKE]
    related = of_texts(tmp_path, *said, *OTHER).find("землетрясение", by="meaning").related
    assert {"толчки", "измира"} <= set(related)
    assert not {"сайт", "эфир", "радиостанции", "новости"} & set(related)


def test_lines_that_each_of_several_channels_repeats_teach_nothing_either(tmp_path: Path) -> None:
    rows = [{"channel_id": n, "text": f"{text}\n{FOOTER}"} for n, text in enumerate(QUAKE, 1)]
    rows += [{"channel_id": n, "text": f"{text}\n{FOOTER}"} for n in (1, 2, 3) for text in OTHER[:5]]
    lake = lakes.materialized(Lake(str(tmp_path / "lake")).tenant("acme"), *rows, *({"text": text} for text in OTHER))
    messages = builders.messages(*rows)
    lake.write(CHANNEL_LINES, count_lines(messages), day=lakes.DAY)
    search = Search(lake, tmp_path / "home")
    assert not {"сайт", "эфир", "радиостанции", "новости"} & set(search.find("землетрясение", by="meaning").related)


def test_calls_to_subscribe_teach_nothing(tmp_path: Path) -> None:
    rows = [{"channel_id": n, "text": f"{text}\nПодписывайтесь на вестник региона"} for n, text in enumerate(QUAKE, 1)]
    lake = lakes.materialized(Lake(str(tmp_path / "lake")).tenant("acme"), *rows, *({"text": text} for text in OTHER))
    related = Search(lake, tmp_path / "home").find("землетрясение", by="meaning").related
    assert not {"подписывайтесь", "вестник", "региона"} & set(related)


def test_a_word_of_a_script_without_spaces_is_asked_for_whole(tmp_path: Path) -> None:
    search = of_texts(tmp_path, "北京昨晚发生强烈地震", "大地回春", "震耳欲聋", "น้ำท่วมกรุงเทพมหานคร", "ท่าเรือ")
    assert ids(search.find("地震", by="meaning")) == [1]
    assert ids(search.find("น้ำท่วม", by="meaning")) == [4]
