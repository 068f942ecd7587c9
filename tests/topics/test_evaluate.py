"""Measures of clusterings against labels."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, v_measure_score

from tests.topics import posts
from tgstudio_dagster.errors import ContractError
from tgstudio_dagster.topics.evaluate import adjusted_rand, b_cubed, scores, v_measure
from tgstudio_dagster.topics.judge import judge

labels = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=14)


@given(labels)
@settings(deadline=None)
def test_v_measure_and_ari_are_those_of_scikit_learn(rows: list[tuple[int, int]]) -> None:
    events, clusters = [row[0] for row in rows], [row[1] for row in rows]
    assert v_measure(events, clusters) == pytest.approx(v_measure_score(events, clusters), abs=1e-9)
    if len(rows) > 1:
        assert adjusted_rand(events, clusters) == pytest.approx(adjusted_rand_score(events, clusters), abs=1e-9)


def test_b_cubed_is_the_mean_over_posts() -> None:
    score = b_cubed(["a", "a", "b"], [1, 1, 1])
    assert score.precision == pytest.approx((2 / 3 + 2 / 3 + 1 / 3) / 3)
    assert score.recall == 1.0


def test_a_clustering_equal_to_its_labels_scores_one() -> None:
    frame = pl.DataFrame({"event": ["a", "a", "b", "c"], "story": ["s", "s", "s", "t"]})
    found = frame.with_columns(topic="event", story_found="story")
    assert set(scores(found).values()) == {1.0}


def _labelled() -> pl.DataFrame:
    news = posts.news()
    events = ["metro"] * 3 + ["bank"] * 3 + ["chess", "bakery"]
    return news.select(
        pl.col("channel_id").cast(pl.String).alias("channel"), "date", "text", message_id="msg_id"
    ).with_columns(event=pl.Series(events), story=pl.Series(events))


def test_labelled_posts_are_judged_with_shipped_settings_and_by_threshold() -> None:
    labelled = _labelled()
    shipped, by_threshold = judge(labelled, thresholds=(0.2, 0.99))
    assert shipped["f1_strict"] == shipped["f1_story"] == 1.0
    assert by_threshold["threshold"].to_list() == [0.2, 0.99]
    assert by_threshold["f1_strict"].to_list() == [1.0, 0.0]
    turned, _ = judge(labelled.reverse(), history=labelled.drop("event", "story"), thresholds=())
    assert turned == shipped


def test_a_file_without_labels_is_refused_by_column() -> None:
    with pytest.raises(ContractError, match="story"):
        judge(_labelled().drop("story"))
