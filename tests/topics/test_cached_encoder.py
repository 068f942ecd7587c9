"""Vectors are computed once: the lake's cache across runs, tenants and days."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.topics.models import Scripted
from tgstudio_dagster.lake import vector_cache
from tgstudio_dagster.lake.store import Lake, S3Options
from tgstudio_dagster.topics import cached_encoder
from tgstudio_dagster.topics.cached_encoder import CachedEncoder

DAY = date(2026, 3, 9)


def _remembered(lake: Lake, encoder: Scripted, day: date = DAY) -> CachedEncoder:
    return CachedEncoder(encoder, lake.vectors, day, lambda _done, _total: None)


def _objects(lake: Lake) -> list[str]:
    return list(lake.objects.list("vectors"))


def test_a_text_is_read_once_whoever_asks_again(lake_root: tuple[str, dict[str, str] | None]) -> None:
    root, options = lake_root
    lake, encoder = Lake(root, s3=S3Options(**options) if options else None), Scripted()
    first = _remembered(lake, encoder).encode(["a", "b", "a"])
    again = _remembered(lake, encoder).encode(["b", "c", "a"])
    assert encoder.read == ["a", "b", "c"]
    assert np.array_equal(first[[1, 0]], again[[0, 2]]) and np.array_equal(first[0], first[2])


def test_vectors_of_another_model_or_day_are_not_taken(tmp_path: Path) -> None:
    lake, first, other = Lake(str(tmp_path)), Scripted(), Scripted(model="scripted@2")
    for encoder, day in ((first, DAY), (other, DAY), (first, DAY + timedelta(1))):
        _remembered(lake, encoder, day).encode(["a"])
    assert first.read == ["a", "a"] and other.read == ["a"]
    assert len(_objects(lake)) == 3


def test_the_cache_holds_no_text_and_no_tenant(tmp_path: Path) -> None:
    _remembered(Lake(str(tmp_path)), Scripted()).encode(["совершенно секретно"])
    (path,) = tmp_path.rglob("*.parquet")
    assert "секретно".encode() not in path.read_bytes() and "tenant" not in str(path.relative_to(tmp_path))


def test_the_same_texts_give_the_same_bytes_in_whatever_order(tmp_path: Path) -> None:
    texts = [str(n) for n in range(50)]
    for name, order in (("one", texts), ("other", texts[::-1])):
        _remembered(Lake(str(tmp_path / name)), Scripted()).encode(order)
    first, other = (next((tmp_path / name).rglob("*.parquet")).read_bytes() for name in ("one", "other"))
    assert first == other


def test_what_a_damaged_object_held_is_computed_again(tmp_path: Path) -> None:
    lake, encoder = Lake(str(tmp_path)), Scripted()
    for _ in range(3):
        _remembered(lake, encoder).encode(["a"])
        if len(encoder.read) == 1:
            next(tmp_path.rglob("*.parquet")).write_bytes(b"garbage")
    assert encoder.read == ["a", "a"]


def test_a_run_that_stores_while_another_computes_loses_nothing(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    inner = Scripted()

    class Slow(Scripted):
        def encode(self, texts):  # type: ignore[no-untyped-def]
            _remembered(lake, inner).encode(["b"])
            return super().encode(texts)

    _remembered(lake, Slow()).encode(["a"])
    stored = Scripted()
    _remembered(lake, stored).encode(["a", "b"])
    assert stored.read == []


def test_progress_is_said_and_what_is_done_is_kept_though_the_run_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cached_encoder, "SAID_EVERY", 2)
    monkeypatch.setattr(cached_encoder, "KEPT_EVERY", 4)
    lake, progress = Lake(str(tmp_path)), []

    class Killed(Scripted):
        def encode(self, texts):  # type: ignore[no-untyped-def]
            if len(self.read) >= 6:
                raise KeyboardInterrupt
            return super().encode(texts)

    texts = [str(n) for n in range(9)]
    with pytest.raises(KeyboardInterrupt):
        CachedEncoder(Killed(), lake.vectors, DAY, lambda done, total: progress.append((done, total))).encode(texts)
    assert progress == [(2, 9), (4, 9), (6, 9)]
    after = Scripted()
    _remembered(lake, after).encode(texts)
    assert after.read == texts[4:]


def test_the_cache_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_cache, "MOST_TEXTS", 3)
    monkeypatch.setattr(vector_cache, "MOST_OBJECTS", 2)
    lake, encoder = Lake(str(tmp_path)), Scripted()
    for n in range(4):
        _remembered(lake, encoder, DAY + timedelta(n)).encode(["a", "b"])
    assert len(_objects(lake)) == 2
    newest = DAY + timedelta(3)
    _remembered(lake, encoder, newest).encode(["c", "d"])
    stored = lake.vectors.known(encoder.model, newest, [vector_cache.text_hash(text) for text in "abcd"])
    assert set(stored) >= {vector_cache.text_hash("c"), vector_cache.text_hash("d")} and len(stored) == 3


def test_nothing_to_read_asks_no_model(tmp_path: Path) -> None:
    encoder = Scripted()
    assert _remembered(Lake(str(tmp_path)), encoder).encode([]).shape == (0, 0)
    assert encoder.read == []
