"""The map."""

from __future__ import annotations

import random
import subprocess
import sys

import polars as pl
import pytest

from tests import builders
from tests.topics import posts
from tgstudio_dagster.lake.tables.topics import TOPIC_MAP, TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.topics.embed import embed
from tgstudio_dagster.topics.map import lay_out, moved


def crowd(count: int) -> pl.DataFrame:
    """Posts of four subjects, each of ten words out of the twenty of its subject."""
    chance = random.Random(1)
    words = [[f"{start}{middle}{n}слово" for n in range(20)] for start, middle in ("аб", "вг", "де", "жз")]
    return posts.texts(*(" ".join(chance.sample(words[n % 4], 10)) for n in range(count)))


def laid(messages: pl.DataFrame, previous: pl.DataFrame | None = None) -> pl.DataFrame:
    return lay_out(embed(messages, messages), TOPIC_MESSAGES.empty(), TOPICS.empty(), previous)


def test_posts_of_one_subject_stand_together_and_the_same_posts_give_the_same_map() -> None:
    messages = crowd(60)
    places = laid(messages)
    assert set(places["method"]) == {"umap"}
    subject = places.with_columns(subject=(pl.col("channel_id") - 1) % 4)
    within = subject.group_by("subject").agg(pl.col("x", "y").std()).select(pl.sum_horizontal("x", "y").mean()).item()
    assert within < subject.select(pl.col("x").std() + pl.col("y").std()).item() / 2
    assert laid(messages.sample(fraction=1, shuffle=True, seed=3)).equals(places)


def test_posts_stay_near_where_they_stood_the_day_before() -> None:
    before = laid(crowd(60))
    after = laid(crowd(70), before)
    way = moved(after, before)
    assert way is not None and way < 0.3
    assert moved(before, before) == 0
    assert laid(crowd(70).sample(fraction=1, shuffle=True, seed=3), before).equals(after)


def test_a_turned_map_of_yesterday_turns_today_s() -> None:
    before = laid(crowd(60))
    turned = before.with_columns(x=-pl.col("y") + 100, y=pl.col("x") - 7)
    way = moved(laid(crowd(70), turned), turned)
    assert way is not None and way < 0.3


def test_maps_without_shared_posts_have_not_moved() -> None:
    before = laid(crowd(20))
    assert moved(before, before.clear()) is None
    assert moved(before.with_columns(channel_id=pl.col("channel_id") + 1000), before) is None


def test_a_map_that_fell_back_is_no_anchor() -> None:
    before = laid(crowd(60)).with_columns(method=pl.lit("pca: few"), x=pl.col("x") * 1000)
    assert laid(crowd(70), before).equals(laid(crowd(70)))


def test_the_map_s_heavy_imports_touch_no_other_step() -> None:
    code = (
        "import sys, assets.understand, tgstudio_dagster.topics.map;"
        "print(sorted({'umap', 'numba', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("count", [1, 2, 14])
def test_few_posts_fall_back_to_pca_and_say_why(count: int) -> None:
    places = laid(crowd(count))
    assert places.height == count
    assert places["method"].unique().to_list() == [f"pca: {count} distinct posts, umap needs 15"]
    assert places["x"].is_finite().all() and places["y"].is_finite().all()


def test_each_post_has_its_topic_and_story_and_null_without() -> None:
    messages = crowd(20)
    topic = {"topic_id": "t-1", "story_id": "s-1"}
    members = builders.frame(TOPIC_MESSAGES, [{"topic_id": "t-1", "channel_id": 3, "msg_id": 3}])
    places = lay_out(embed(messages, messages), members, builders.frame(TOPICS, [topic]), None)
    assert places.filter(pl.col("channel_id") == 3).select("topic_id", "story_id").row(0) == ("t-1", "s-1")
    assert places["topic_id"].null_count() == places.height - 1


def test_no_posts_give_an_empty_map() -> None:
    assert laid(builders.messages()).equals(TOPIC_MAP.empty())


def test_equal_posts_share_a_place_and_posts_without_words_stand_in_the_centre() -> None:
    places = laid(posts.texts(*["Одна и та же новость"] * 30, "🔥🔥"))
    assert places.height == 31
    assert places.select(pl.struct("x", "y").n_unique()).item() == 1
    assert set(laid(posts.texts("🔥", "🎉"))["method"]) == {"pca: no post with features"}


def test_posts_without_shared_features_fall_back_to_pca() -> None:
    places = laid(posts.texts(*(chr(0x4E00 + 7 * n) * 6 for n in range(20))))
    assert places["method"][0].startswith("pca: ")
    assert places["x"].is_finite().all()
