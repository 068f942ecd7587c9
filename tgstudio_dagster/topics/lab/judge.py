"""Topics of labelled posts, judged: what `tgstudio evaluate topics` does, without files. Measures are in evaluate.py."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

import polars as pl

from tgstudio_dagster.core.errors import ContractError
from tgstudio_dagster.topics.blend import Dense
from tgstudio_dagster.topics.cluster import find_topics
from tgstudio_dagster.topics.embed import embed
from tgstudio_dagster.topics.footers import count_lines, repeated
from tgstudio_dagster.topics.frequencies import background, count_features
from tgstudio_dagster.topics.lab.evaluate import scores, sweep
from tgstudio_dagster.topics.sentence import Encoder

THRESHOLDS = (0.14, 0.16, 0.18, 0.20, 0.21, 0.22, 0.23, 0.24, 0.26, 0.28, 0.30)
_NEEDED = ("channel", "message_id", "date", "text")
_LABELS = ("event", "story")


def judge(
    labelled: pl.DataFrame,
    history: pl.DataFrame | None = None,
    encoder: Encoder | None = None,
    thresholds: Sequence[float] = THRESHOLDS,
) -> tuple[dict[str, float], pl.DataFrame]:
    """`evaluate.scores` with shipped settings, and a frame of them by threshold (`evaluate.sweep`).

    `labelled`: channel, message_id, date (UTC), text, event, story; optional lang and forwarded_from. `history`: earlier
    posts of the same channels (the first four columns), from which repeated lines are learnt and, in small windows, word
    frequencies. `encoder`: a sentence model, blended in. Posts in no topic stand alone. Raises ContractError where a
    column is missing or the file is empty.
    """
    messages = _messages(labelled, (*_NEEDED, *_LABELS))
    earlier = messages.clear() if history is None else _messages(history, _NEEDED)
    earlier = earlier.join(messages, on=["channel_id", "msg_id"], how="anti")
    lines = repeated(count_lines(pl.concat([messages, earlier])))
    embeddings = embed(messages, repeated=lines, encoder=encoder)
    dense = Dense.read([embeddings], messages)
    frequencies = count_features(earlier, embed(earlier, repeated=lines))
    newest, oldest = messages["date"].max(), messages["date"].min()
    assert isinstance(newest, datetime) and isinstance(oldest, datetime)
    earlier_words = background(frequencies, oldest.date())

    def found(cut: float | None) -> pl.DataFrame:
        result = find_topics(
            messages, embeddings, newest, repeated=lines, background=earlier_words, dense=dense, topic_cut=cut
        )
        member = result.topic_messages.select("channel_id", "msg_id", topic="topic_id")
        story = result.topics.select(topic="topic_id", story_found="story_id")
        alone = pl.format("{}/{}", "channel_id", "msg_id")
        return (
            labelled.select(_LABELS)
            .with_columns(messages.select("channel_id", "msg_id"))
            .join(member.join(story, on="topic"), on=["channel_id", "msg_id"], how="left", maintain_order="left")
            .with_columns(pl.col("topic", "story_found").fill_null(alone))
        )

    return scores(found(None)), sweep((cut, found(cut)) for cut in thresholds)


def _messages(posts: pl.DataFrame, needed: Sequence[str]) -> pl.DataFrame:
    """The columns of MESSAGES that topics are made from, a row per row."""
    missing = [name for name in needed if name not in posts.columns]
    if missing or (posts.is_empty() and "event" in needed):
        raise ContractError(f"labelled posts: columns {missing} are missing; each row needs {', '.join(needed)}.")
    twice = posts.select(pl.struct("channel", "message_id").is_duplicated().any()).item()
    if twice:
        raise ContractError("labelled posts: two rows share channel and message_id; keep one of them.")
    optional = [
        *(
            pl.col(name).cast(pl.Int64) if name in posts.columns else _nothing(pl.Int64, name)
            for name in ("sender_id", "reply_to")
        ),
        pl.col("lang") if "lang" in posts.columns else pl.lit("und").alias("lang"),
        pl.col("forwarded_from") if "forwarded_from" in posts.columns else _nothing(pl.String, "forwarded_from"),
    ]
    return posts.select(
        pl.col("channel").cast(pl.String).map_elements(_number, return_dtype=pl.Int64).alias("channel_id"),
        pl.col("message_id").cast(pl.Int64).alias("msg_id"),
        pl.col("date").cast(pl.Datetime("us", "UTC")),
        pl.col("text").fill_null(""),
        pl.col("text").fill_null("").alias("text_hash"),
        pl.lit("text").alias("type"),
        *optional,
        _nothing(pl.Datetime("us", "UTC"), "deleted_at"),
        _nothing(pl.Int64, "comment_on"),
    )


def _number(channel: str) -> int:
    """A channel's id from its name: the same in every file."""
    return int(hashlib.sha256(channel.encode()).hexdigest()[:12], 16)


def _nothing(dtype: type[pl.DataType] | pl.DataType, name: str) -> pl.Expr:
    return pl.lit(None, dtype=dtype).alias(name)
