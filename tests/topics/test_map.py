"""The map."""

from __future__ import annotations

import random

import polars as pl
import pytest

from tests import builders
from tests.topics import posts
from tgstudio_dagster.lake.tables import TOPIC_MAP
from tgstudio_dagster.topics.embed import embed
from tgstudio_dagster.topics.map import lay_out


def crowd(count: int) -> pl.DataFrame:
    """Posts of four subjects, each of ten words out of the twenty of its subject."""
    chance = random.Random(1)
    words = [[f"{start}{middle}{n}слово" for n in range(20)] for start, middle in ("аб", "вг", "де", "жз")]
    return posts.texts(*(" ".join(chance.sample(words[n % 4], 10)) for n in range(count)))


def laid(messages: pl.DataFrame, previous: pl.DataFrame | None = None) -> pl.DataFrame:
    made = posts.found(messages)
    return lay_out(embed(messages, messages), made.topic_messages, made.topics, previous)


def test_posts_of_one_subject_stand_together_and_the_same_posts_give_the_same_map() -> None:
    messages = crowd(60)
    made = laid(messages)
    assert set(made["method"]) == {"umap"}
    subject = made.with_columns(subject=(pl.col("channel_id") - 1) % 4)
    within = subject.group_by("subject").agg(pl.col("x", "y").std()).select(pl.sum_horizontal("x", "y").mean()).item()
    assert within < subject.select(pl.col("x").std() + pl.col("y").std()).item() / 2
    assert laid(messages.sample(fraction=1, shuffle=True, seed=3)).equals(made)


def test_posts_stay_near_where_they_stood_the_day_before() -> None:
    before = laid(crowd(60))
    after = laid(crowd(70), before).join(before, on=["channel_id", "msg_id"], suffix="_before")
    moved = ((pl.col("x") - pl.col("x_before")) ** 2 + (pl.col("y") - pl.col("y_before")) ** 2).sqrt().median()
    size = before.select(pl.col("x").std() + pl.col("y").std()).item()
    assert after.select(moved).item() < size / 2


@pytest.mark.parametrize("count", [1, 2, 14])
def test_few_posts_fall_back_to_pca_and_say_why(count: int) -> None:
    made = laid(crowd(count))
    assert made.height == count
    assert made["method"].unique().to_list() == [f"pca: {count} distinct posts, umap needs 15"]
    assert made["x"].is_finite().all() and made["y"].is_finite().all()


def test_no_posts_give_an_empty_map() -> None:
    assert laid(builders.messages()).equals(TOPIC_MAP.empty())


def test_equal_posts_share_a_place_and_posts_without_words_stand_in_the_centre() -> None:
    made = laid(posts.texts(*["Одна и та же новость"] * 30, "🔥🔥"))
    assert made.height == 31
    assert made.select(pl.struct("x", "y").n_unique()).item() == 1
    assert set(laid(posts.texts("🔥", "🎉"))["method"]) == {"pca: no post with features"}


def test_posts_without_shared_features_fall_back_to_pca() -> None:
    made = laid(posts.texts(*(chr(0x4E00 + 7 * n) * 6 for n in range(20))))
    assert made["method"][0].startswith("pca: ")
    assert made["x"].is_finite().all()
