"""A record from what was decoded without its types: each field that fits is taken, each that does not is dropped.

One odd field must not cost the message it stands in. What is dropped is counted by the field's name, as the file has it
(`reactions.results.reaction`), for the summary of the import. Syntax is handled in `loose_json.py`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

from msgspec import inspect as kinds

from tgstudio_dagster.telegram.sources.loose_json import whole_text


class UnfitError(ValueError):
    """A value fits no type of its field; the message names the field."""


def convert(value: Any, kind: Any, name: str = "") -> tuple[Any, Counter[str]]:
    """The value as a record of `kind`, and how often each field was dropped; `name` is the field that it stands in.

    Numbers written as texts, and texts written as numbers, are taken. Raises UnfitError where the value is no object, or a
    field that must be there is missing or odd.
    """
    dropped: Counter[str] = Counter()
    return _fit(value, _described(kind), name, dropped), dropped


@cache
def _described(kind: Any) -> kinds.Type:
    return kinds.type_info(kind)


def _fit(value: Any, kind: kinds.Type, path: str, dropped: Counter[str]) -> Any:
    match kind:
        case kinds.UnionType():
            return _fit_one_of(value, kind, path, dropped)
        case kinds.StructType():
            if isinstance(value, Mapping):
                return _record(value, kind, path, dropped)
        case kinds.ListType():
            if isinstance(value, list | tuple):
                return _items(value, kind, path, dropped)
        case kinds.IntType():
            number = _integer(value)
            if number is not None and _is_within(number, kind):
                return number
        case kinds.FloatType():
            number = _integer(value) if isinstance(value, str) else value
            if isinstance(number, int | float) and not isinstance(number, bool) and _is_finite(number):
                return float(number)
        case kinds.StrType():
            if isinstance(value, str):
                return whole_text(value)
            if isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value):
                whole = _integer(value)  # a data frame writes 5 as 5.0
                return str(value if whole is None else whole)
        case _:
            return _fit_plainly(value, kind, path)
    raise UnfitError(path)


def _fit_plainly(value: Any, kind: kinds.Type, path: str) -> Any:
    """Values of the types that hold no others and need no mending."""
    match kind:
        case kinds.NoneType() if value is None:
            return None
        case kinds.BoolType() if isinstance(value, bool | int) and value in (0, 1):
            return bool(value)
        case kinds.DictType() if isinstance(value, Mapping):
            return dict(value)
        case kinds.AnyType() | kinds.RawType():
            return value
        case _:
            raise UnfitError(path)


def _fit_one_of(value: Any, kind: kinds.UnionType, path: str, dropped: Counter[str]) -> Any:
    """As the first of the types that the value is of, else as the first that it can be taken for."""
    exact = [alternative for alternative in kind.types if _is_of(value, alternative)]
    for alternative in exact or kind.types:
        inner: Counter[str] = Counter()
        try:
            fitted = _fit(value, alternative, path, inner)
        except UnfitError:
            continue
        dropped.update(inner)
        return fitted
    raise UnfitError(path)


def _is_of(value: Any, kind: kinds.Type) -> bool:
    if isinstance(value, bool):
        return isinstance(kind, kinds.BoolType)
    if isinstance(kind, kinds.IntType) and isinstance(value, int):
        return _is_within(value, kind)
    types: dict[type, type | tuple[type, ...]] = {
        kinds.NoneType: type(None), kinds.StrType: str, kinds.FloatType: float, kinds.StructType: Mapping,
        kinds.DictType: Mapping, kinds.ListType: (list, tuple),
    }  # fmt: skip
    return isinstance(value, types.get(type(kind), ()))


def _record(value: Mapping[str, Any], kind: kinds.StructType, path: str, dropped: Counter[str]) -> Any:
    given: dict[str, Any] = {}
    for field in kind.fields:
        name = f"{path}.{field.encode_name}" if path else field.encode_name
        if field.encode_name not in value:
            if field.required:
                raise UnfitError(f"{name} is missing")
            continue
        try:
            given[field.name] = _fit(value[field.encode_name], field.type, name, dropped)
        except UnfitError:
            if field.required:
                raise
            if value[field.encode_name] is not None:
                dropped[name] += 1
    return kind.cls(**given)


def _items(value: list[Any] | tuple[Any, ...], kind: kinds.ListType, path: str, dropped: Counter[str]) -> list[Any]:
    items = []
    for item in value:
        try:
            items.append(_fit(item, kind.item_type, path, dropped))
        except UnfitError:
            dropped[path] += 1
    return items


def _integer(value: Any) -> int | None:
    """The value as a whole number, where it is one or is written as one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value.is_integer() else None
    if isinstance(value, str) and len(value) <= 20:
        digits = value.strip().removeprefix("-")
        return int(value) if digits.isascii() and digits.isdigit() else None
    return None


def _is_within(value: int, kind: kinds.IntType) -> bool:
    return (kind.ge is None or value >= kind.ge) and (kind.le is None or value <= kind.le)


def _is_finite(value: int | float) -> bool:
    return abs(value) < 2**1000 if isinstance(value, int) else math.isfinite(value)
