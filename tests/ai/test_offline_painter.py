"""The typographic card: size, determinism, letters."""

from __future__ import annotations

import hashlib
import io

import pytest
from PIL import Image

from tgstudio_dagster.ai.offline.painter import OfflinePainter, _drawable, _fitted, _font
from tgstudio_dagster.ai.protocols import PaintRequest, PaintResult


def card(title: str, width: int = 1080, height: int = 1350, seed: str = "a") -> PaintResult:
    return (
        OfflinePainter()
        .paint(
            PaintRequest(
                title=title,
                prompt="",
                negative="",
                width=width,
                height=height,
                caption="Дайджест · 4 канала · 9 марта 2026",
                brief_hash=hashlib.sha256(seed.encode()).hexdigest(),
            )
        )
        .value
    )


@pytest.mark.parametrize("size", [(1080, 1080), (1280, 720), (1080, 1350), (1200, 630), (64, 64)])
def test_a_card_has_the_size_of_its_brief(size: tuple[int, int]) -> None:
    result = card("«Зелёная ветка встала» — что пишут 4 канала", *size)
    image = Image.open(io.BytesIO(result.image))
    assert (image.size, image.format) == (size, "JPEG")


def test_equal_briefs_give_equal_bytes_and_other_hashes_other_cards() -> None:
    assert card("Метро").image == card("Метро").image
    assert card("Метро").image != card("Метро", seed="b").image


@pytest.mark.parametrize("title", ["Слово " * 200, "Б" * 400, "", "🚇🔥", "漢字" * 20])
def test_any_title_is_drawn(title: str) -> None:
    assert len(card(title, 400, 400).image) > 1000


@pytest.mark.parametrize("title", ["«В Северогорске остановлено движение метро» — что пишут 5 каналов", "Слово " * 60])
def test_a_title_stays_within_its_box(title: str) -> None:
    lines, font, leading = _fitted(_drawable(title), (900, 500), 10.8)
    assert lines
    assert max(font.getlength(line) for line in lines) <= 900
    assert len(lines) * leading <= 500


def test_the_font_draws_russian_and_english_and_drops_emoji() -> None:
    assert _drawable("Ёж №5 «да» — €412 🚇 Ok") == "Ёж №5 «да» — €412 Ok"
    assert str(_font("ExtraBold", 20).getname()[0]).startswith("Manrope")
