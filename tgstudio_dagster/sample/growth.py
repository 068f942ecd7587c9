"""How views, forwards, reactions and comments of a post grow with its age.

The curves and their constants belong here; which post has which size is drawn by `expect`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from tgstudio_dagster.sample.content import Channel, seeded

# Hours until about 63% of the final figure; reactions and comments settle in two days, forwards later.
_HOURS = {"views": 9.0, "forwards": 14.0, "reactions": 6.0, "comments": 8.0}
_LATE = 0.15
"""Share of the views that comes late: views never settle."""
_HALF_LATE = 72.0
"""Hours until half of the late views have come."""

# Readers by hour of the day in the channel's time zone: 0.7 at night, 1.15 in the evening.
_BY_HOUR = [0.7] * 6 + [0.85, 1.0, 1.1, 1.1] + [1.0] * 8 + [1.1, 1.15, 1.15, 1.1, 1.0, 0.85]


@dataclass(frozen=True, slots=True)
class Growth:
    """What the counters of a post tend to, and since when they grow."""

    posted: datetime
    views: float
    forwards: float
    comments: float | None
    reactions: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Counters:
    """What a reader sees of a post at one time; `comments` is None where the channel has no comments."""

    views: int
    forwards: int
    comments: int | None
    reactions: tuple[tuple[str, int], ...]


def expect(channel: Channel, posted: datetime, heat: float, key: str) -> Growth:
    """The final figures of a post: the channel's size times the heat, the hour and the post's luck, seeded by `key`."""
    rng = seeded("growth", key)
    hour = (posted + timedelta(hours=channel.utc_offset)).hour
    views = channel.views * heat * _BY_HOUR[hour] * rng.lognormvariate(0, 0.25)
    reactions = views * 0.012 * heat**0.5 * rng.lognormvariate(0, 0.5)
    emojis = rng.sample(channel.reactions, min(len(channel.reactions), rng.randint(2, 5)))
    weights = [rng.random() / (place + 1) for place in range(len(emojis))]
    return Growth(
        posted=posted,
        views=views,
        forwards=views * 0.004 * heat * rng.lognormvariate(0, 0.6),
        comments=views * 0.0022 * heat * rng.lognormvariate(0, 0.7) if channel.discussion else None,
        reactions=tuple(
            (emoji, reactions * weight / sum(weights)) for emoji, weight in zip(emojis, weights, strict=True)
        ),
    )


def counters(growth: Growth, at: datetime) -> Counters:
    """The counters at a time; never smaller at a later one. Reactions are largest first, as Telegram orders them."""
    age = max((at - growth.posted) / timedelta(hours=1), 0.0)
    views = (1 - _LATE) * _settled(age, "views") + _LATE * age / (age + _HALF_LATE)
    reactions = [(emoji, int(most * _settled(age, "reactions"))) for emoji, most in growth.reactions]
    return Counters(
        views=1 + int(growth.views * views),
        forwards=int(growth.forwards * _settled(age, "forwards")),
        comments=None if growth.comments is None else int(growth.comments * _settled(age, "comments")),
        reactions=tuple(sorted(((e, n) for e, n in reactions if n), key=lambda r: -r[1])),
    )


def _settled(age: float, of: str) -> float:
    return 1 - math.exp(-((age / _HOURS[of]) ** 0.85))
