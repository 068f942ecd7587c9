"""Which posts fit a question: conditions by channel, language, type and words, for the feed, watches and filters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from tgstudio_dagster.posts import counting

CHANNEL_NAME = pl.col("channel").str.to_lowercase()
_ID = re.compile(r"\d{1,18}", re.ASCII)


@dataclass(frozen=True)
class PostFilter:
    """What posts are filtered by; an empty one lets all through but service messages.

    `channels` are usernames (with or without @) or ids. Service messages fit only where their type is asked for. Each of
    `words` and one of `any_words` must stand in the text, without regard to case.
    """

    channels: Sequence[str] = ()
    langs: Sequence[str] = ()
    types: Sequence[str] = ()
    words: Sequence[str] = ()
    any_words: Sequence[str] = ()


def fits(query: PostFilter) -> pl.Expr:
    """Whether a post fits; never null."""
    return pl.all_horizontal(conditions(query) + word_conditions(query)).fill_null(value=False)


def conditions(query: PostFilter, channel_name: pl.Expr = CHANNEL_NAME) -> list[pl.Expr]:
    """What a post must meet beside its words; null counts as not met. `channel_name` is the name in lower case."""
    where = [pl.col("type").is_in(list(query.types)) if query.types else counting.FINDABLE]
    if query.channels:
        where.append(of_channels(query.channels, channel_name))
    if query.langs:
        where.append(pl.col("lang").is_in(list(query.langs)))
    return where


def of_channels(channels: Iterable[str], channel_name: pl.Expr = CHANNEL_NAME) -> pl.Expr:
    """Whether the post's channel is one of these usernames or ids; null where it has no name and the id is none of them."""
    names = bare_names(channels)
    ids = [int(name) for name in names if _ID.fullmatch(name)]
    if len(ids) == len(names):
        # Alone: rows are sorted by it, so most of an object is passed over.
        return pl.col("channel_id").is_in(ids)
    return channel_name.is_in(names) | pl.col("channel_id").is_in(ids)


def bare_names(channels: Iterable[str]) -> list[str]:
    """Usernames in lower case without @, and ids, as they are compared."""
    return [channel.removeprefix("@").lower() for channel in channels]


def word_conditions(query: PostFilter) -> list[pl.Expr]:
    """The words that must stand in the text. A pattern without case takes a thirtieth of the time of lowering it."""
    where = [pl.col("text").str.contains("(?i)" + pl.escape_regex(word)) for word in query.words]
    if query.any_words:
        where.append(pl.col("text").str.contains("(?i)" + "|".join(map(pl.escape_regex, query.any_words))))
    return where


def words_in(lowered: pl.Expr, words: Sequence[str], any_words: Sequence[str] = ()) -> pl.Expr:
    """Whether each of the words, and one of `any_words`, stands in a text that is in lower case already."""
    where = [lowered.str.contains(word.lower(), literal=True) for word in words]
    if any_words:
        where.append(pl.any_horizontal(lowered.str.contains(word.lower(), literal=True) for word in any_words))
    return pl.all_horizontal(where)
