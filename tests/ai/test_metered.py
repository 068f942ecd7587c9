"""Each kind of model, metered: its answers come back whole from the ledger, its estimates are what is reserved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import select

from tests.builders import make_tenant
from tests.newsroom.posts import russian_topic
from tgstudio_dagster.ai.ledger import Ledger
from tgstudio_dagster.ai.metered import MeteredEncoder, MeteredModerator, MeteredPainter, MeteredWriter
from tgstudio_dagster.ai.offline.encoder import OfflineEncoder
from tgstudio_dagster.ai.offline.moderator import OfflineModerator
from tgstudio_dagster.ai.offline.painter import OfflinePainter
from tgstudio_dagster.ai.offline.writer import OfflineWriter
from tgstudio_dagster.ai.prices import FREE, Price, price
from tgstudio_dagster.ai.protocols import ModerateRequest, PaintRequest, WriteRequest
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.models import AiClaim, AiUsage
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.newsroom.editor import source_messages


@pytest.fixture
def ledger(catalog: Catalog) -> Ledger:
    make_tenant(catalog, "acme")
    return Ledger(catalog, "acme")


def noted(ledger: Ledger) -> list[tuple[str, str, bool]]:
    with ledger.catalog.tenant_session("acme") as session:
        rows = session.scalars(select(AiUsage).order_by(AiUsage.created_at, AiUsage.id))
        return [(row.purpose, row.model, row.cached) for row in rows]


def request(**given: Any) -> WriteRequest:
    posts = tuple(source_messages(russian_topic()))
    return WriteRequest(topic_id="t-1", language="ru", tone="neutral", messages=posts, **given)


def test_a_text_comes_back_as_it_was_written(ledger: Ledger) -> None:
    writer = MeteredWriter(OfflineWriter(), ledger)
    first = writer.write(request())
    assert writer.write(request()).value == first.value == OfflineWriter().write(request()).value
    assert writer.write(request(keywords=("авария",))).value.hashtags != first.value.hashtags
    assert noted(ledger) == [("text", "offline-digest/1", cached) for cached in (False, True, False)]


def test_an_image_comes_back_from_the_tenant_s_files_and_is_drawn_again_where_it_is_gone(
    ledger: Ledger, tmp_path: Path
) -> None:
    lake = Lake(str(tmp_path / "lake"))
    painter = MeteredPainter(OfflinePainter(), ledger, lake.tenant("acme"))
    wanted = PaintRequest(title="Мост", prompt="", negative="", width=640, height=360, caption="", brief_hash="a" * 64)
    first, second = painter.paint(wanted), painter.paint(wanted)
    assert second.value == first.value
    (file,) = (path for path in tmp_path.rglob("*.jpg"))
    file.unlink()
    assert painter.paint(wanted).value == first.value
    assert [cached for _, _, cached in noted(ledger)] == [False, True, True, False]


def test_verdicts_come_back_by_text_and_image(ledger: Ledger) -> None:
    moderator = MeteredModerator(OfflineModerator(), ledger)
    asked = ModerateRequest(texts=("Мост открыли", "онлайн-казино"), images=(b"\x89PNG",))
    for _ in range(2):
        verdicts = moderator.moderate(asked).value.verdicts
        assert [verdict.category for verdict in verdicts] == [None, "gambling", None]
    moderator.moderate(ModerateRequest(texts=asked.texts, images=(b"another",)))
    assert [cached for _, _, cached in noted(ledger)] == [False, True, False]


class Lengths:
    """A sentence model whose vectors are the lengths of the texts."""

    model = "lengths@1"

    def encode(self, texts: Any) -> NDArray[np.float32]:
        return np.array([[len(text)] for text in texts], np.float32)


def test_vectors_are_in_the_ledger_and_their_price_is_none_though_the_model_has_any_name(ledger: Ledger) -> None:
    encoder = MeteredEncoder(OfflineEncoder(Lengths()), ledger)
    assert encoder.encode(["a", "bcd"]).tolist() == [[1.0], [3.0]]
    assert noted(ledger) == [("embedding", "lengths@1", False)]
    with ledger.catalog.tenant_session("acme") as session:
        assert session.scalars(select(AiClaim.reserved_micro_usd)).all() == [0]


def test_a_price_counts_kept_tokens_apart_and_rounds_up() -> None:
    known = Price(input=2.0, output=8.0, image=0.04, cached_input=0.5)
    assert known.micro_usd(read=1_000, cached=400, written=10) == 1_200 + 200 + 80
    assert known.micro_usd(images=2) == 80_000
    assert Price(0.1, 0.0, 0.0).micro_usd(read=1) == 1
    assert Price(2.0, 0.0, 0.0).micro_usd(read=10, cached=10) == 20
    assert (price("anything", "offline"), price("anything")) == (FREE, None)
