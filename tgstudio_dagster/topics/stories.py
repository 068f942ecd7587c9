"""Topics to stories: which events belong to one larger matter, and which posts told once belong to it too.

Only words count here: character n-grams tell events of one story apart, which is not wanted (F1 of stories .80, .83
without them). Nor are words of many posts dropped, as they are for events: on a day of one great story they are what
its events share. Measured on three days of Russian news, the last with two stories of 77 and 60 posts: F1 .87, .58 and
.23 with those words dropped and posts told once left alone, .87, .64 and .46 so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tgstudio_dagster.topics.linkage import average_linkage
from tgstudio_dagster.topics.neighbours import (
    REPORT_HOURS,
    Hours,
    Numbers,
    faded_stories,
    nearest,
    recurs,
    story_fade,
    unit_rows,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

STORY_CUT = 0.27  # .25 to .28 are alike
STORY_COHESION = 0.9  # a story's events share less than an event's posts: nearly the cosine of centroids
LONE_CUT = 0.22  # cosine of a post told once to a story's centre from which it belongs there; .20 to .26 are alike
# Added to the logarithm of how rare a word is, where features of events have 1: what a tenth of the day's posts say is
# that day's story and must weigh something.
LEAST_WEIGHT = 2.0
# What more than a fifth of a large window's posts say costs time and tells no story; a day's great story stays.
COMMON_SHARE = 0.20
COMMON_POSTS = 400
_LOOKED_AT = 5  # nearest stories of a post, before time between them counts

Words = frozenset[str]


def find_stories(
    stems: csr_matrix, unit: Numbers, cluster: Numbers, hours: Hours, words: Callable[[Numbers], Sequence[Words]]
) -> Numbers:
    """The story of each cluster of posts; -1 where a post that nobody else tells belongs to no story.

    `stems`: raw weights of words, a row for each unit of equal posts; `unit`, `cluster` (numbered without gaps) and
    `hours` of each post, in order of time; `words`: of the posts with these numbers, without figures (see
    `neighbours.recurs`). Stories are numbered from 0; a cluster of two posts and more always has one.
    """
    size = np.bincount(cluster)
    first = np.unique(cluster, return_index=True)[1]
    starts, ends = np.full(len(size), np.inf), np.full(len(size), -np.inf)
    np.minimum.at(starts, cluster, hours)
    np.maximum.at(ends, cluster, hours)
    centroids = unit_rows(group_sums(_weighed(stems), unit, cluster))
    topics, lone = np.flatnonzero(size >= 2), np.flatnonzero(size == 1)
    story = np.full(len(size), -1, dtype=np.int64)
    if not len(topics):
        return story
    topic_words = words(first[topics])
    graph = faded_stories(nearest(centroids[topics]), starts[topics], ends[topics], topic_words)
    story[topics] = average_linkage(graph, np.ones(len(topics), dtype=np.int64), STORY_CUT, STORY_COHESION)
    if not len(lone):
        return story
    of_story: dict[int, list[int]] = {}
    for place, number in enumerate(story[topics].tolist()):
        of_story.setdefault(number, []).append(place)
    joins = _nearest_story(centroids, topics, lone, story, starts, ends)
    saying = words(first[lone[joins >= 0]])
    for post, number, own in zip(lone[joins >= 0], joins[joins >= 0].tolist(), saying, strict=True):
        apart = (place for place in of_story[number] if _gap(starts, ends, post, topics[place]) >= REPORT_HOURS)
        if not any(recurs(own, topic_words[place]) for place in apart):
            story[post] = number
    return story


def group_sums(matrix: csr_matrix, unit: Numbers, group: Numbers) -> csr_matrix:
    """The sum of the rows of each group; `unit` and `group` of each post."""
    from scipy.sparse import csr_matrix

    shape = (int(group.max()) + 1, matrix.shape[0])
    return (csr_matrix((np.ones(len(group), np.float32), (group, unit)), shape=shape) @ matrix).tocsr()


def _weighed(stems: csr_matrix) -> csr_matrix:
    """Unit rows: each weight times how rare its word is in these rows."""
    posts, frequency = stems.shape[0], np.bincount(stems.indices, minlength=stems.shape[1])
    idf = (np.log((1 + posts) / (1 + frequency)) + LEAST_WEIGHT).astype(np.float32)
    idf[frequency > max(COMMON_SHARE * posts, COMMON_POSTS)] = 0
    weighed = stems.copy()
    weighed.data = weighed.data * idf[weighed.indices]
    weighed.eliminate_zeros()
    return unit_rows(weighed)


def _nearest_story(
    centroids: csr_matrix, topics: Numbers, lone: Numbers, story: Numbers, starts: Hours, ends: Hours
) -> Numbers:
    """The nearest story of each lone post, -1 where none is near enough; the time between them counts."""
    from sparse_dot_topn import sp_matmul_topn

    of_topic = story[topics]
    count = int(of_topic.max()) + 1
    centres = unit_rows(group_sums(centroids, topics, of_topic))
    begin, end = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(begin, of_topic, starts[topics])
    np.maximum.at(end, of_topic, ends[topics])
    matches = sp_matmul_topn(
        centroids[lone], centres.T.tocsr(), top_n=_LOOKED_AT, threshold=LONE_CUT, sort=True, n_threads=1
    ).tocoo()
    gap = np.maximum(
        0.0, np.maximum(begin[matches.col] - starts[lone[matches.row]], starts[lone[matches.row]] - end[matches.col])
    )
    near = np.round(matches.data * story_fade(gap), 6)
    joins = np.full(len(lone), -1, dtype=np.int64)
    for edge in np.lexsort((matches.col, -near)):  # best first; of equals the first story
        if near[edge] >= LONE_CUT and joins[matches.row[edge]] < 0:
            joins[matches.row[edge]] = matches.col[edge]
    return joins


def _gap(starts: Hours, ends: Hours, first: int, second: int) -> float:
    """Hours between the spans of two clusters, 0 where they meet."""
    return max(0.0, float(max(starts[first], starts[second]) - min(ends[first], ends[second])))
