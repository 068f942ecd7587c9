"""Search: a page of posts for a query, by words or by meaning, from the local copy of a tenant's days.

By words: a post must hold all that is asked for; the best by BM25, the newer of equals first.
By meaning, without a model, which is called related words: a post may hold any of the words, or of those that stand beside
them in the best posts (expand.py). With a sentence model: the nearest vectors, whatever the words or the language.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
import polars as pl
import tantivy

from tgstudio_dagster.core.cursor import mark_of, read_offset, write_offset
from tgstudio_dagster.core.errors import LakeError, NotFoundError, QueryError
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.search.copy import Gaps, LocalCopy
from tgstudio_dagster.search.expand import expand
from tgstudio_dagster.search.index import DamagedError, Filter
from tgstudio_dagster.search.parse import Query, meant, parse
from tgstudio_dagster.search.snippet import Marks, snippet
from tgstudio_dagster.search.telling import telling_texts
from tgstudio_dagster.search.vectors import CANDIDATES
from tgstudio_dagster.topics.sentence import Encoder

By = Literal["words", "meaning"]
MAX_PAGE = 100
MAX_DEPTH = 10_000
T = TypeVar("T")


class Hit(msgspec.Struct, frozen=True):
    """A post that was found. `marks` has the start and end of each word asked for in `snippet`.

    Of `score` only the order means anything; for the nearest vectors it is the cosine.
    """

    channel_id: int
    msg_id: int
    channel: str | None
    channel_title: str
    date: datetime
    lang: str
    comment: bool
    deleted: bool
    url: str
    score: float
    snippet: str
    marks: list[tuple[int, int]]


@dataclass(frozen=True)
class Page:
    """One page of hits, best first. `total` counts all that match, None for nearest vectors: they have no end.

    `cursor` asks for the next page, None on the last. `related` are the words that were searched for beside the
    query's, best first. `method` is words, related words or the dense model's name. `gaps` are the days that were not searched as
    they now stand.
    """

    hits: list[Hit]
    total: int | None
    cursor: str | None
    method: str
    related: tuple[str, ...]
    gaps: Gaps

    def as_json(self) -> dict[str, Any]:
        """The page in plain values: times in ISO 8601."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document


class Search:
    """Search of one tenant; `home` is the folder for local copies, shared by all tenants and lakes of this machine.

    With `encoder`, meaning is asked of the vectors of its model; it is loaded by the first such question.
    """

    def __init__(self, lake: TenantLake, home: Path, encoder: Encoder | None = None) -> None:
        root = hashlib.sha256(lake.root.encode()).hexdigest()[:12]
        self._folder = home / "search" / root / f"tenant={lake.tenant}"
        self._lake = lake
        self._encoder = encoder
        self._copy: LocalCopy | None = None

    @property
    def by_meaning(self) -> bool:
        """Whether there is a sentence model; without one related words stand in for meaning."""
        return self._encoder is not None

    def refresh(self) -> Gaps:
        """Take in what changed in the lake; `find` does it too. Of use after a long history was materialized."""
        return self._readable(lambda copy: copy.refresh())

    def find(
        self,
        text: str,
        *,
        by: By = "words",
        first: date | None = None,
        last: date | None = None,
        channels: Sequence[str] = (),
        langs: Sequence[str] = (),
        comments: bool = False,
        deleted: bool = False,
        limit: int = 20,
        cursor: str | None = None,
    ) -> Page:
        """A page of posts for what was typed (see `parse`).

        `channels` are usernames or ids. A cursor belongs to its query and filters. Raises QueryError for a query without
        a word, a foreign cursor, an empty range of days or a page too large or too far, NotFoundError for a channel of
        which no post is indexed, or a model that no day has vectors of, and SettingsError for one that can't be loaded.
        """
        query = parse(text)
        if first and last and first > last:
            raise QueryError(f"{first} is after {last}; give the earlier one first.", field="days")
        if not 1 <= limit <= MAX_PAGE:
            raise QueryError(f"{limit}: a page has 1 to {MAX_PAGE} posts.", field="limit")
        encoder = self._encoder if by == "meaning" else None
        filters = (
            query,
            by,
            first,
            last,
            sorted(channels),
            sorted(langs),
            comments,
            deleted,
            encoder and encoder.model,
        )
        mark = mark_of(*filters, digits=12)
        offset = read_offset(cursor, mark)
        if offset + limit > MAX_DEPTH:
            raise QueryError(
                f"the first {MAX_DEPTH:,} posts can be paged through; narrow the query or the days.", field="cursor"
            )

        def answer(copy: LocalCopy) -> Page:
            gaps = copy.refresh()
            ids = tuple(_channel(copy, channel) for channel in channels)
            where = Filter(first, last, ids, tuple(langs), comments, deleted)
            if encoder is not None:
                return _nearest(copy, query, encoder, meant(text), where, limit, offset, mark, gaps)
            say = partial(telling_texts, self._lake)
            return _by_words(copy, query, by, where, say, limit, offset, mark, gaps)

        return self._readable(answer)

    def _readable(self, ask: Callable[[LocalCopy], T]) -> T:
        """The answer; where the local copy turns out to be damaged, from one made anew."""
        try:
            self._copy = self._copy or LocalCopy(self._lake, self._folder)
            try:
                return ask(self._copy)
            except DamagedError:
                self._copy.start_again()
                return ask(self._copy)
        except DamagedError as error:
            raise LakeError(
                f"{self._folder}: cannot be read or made anew ({error}). Check the disk, remove it."
            ) from error
        except OSError as error:
            raise LakeError(
                f"{self._folder}: {error.strerror or error}. Make room there, or set TGSTUDIO_HOME."
            ) from error


def _by_words(
    copy: LocalCopy,
    query: Query,
    by: By,
    where: Filter,
    say: Callable[[pl.DataFrame], list[str]],
    limit: int,
    offset: int,
    mark: str,
    gaps: Gaps,
) -> Page:
    index = copy.words
    related: tuple[str, ...] = ()
    marked: set[str] = set()
    without = [(tantivy.Occur.MustNot, index.holds(clause)) for clause in query.unwanted]
    if by == "words":
        parts = [(tantivy.Occur.Must, index.holds(clause)) for clause in query.wanted]
    else:
        weights = expand(index, query, without, where, say)
        related, marked = tuple(weights.words.values()), set(weights.added)
        boosts = weights.own | weights.added
        parts = [(tantivy.Occur.Should, index.word(stem, boost)) for stem, boost in boosts.items()]
        parts += [(tantivy.Occur.Should, index.holds(clause)) for clause in query.wanted if clause.kind != "word"]
    matches = index.search(index.query([*parts, *without], where), limit=limit, offset=offset)
    hits = [_hit(row, lambda words: query.marked(words, marked)) for row in matches.posts.iter_rows(named=True)]
    further = write_offset(offset + limit, mark) if matches.total > offset + limit else None
    return Page(hits, matches.total, further, "words" if by == "words" else "related words", related, gaps)


def _nearest(
    copy: LocalCopy,
    query: Query,
    encoder: Encoder,
    text: str,
    where: Filter,
    limit: int,
    offset: int,
    mark: str,
    gaps: Gaps,
) -> Page:
    if not copy.vectors.days(encoder.model):
        raise NotFoundError(
            f"model {encoder.model}: no day has vectors of it. Materialize embeddings and search_index with it, or search "
            "by words."
        )
    vector = encoder.encode([text])[0]
    near = copy.vectors.nearest(encoder.model, vector, where, offset + limit + 1 if not query.unwanted else CANDIDATES)
    if query.unwanted:
        without = [(tantivy.Occur.MustNot, copy.words.holds(clause)) for clause in query.unwanted]
        left = copy.words.by_keys([(channel, message) for channel, message, _ in near], without)
        left_keys = set(left.select("channel_id", "msg_id").iter_rows())
        near = [post for post in near if post[:2] in left_keys]
    page = near[offset : offset + limit]
    order = pl.DataFrame(page, schema={"channel_id": pl.Int64, "msg_id": pl.Int64, "score": pl.Float64}, orient="row")
    posts = copy.words.by_keys([(channel, message) for channel, message, _ in page])
    rows = order.join(posts, on=["channel_id", "msg_id"], how="inner", maintain_order="left")
    hits = [_hit(row, query.marked) for row in rows.iter_rows(named=True)]
    further = write_offset(offset + limit, mark) if len(near) > offset + limit else None
    return Page(hits, None, further, encoder.model, (), gaps)


def _hit(row: dict[str, object], marks: Marks) -> Hit:
    text, places = snippet(str(row["text"]), marks)
    return msgspec.convert({**row, "snippet": text, "marks": places}, Hit)


def _channel(copy: LocalCopy, name: str) -> int:
    channel_id = copy.words.channel_id(name)
    if channel_id is None:
        raise NotFoundError(f"channel {name}: no post of it is indexed. `tgstudio subscriptions` lists the channels.")
    return channel_id
