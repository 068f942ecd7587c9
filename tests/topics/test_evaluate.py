"""Measures of clusterings against labels."""

from __future__ import annotations

from itertools import combinations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, v_measure_score
from sklearn.metrics.cluster import pair_confusion_matrix

from tests.topics import posts
from tgstudio_dagster.core.errors import ContractError
from tgstudio_dagster.topics.lab.evaluate import adjusted_rand, b_cubed, pair_score, scores, v_measure
from tgstudio_dagster.topics.lab.judge import judge

labels = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=14)


@given(labels)
@settings(deadline=None)
def test_v_measure_and_ari_are_those_of_scikit_learn(rows: list[tuple[int, int]]) -> None:
    events, clusters = [row[0] for row in rows], [row[1] for row in rows]
    assert v_measure(events, clusters) == pytest.approx(v_measure_score(events, clusters), abs=1e-9)
    if len(rows) > 1:
        assert adjusted_rand(events, clusters) == pytest.approx(adjusted_rand_score(events, clusters), abs=1e-9)


@given(labels)
@settings(deadline=None)
def test_pairs_are_those_of_scikit_learn(rows: list[tuple[int, int]]) -> None:
    events, clusters = [row[0] for row in rows], [row[1] for row in rows]
    (_, wrong), (missed, right) = pair_confusion_matrix(events, clusters) if len(rows) > 1 else ((0, 0), (0, 0))
    score = pair_score(events, clusters)
    assert score.precision == pytest.approx(right / (right + wrong) if right + wrong else 1.0)
    assert score.recall == pytest.approx(right / (right + missed) if right + missed else 1.0)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=14))
@settings(deadline=None)
def test_pairs_of_two_events_of_one_story_are_not_judged(rows: list[tuple[int, int, int]]) -> None:
    """Counted pair by pair; an event is of one story, so its number holds the story's."""
    topics = [((story, event), story, cluster) for story, event, cluster in rows]
    judged = [(a, b) for a, b in combinations(topics, 2) if a[0] == b[0] or a[1] != b[1]]
    right = sum(a[0] == b[0] and a[2] == b[2] for a, b in judged)
    together = sum(a[2] == b[2] for a, b in judged)
    same = sum(a[0] == b[0] for a, b in judged)
    score = pair_score([post[0] for post in topics], [post[2] for post in topics], [post[1] for post in topics])
    assert score.precision == pytest.approx(right / together if together else 1.0)
    assert score.recall == pytest.approx(right / same if same else 1.0)


@given(labels)
@settings(deadline=None)
def test_b_cubed_is_counted_post_by_post(rows: list[tuple[int, int]]) -> None:
    shares = [
        (
            sum(other == row for other in rows) / sum(other[1] == row[1] for other in rows),
            sum(other == row for other in rows) / sum(other[0] == row[0] for other in rows),
        )
        for row in rows
    ]
    score = b_cubed([row[0] for row in rows], [row[1] for row in rows])
    assert score.precision == pytest.approx(sum(share for share, _ in shares) / len(rows))
    assert score.recall == pytest.approx(sum(share for _, share in shares) / len(rows))


@given(labels, st.permutations(range(4)))
@settings(deadline=None)
def test_what_clusters_are_called_and_how_posts_are_ordered_changes_no_measure(
    rows: list[tuple[int, int]], names: list[int]
) -> None:
    frame = pl.DataFrame(
        {
            "event": [event for event, _ in rows],
            "story": [event // 2 for event, _ in rows],
            "topic": [cluster for _, cluster in rows],
            "story_found": [cluster // 2 for _, cluster in rows],
        }
    )
    renamed = frame.with_columns(pl.col("topic").replace_strict(list(range(4)), names))
    assert scores(renamed.reverse()) == pytest.approx(scores(frame), abs=1e-4)


def test_b_cubed_is_the_mean_over_posts() -> None:
    score = b_cubed(["a", "a", "b"], [1, 1, 1])
    assert score.precision == pytest.approx((2 / 3 + 2 / 3 + 1 / 3) / 3)
    assert score.recall == 1.0


def test_a_clustering_equal_to_its_labels_scores_one() -> None:
    frame = pl.DataFrame({"event": ["a", "a", "b", "c"], "story": ["s", "s", "s", "t"]})
    result = frame.with_columns(topic="event", story_found="story")
    assert set(scores(result).values()) == {1.0}


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
