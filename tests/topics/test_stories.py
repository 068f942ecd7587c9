"""Stories: topics of one larger matter, and the posts told once that belong to them."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from tests import builders
from tests.topics import posts
from tgstudio_dagster.topics.stories import find_stories

QUAKE = [
    "Мощное землетрясение произошло на острове Терсия, магнитуда толчков 7,1",
    "На острове Терсия произошло мощное землетрясение: магнитуда толчков 7,1",
    "После землетрясения на острове Терсия объявлена угроза цунами, жителей уводят на холмы",
    "Угроза цунами объявлена на острове Терсия после землетрясения, жители уходят на холмы",
]
ONCE = "Президент летит на остров Терсия, где после землетрясения ждут цунами"
TALLY = "Сводка за сутки: на дорогах области произошло {n} аварий, пострадали {n} человек, изъято {n} машин"


def stories(*told: tuple[str, int]) -> list[tuple[str, int]]:
    """The story and the number of posts of each topic, by time; `told`: text and hour of each post."""
    rows = [
        {"channel_id": n + 1, "text": text, "date": builders.FIRST + timedelta(hours=hour), "lang": "ru"}
        for n, (text, hour) in enumerate(told)
    ]
    topics = posts.found(builders.messages(*rows), builders.FIRST + timedelta(days=3))
    return topics.topics.sort("first_seen").select("story_id", "messages").rows()


def test_events_of_one_matter_are_one_story() -> None:
    shaken, bank, warned = stories(
        *((text, 0) for text in QUAKE[:2]), *((text, 1) for text in posts.BANK[:2]), *((text, 20) for text in QUAKE[2:])
    )
    assert shaken[0] == warned[0] != bank[0]
    assert shaken[1] == bank[1] == warned[1] == 2


def test_a_post_told_once_is_a_topic_of_its_own_within_the_story_it_belongs_to() -> None:
    bank, warned, once = stories(
        *((text, 1) for text in posts.BANK[:2]), *((text, 20) for text in QUAKE[2:]), (ONCE, 40), (posts.ALONE[0], 41)
    )
    assert once == (warned[0], 1)
    assert warned[1] == bank[1] == 2


def test_posts_told_once_make_no_story_among_themselves() -> None:
    assert posts.found(posts.texts(posts.METRO[0], ONCE, *posts.ALONE, lang="ru")).topics.is_empty()


def test_an_earlier_tally_is_not_the_story_of_a_tally_told_once_today() -> None:
    rows = [
        {"channel_id": channel, "msg_id": day, "date": builders.FIRST + timedelta(days=day), "text": TALLY.format(n=n)}
        for channel, day, n in ((1, 1, 17), (2, 1, 17), (3, 4, 24))
    ]
    topics = posts.found(builders.messages(*rows), builders.FIRST + timedelta(days=5))
    assert topics.topics["messages"].to_list() == [2]


def test_a_week_apart_two_events_in_like_words_are_two_stories() -> None:
    rows = [
        {"channel_id": n % 2 + 1, "msg_id": n + 1, "date": builders.FIRST + timedelta(days=6 * (n // 2)), "text": text}
        for n, text in enumerate(QUAKE)
    ]
    topics = posts.found(builders.messages(*rows), builders.FIRST + timedelta(days=7))
    assert topics.topics["story_id"].n_unique() == topics.topics.height == 2


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40)), min_size=1, max_size=12))
@settings(deadline=None)
def test_every_topic_has_a_story_whatever_the_posts(rows: list[tuple[int, int]]) -> None:
    rows = sorted(rows, key=lambda row: row[1])
    cluster = np.unique([cluster for cluster, _ in rows], return_inverse=True)[1].astype(np.int64)
    hours = np.array([float(hour) for _, hour in rows])
    stems = csr_matrix(np.random.default_rng(len(rows)).integers(0, 2, (len(rows), 8)).astype(np.float32))
    unit = np.arange(len(rows))
    story = find_stories(stems, unit, cluster, hours, lambda of: [frozenset({str(n)}) for n in of])
    stories = np.bincount(cluster) >= 2
    assert (story[stories] >= 0).all()
    assert set(story[~stories]) <= {-1, *story[stories]}
    assert (pl.Series(story[stories]).unique().sort() == pl.Series(range(len(set(story[stories].tolist()))))).all()
