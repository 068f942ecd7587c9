"""CSV that a spreadsheet may open: no cell of it runs as a formula.

A text that begins like a formula gets an apostrophe before it (owasp.org/www-community/attacks/CSV_Injection, with the
full-width and small forms, which spreadsheets take for the same); what would hide it, or turn the line's direction, goes
first (`text.py`). Numbers and times are left as they are.
"""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from tgstudio_dagster.core.text import HARMFUL, harmless

BOM = b"\xef\xbb\xbf"
"""Begins a file that spreadsheets are to read as UTF-8."""
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫")
_FORMULA = f"^(?:{'|'.join(map(pl.escape_regex, FORMULA_STARTS))})"


def cell(text: str) -> str:
    """A text as a cell that nothing runs."""
    text = harmless(text)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def cells(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with nothing in it that CSV can't hold or a spreadsheet would run.

    Texts become `cell`s, lists and structs JSON texts, names of columns too where a user chose them.
    """
    names: dict[str, str] = {}
    for name in frame.columns:
        shown, number = cell(name), 1
        while shown in names.values():
            number += 1
            shown = f"{cell(name)} ({number})"
        names[name] = shown
    return frame.select(_cell(name, names[name], dtype) for name, dtype in frame.schema.items())


def _cell(name: str, shown: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Binary):
        return column.bin.encode("hex").alias(shown)
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        text = column.cast(pl.String).str.replace_all(HARMFUL, "")
        guarded = pl.concat_str(pl.lit("'"), text)
        return pl.when(text.str.contains(_FORMULA)).then(guarded).otherwise(text).alias(shown)
    if dtype.is_nested() and not _encodes(dtype):
        return column.map_elements(_json, return_dtype=pl.String).alias(shown)
    if isinstance(dtype, pl.List | pl.Array | pl.Struct):
        # Polars encodes structs only: the column goes into one of its own, whose frame is cut off again.
        encoded = pl.struct(column.alias("_")).struct.json_encode().str.slice(len('{"_":')).str.head(-1)
        return pl.when(column.is_not_null()).then(encoded).alias(shown)
    return column.alias(shown)


def _encodes(dtype: Any) -> bool:
    """Whether polars writes values of the type as JSON."""
    if isinstance(dtype, pl.List | pl.Array):
        return _encodes(dtype.inner)
    if isinstance(dtype, pl.Struct):
        return all(_encodes(field.dtype) for field in dtype.fields)
    return not dtype.is_nested() and dtype != pl.Binary


def _json(value: Any) -> str:
    plain = value.to_list() if isinstance(value, pl.Series) else value
    return json.dumps(plain, ensure_ascii=False, default=_hex)


def _hex(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
