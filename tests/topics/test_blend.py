"""Vectors of a sentence model, blended in."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from tests import builders
from tests.topics import posts
from tests.topics.models import Scripted
from tgstudio_dagster.topics.attach import attach, prepare
from tgstudio_dagster.topics.blend import OTHER_FLOOR, Dense, DenseRows, blended, script_of
from tgstudio_dagster.topics.cluster import Topics, find_topics
from tgstudio_dagster.topics.embed import embed

QUAKE = [
    "Землетрясение магнитудой 6,1 произошло у побережья Валдории, разрушены десятки домов.",
    "У берегов Валдории сильное землетрясение: десятки домов разрушены, магнитуда 6,1.",
    "Strong earthquake strikes off the coast of Valdoria, dozens of houses are destroyed.",
    "A 6.1 tremor has hit Valdoria: rescuers search the rubble of dozens of homes.",
]
MEANT = {"землетрясение": 0, "earthquake": 0, "tremor": 0}


def _topics(vectors: dict[str, list[float]]) -> list[int]:
    frame = posts.news()
    keyed = pl.DataFrame(
        {"key": list(vectors), "vector": list(vectors.values())}, {"key": pl.String, "vector": pl.List(pl.Float32)}
    )
    result = find_topics(frame, embed(frame, frame), posts.AS_OF, dense=Dense(keyed, floor=0.0, share=0.5))
    return sorted(result.topics["messages"].to_list())


def _with_model(frame: pl.DataFrame, encoder: Scripted) -> tuple[pl.DataFrame, Dense]:
    embeddings = embed(frame, encoder=encoder)
    dense = Dense.read([embeddings], frame)
    assert dense is not None
    return embeddings, dense


def _found(frame: pl.DataFrame, encoder: Scripted) -> Topics:
    embeddings, dense = _with_model(frame, encoder)
    return find_topics(frame, embeddings, posts.AS_OF, dense=dense)


def test_posts_without_shared_words_meet_by_meaning() -> None:
    frame = posts.news().select(pl.format("{}/{}", "channel_id", "msg_id").alias("key"), "channel_id")
    directions = {1: 0, 2: 0, 3: 0, 11: 0, 12: 0, 13: 0, 21: 1, 22: 2}
    vectors = {key: np.eye(3)[directions[channel]].tolist() for key, channel in frame.iter_rows()}
    assert _topics(vectors) == [6]


def test_posts_without_a_vector_keep_their_lexical_similarity() -> None:
    assert _topics({}) == [3, 3]


def test_russian_and_english_posts_of_one_event_meet() -> None:
    result = _found(posts.texts(*QUAKE, *posts.ALONE), Scripted(MEANT))
    assert result.topics["messages"].to_list() == [4]
    assert result.topic_messages["channel_id"].to_list() == [1, 2, 3, 4]


def test_without_a_model_they_do_not() -> None:
    frame = posts.texts(*QUAKE, *posts.ALONE)
    members = find_topics(frame, embed(frame), posts.AS_OF).topic_messages
    assert members.group_by("topic_id").agg(pl.col("channel_id"))["channel_id"].list.max().to_list() == [2]


def test_an_english_post_is_attached_to_the_russian_topic_of_its_event() -> None:
    frame, encoder = posts.texts(*QUAKE[:2], *posts.ALONE), Scripted(MEANT)
    embeddings, dense = _with_model(frame, encoder)
    before = find_topics(frame, embeddings, posts.AS_OF, dense=dense)
    index = prepare(frame, embeddings, before, posts.AS_OF, dense=dense)
    new = builders.messages(
        *(
            {"channel_id": 80 + n, "text": text, "date": builders.FIRST + timedelta(hours=1)}
            for n, text in enumerate([QUAKE[2], "A whale swam into the harbour."])
        )
    )
    assert index is not None
    result = attach(index, new, *_with_model(new, encoder))
    assert result.topic_messages["channel_id"].to_list() == [1, 2, 80]


def test_days_before_the_model_was_set_are_compared_by_words_as_they_were() -> None:
    frame = posts.news()
    without, encoder = embed(frame), Scripted()
    today = posts.texts("Мост закрыт на ремонт.").with_columns(channel_id=pl.lit(77, pl.Int64))
    dense = Dense.read([without, embed(today, encoder=encoder)], pl.concat([frame, today]))
    assert dense is not None and dense.lacking == frame.height
    result = find_topics(frame, without, posts.AS_OF, dense=dense)
    assert result.topics.equals(find_topics(frame, without, posts.AS_OF).topics)


def test_the_newest_day_with_posts_says_which_model_counts() -> None:
    old, new = posts.texts("Прорыв водовода."), posts.texts("Мост закрыт.").with_columns(msg_id=pl.lit(9, pl.Int64))
    days = [embed(old, encoder=Scripted(model="a@1")), embed(new, encoder=Scripted(model="b@1")), embed(old.clear())]
    both = pl.concat([old, new])
    dense = Dense.read(days, both)
    assert dense is not None
    assert (dense.model, dense.vectors["key"].to_list(), dense.lacking) == ("b@1", ["1/9"], 1)
    assert Dense.read([*days[:2], embed(new)], both) is None
    assert Dense.read([], both) is None


@pytest.mark.parametrize(
    ("model", "floor"), [("intfloat/multilingual-e5-small@1", 0.83), ("acme/other@1", OTHER_FLOOR)]
)
def test_cosines_are_read_by_the_models_own_scale(model: str, floor: float) -> None:
    frame = posts.texts("Мост закрыт.")
    dense = Dense.read([embed(frame, encoder=Scripted(model=model))], frame)
    assert dense is not None and dense.floor == floor


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Мост закрыт", 2),
        ("The bridge", 1),
        ("橋は閉鎖", 0),
        ("", 0),
        ("123", 0),
        ("Мост https://example.org/a-very-long-address-in-latin-letters @some_latin_channel", 2),
    ],
)
def test_a_texts_script_is_that_of_most_of_its_letters(text: str, script: int) -> None:
    assert pl.DataFrame({"text": [text]}).select(script_of("text")).item() == script


def test_posts_in_another_script_do_not_crowd_out_the_nearest_of_ones_own() -> None:
    from scipy.sparse import csr_matrix

    count = 80  # 40 in each script, all on one event by their vectors
    rows = DenseRows(np.tile(np.array([1, 0], np.float32), (count, 1)), 0.83, 0.35, 0.8, np.repeat(np.int8([1, 2]), 40))
    graph = blended(csr_matrix((count, 4)), csr_matrix((count, count)), rows, np.zeros(count)).toarray()
    assert graph[-1, :40].sum() == pytest.approx(30)
    assert graph[-1, 40:].sum() == pytest.approx(30 * 0.35, rel=1e-5)
