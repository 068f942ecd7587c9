"""What an order would take before it is asked for: posts, tokens, images, cost, and what is left of the day's limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import polars as pl

from tgstudio_dagster.ai.offline.painter import OfflinePainter
from tgstudio_dagster.ai.offline.writer import OfflineWriter
from tgstudio_dagster.ai.prices import INSTRUCTIONS, Price, price, tokens, written_tokens
from tgstudio_dagster.catalog.money.plans import limits_of, spent
from tgstudio_dagster.core.errors import NewsroomError
from tgstudio_dagster.core.vocabulary import Goal, Language, PlatformName
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.lake.tables.topics import TOPIC_MESSAGES
from tgstudio_dagster.newsroom.editor import MAX_POSTS
from tgstudio_dagster.newsroom.pipeline import draws
from tgstudio_dagster.newsroom.platforms import image_count
from tgstudio_dagster.newsroom.sources import source_language
from tgstudio_dagster.posts.counting import STANDING
from tgstudio_dagster.services.scope import Scope
from tgstudio_dagster.topics.window import window_days

MessageRef = tuple[int, int]
"""channel_id and msg_id."""


@dataclass(frozen=True)
class Estimate:
    """What an order would take. Tokens are what a language model reads and writes for it; the offline writer is free.

    `language` is the one it would be written in. `cost_usd` is None where a model's price is not known. `quota_left` is what
    is left today of orders_per_day and images_per_day.
    """

    posts: int
    input_tokens: int
    output_tokens: int
    images: int
    cost_usd: float | None
    writer: str
    painter: str
    quota_left: Mapping[str, int]
    language: Language

    @property
    def tokens(self) -> int:
        """Tokens in and out."""
        return self.input_tokens + self.output_tokens


def estimate_order(
    scope: Scope,
    platforms: Sequence[PlatformName],
    *,
    now: datetime,
    topic_id: str | None,
    messages: Sequence[MessageRef] | None,
    day: date,
    language: Language | None,
    goal: Goal,
    check: Callable[[], object],
) -> Estimate:
    """What an order with these arguments would take; `check` raises NotFoundError where its subject is not there."""
    if (topic_id is None) == (messages is None):
        raise NewsroomError("topic_id, messages: name either a topic or messages.")
    check()
    settings = scope.settings()
    posts = _posts(scope, topic_id, messages, day)
    writer, painter = OfflineWriter().model, OfflinePainter().model
    read = INSTRUCTIONS + sum(tokens(text) for text in posts)
    language = language or source_language(
        scope.lake, day, topic_id=topic_id, messages=messages, otherwise=settings.language
    )
    written = written_tokens(language)
    images = image_count(list(platforms or settings.platforms)) if draws(goal) else 0
    limits = limits_of(scope.catalog, scope.principal)
    today = now.astimezone(UTC).date()
    return Estimate(
        posts=len(posts),
        input_tokens=read,
        output_tokens=written,
        images=images,
        cost_usd=_cost(price(writer), price(painter), read, written, images),
        writer=writer,
        painter=painter,
        quota_left={
            name: max(0, getattr(limits, name) - spent(scope.catalog, scope.principal, name, today))
            for name in ("orders_per_day", "images_per_day")
        },
        language=language,
    )


def _posts(scope: Scope, topic_id: str | None, messages: Sequence[MessageRef] | None, day: date) -> list[str]:
    """The texts that would be written from, at most as many as a writer is handed."""
    key = ["channel_id", "msg_id"]
    if topic_id is not None:
        where = [pl.col("topic_id") == topic_id]
        keys = scope.lake.read(TOPIC_MESSAGES, days=[day], columns=key, where=where)
    else:
        schema = {"channel_id": pl.Int64, "msg_id": pl.Int64}
        keys = pl.DataFrame(sorted(set(messages or ())), schema=schema, orient="row")
    where = [pl.col("channel_id").is_in(keys["channel_id"].unique().to_list()), STANDING]
    found = scope.lake.read(MESSAGES, days=window_days(day), columns=[*key, "date", "text"], where=where)
    return found.join(keys, on=key, how="semi").sort("date", *key)["text"].head(MAX_POSTS).to_list()


def _cost(writer: Price | None, painter: Price | None, read: int, written: int, images: int) -> float | None:
    if writer is None or (painter is None and images):
        return None
    drawn = painter.image * images if painter is not None else 0.0
    return round((writer.input * read + writer.output * written) / 1e6 + drawn, 6)
