"""The inverted index of one tenant in a folder of this machine, kept by Tantivy: days are replaced, posts are found.

It is a copy of SEARCH_INDEX and may be deleted at any time. A day's rows are made in build.py; when a day is copied is
decided in copy.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from unicodedata import category

import orjson
import polars as pl
import tantivy

from tgstudio_dagster.lake.tables.search import SEARCH_INDEX
from tgstudio_dagster.search.parse import Clause

HEAP = 128_000_000  # bytes of postings in memory before they are written; the least that Tantivy takes is 15 MB
LAUNCH = datetime(2013, 8, 1, tzinfo=UTC)  # of Telegram: minutes since then fit recency's logarithm
STORED = ("channel_id", "msg_id", "channel", "channel_title", "date", "lang", "comment", "deleted", "url", "text")


class DamagedError(Exception):
    """The local index can't be read; the caller throws it away and makes it again."""


@dataclass(frozen=True)
class Filter:
    """Which posts may be found: days (both ends included), channels by id, languages; comments and deleted if asked."""

    first: date | None = None
    last: date | None = None
    channels: tuple[int, ...] = ()
    langs: tuple[str, ...] = ()
    comments: bool = False
    deleted: bool = False


@dataclass(frozen=True)
class Matches:
    """Posts in order of their score: the columns of STORED and `score`; and how many match in all."""

    posts: pl.DataFrame
    total: int


class WordIndex:
    """A tenant's index. What Tantivy cannot read raises DamagedError."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._schema = _schema()
        with _readable():
            self._index = tantivy.Index(self._schema, path=str(folder))
            # By itself it would watch the folder from a thread of its own; whoever searches says when to look.
            self._index.config_reader("manual")
        self.reload()

    def reload(self) -> None:
        """See what was committed since, by this process or another."""
        with _readable():
            self._index.reload()
            self._searcher = self._index.searcher()

    @contextmanager
    def writing(self) -> Iterator[Any]:
        """The writer, for `replace_day`: one at a time. Its merges end before it does."""
        with _readable():
            writer = self._index.writer(HEAP, 1)
        try:
            yield writer
        finally:
            with _readable():
                writer.wait_merging_threads()

    def replace_day(self, writer: Any, day: date, rows: pl.DataFrame) -> None:
        """Put the day's SEARCH_INDEX rows in place of what the index had of it; `writer.commit()` makes it so."""
        with _readable():
            # Not by term: of an unsigned field that deletes nothing (tantivy 0.27), and says nothing.
            writer.delete_documents_by_query(tantivy.Query.term_query(self._schema, "day", _number(day)))
            # The newest first: of two posts with the same score and nearly the same time the earlier put in is first.
            rows = rows.sort("date", "channel_id", "msg_id", descending=True)
            # A date is shown from whole microseconds: a text form would cost more than all the rest.
            stored = rows.select(STORED).with_columns(pl.col("date").dt.epoch("us"))
            for row, values in zip(rows.iter_rows(named=True), stored.iter_rows(), strict=True):
                writer.add_document(_document(day, row, values))

    def search(self, query: tantivy.Query, *, limit: int, offset: int = 0) -> Matches:
        """The best posts by BM25; of equals the newer is first: the score is weighted by the logarithm of the time.

        Within some five minutes the weight can't tell; there the order is that of `replace_day`.
        """
        with _readable():
            result = self._searcher.search(query, limit, count=True, offset=offset, weight_by_field="minute")
            stored = [bytes(self._searcher.doc(address)["shown"][0]) for _, address in result.hits]
        rows = [(*orjson.loads(row), score) for row, (score, _) in zip(stored, result.hits, strict=True)]
        moment = pl.from_epoch("date", "us").dt.replace_time_zone("UTC")
        posts = pl.DataFrame(rows, schema=_FOUND, orient="row").with_columns(moment)
        return Matches(posts, int(result.count or 0))  # type: ignore[attr-defined]  # the stubs lack it

    def by_keys(
        self, keys: Sequence[tuple[int, int]], without: Sequence[tuple[tantivy.Occur, tantivy.Query]] = ()
    ) -> pl.DataFrame:
        """The columns of STORED of the posts with these keys that hold nothing of `without`, in no order."""
        if not keys:
            return SEARCH_INDEX.empty().select(STORED)
        named = tantivy.Query.term_set_query(self._schema, "key", [_key(*key) for key in keys])
        among = tantivy.Query.boolean_query([(tantivy.Occur.Must, named), *without]) if without else named
        return self.search(among, limit=len(keys)).posts.drop("score")

    def query(self, parts: Sequence[tuple[tantivy.Occur, tantivy.Query]], where: Filter) -> tantivy.Query:
        """The parts (what must, should and must not be there) among the posts that the filter lets through."""
        inner = tantivy.Query.boolean_query(list(parts))
        filters = [(tantivy.Occur.Must, tantivy.Query.const_score_query(part, 0.0)) for part in self._filters(where)]
        return tantivy.Query.boolean_query([(tantivy.Occur.Must, inner), *filters]) if filters else inner

    def holds(self, clause: Clause) -> tantivy.Query:
        """Posts that hold the clause. A beginning of a word counts the same whatever the word."""
        query, words = tantivy.Query, "words"
        if clause.kind == "phrase":
            return query.phrase_query(self._schema, words, list(clause.terms))
        if clause.kind == "word":
            return query.term_query(self._schema, words, clause.terms[0])
        begin, stem = clause.terms
        any_word = query.regex_query(self._schema, words, f"{_escaped(begin)}.*")
        same = query.boolean_query([(tantivy.Occur.Should, any_word), (tantivy.Occur.Should, self.word(stem))])
        return query.const_score_query(same, 1.0)

    def word(self, stem: str, boost: float = 1.0) -> tantivy.Query:
        """Posts that hold the stem, its score times `boost`."""
        exact = tantivy.Query.term_query(self._schema, "words", stem)
        return exact if boost == 1 else tantivy.Query.boost_query(exact, boost)

    def frequency(self, stem: str) -> int:
        """How many posts hold the stem."""
        return int(self._searcher.doc_freq("words", stem))

    @property
    def size(self) -> int:
        """How many posts the index holds."""
        return int(self._searcher.num_docs)

    def channel_id(self, name: str) -> int | None:
        """The id of the channel with this username (in any case) or id, None where no post of it is indexed."""
        named = tantivy.Query.term_query(self._schema, "channel_name", name.removeprefix("@").lower())
        ids = self.search(named, limit=1).posts["channel_id"]
        return None if ids.is_empty() else int(ids[0])

    def _filters(self, where: Filter) -> Iterator[tantivy.Query]:
        query, schema = tantivy.Query, self._schema
        if where.first or where.last:
            first, last = where.first or date.min, where.last or date.max
            kind = tantivy.FieldType.Unsigned
            yield query.range_query(schema, "day", kind, _number(first), _number(last))
        if where.channels:
            yield query.term_set_query(schema, "channel_name", [str(channel) for channel in where.channels])
        if where.langs:
            yield query.term_set_query(schema, "lang", [lang.lower() for lang in where.langs])
        if not where.comments:
            yield query.term_query(schema, "comment", _flag(False))
        if not where.deleted:
            yield query.term_query(schema, "deleted", _flag(False))


_FOUND = {name: SEARCH_INDEX.schema[name] for name in STORED} | {"date": pl.Int64(), "score": pl.Float64()}


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("words", tokenizer_name="whitespace", index_option="position")
    for name in ("key", "channel_name", "lang", "comment", "deleted"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("day", indexed=True, fast=True)
    builder.add_unsigned_field("minute", fast=True)
    builder.add_bytes_field("shown", stored=True)
    return builder.build()


def _document(day: date, row: dict[str, Any], stored: tuple[Any, ...]) -> tantivy.Document:
    document = tantivy.Document()
    document.add_text("words", row["words"])
    document.add_text("key", _key(row["channel_id"], row["msg_id"]))
    document.add_text("channel_name", str(row["channel_id"]))
    if row["channel"] is not None:
        document.add_text("channel_name", row["channel"].lower())
    document.add_text("lang", row["lang"])
    document.add_text("comment", _flag(row["comment"]))
    document.add_text("deleted", _flag(row["deleted"]))
    document.add_unsigned("day", _number(day))
    document.add_unsigned("minute", max(0, int((row["date"] - LAUNCH).total_seconds() // 60)))
    document.add_bytes("shown", orjson.dumps(stored))
    return document


def _key(channel_id: int, msg_id: int) -> str:
    return f"{channel_id}/{msg_id}"


def _number(day: date) -> int:
    return day.toordinal()


def _flag(on: bool) -> str:
    return "1" if on else "0"


def _escaped(begin: str) -> str:
    """For Tantivy's regular expressions: a word holds letters, digits, marks and an apostrophe; none is special."""
    return "".join(sign for sign in begin if sign.isalnum() or sign == "'" or category(sign) in ("Mn", "Mc"))


@contextmanager
def _readable() -> Iterator[None]:
    """Turn what Tantivy raises, and where it panics, into DamagedError."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise DamagedError(str(error)) from error
    except BaseException as error:
        # A panic of the Rust library comes as an exception that is no Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise DamagedError(str(error)) from error
