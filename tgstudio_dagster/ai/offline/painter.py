"""The offline painter: a typographic card drawn with Pillow, in the brief's size. Equal briefs give equal bytes.

Layout and colours only; the font is Manrope (SIL OFL 1.1, Latin and Cyrillic), from the font-manrope package.
"""

from __future__ import annotations

import io
import random
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from tgstudio_dagster.ai.protocols import PaintRequest, PaintResult, Reply, Usage
from tgstudio_dagster.catalog.money.usage import OFFLINE
from tgstudio_dagster.core.errors import NewsroomError

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

SUPERSAMPLE = 3  # the pattern is drawn larger and scaled down, for smooth edges


@dataclass(frozen=True)
class Palette:
    """Colours of one card: ground, the pattern's second tone, accent, title, caption."""

    ground: str
    tone: str
    accent: str
    title: str
    caption: str


PALETTES = (
    Palette("#10182B", "#1E2B4A", "#FFB454", "#F7F4EC", "#A9B4CC"),
    Palette("#F5F0E6", "#E4DAC6", "#D6452B", "#1B1A18", "#6B6357"),
    Palette("#0F2A2A", "#1A4240", "#6FE3B4", "#F2F7F3", "#9DBBB3"),
    Palette("#EDF1F6", "#D5DEE9", "#2456E6", "#111B2E", "#5A6880"),
    Palette("#2A1430", "#46224E", "#FF7E8A", "#FBF1F4", "#C3A6C6"),
    Palette("#F2F2EC", "#DEE3D2", "#1F7A4D", "#17201A", "#5E6B60"),
)


class OfflinePainter:
    """A Painter that sets the title in type over a pattern seeded by the brief's hash."""

    @property
    def provider(self) -> str:
        """See Model."""
        return OFFLINE

    @property
    def model(self) -> str:
        """See Model."""
        return "offline-card/1"

    def paint(self, request: PaintRequest) -> Reply[PaintResult]:
        """A JPEG (what Instagram takes) of the brief's size; characters that the font lacks, such as emoji, go."""
        from PIL import Image, ImageDraw

        seed = random.Random(request.brief_hash)
        palette = seed.choice(PALETTES)
        width, height = request.width, request.height
        image = Image.new("RGB", (width, height), palette.ground)
        unit = min(width, height) / 100
        margin = round(7 * unit)
        beside = width > 1.25 * height
        if beside:
            band = (round(width * 0.74), 0, width, height)
            text_box = (margin, margin, band[0] - round(5 * unit), height - margin)
        else:
            band = (0, 0, width, round(height * 0.27))
            text_box = (margin, band[3] + round(6 * unit), width - margin, height - margin)
        image.paste(_pattern(seed, palette, band[2] - band[0], band[3] - band[1]), band[:2])
        _set_type(ImageDraw.Draw(image), request, palette, text_box, unit)
        out = io.BytesIO()
        image.save(out, "JPEG", quality=92, subsampling=0, optimize=True)
        result = PaintResult(image=out.getvalue(), extension="jpg", width=width, height=height)
        return Reply(result, self.model, Usage(images=1))


def _pattern(seed: random.Random, palette: Palette, width: int, height: int) -> Image.Image:
    """Quarter discs, discs, bars and rings on a square grid that fills the band."""
    from PIL import Image, ImageDraw

    short = 2 if width < height else 3
    cell = -(-min(width, height) // short)
    big = cell * SUPERSAMPLE
    columns, rows = -(-width // cell), -(-height // cell)
    canvas = Image.new("RGB", (columns * big, rows * big), palette.tone)
    draw = ImageDraw.Draw(canvas)
    accents = set(seed.sample(range(columns * rows), max(2, columns * rows // 4)))
    for number in range(columns * rows):
        left, top = number % columns * big, number // columns * big
        fill = palette.accent if number in accents else palette.ground
        _tile(draw, seed, left, top, big, fill, palette.tone)
    canvas = canvas.resize((columns * cell, rows * cell), Image.Resampling.LANCZOS)
    return canvas.crop((0, 0, width, height))


def _tile(
    draw: ImageDraw.ImageDraw, seed: random.Random, left: int, top: int, size: int, fill: str, ground: str
) -> None:
    shape = seed.choice(("quarter", "quarter", "quarter", "disc", "bars", "ring", "half"))
    turn = seed.randrange(4)
    right, bottom = left + size - 1, top + size - 1
    if shape == "quarter":
        x = left if turn in (0, 3) else right
        y = top if turn in (0, 1) else bottom
        draw.pieslice((x - size, y - size, x + size, y + size), turn * 90, turn * 90 + 90, fill=fill)
    elif shape == "half":
        boxes = ((left, top, right, top + size // 2), (left + size // 2, top, right, bottom))
        draw.rectangle(boxes[turn % 2], fill=fill)
    elif shape == "bars":
        step = size // 5
        for place in range(0, size, 2 * step):
            box = (left, top + place, right, top + place + step - 1)
            draw.rectangle(box if turn % 2 else (left + place, top, left + place + step - 1, bottom), fill=fill)
    else:
        inset = size // 8
        draw.ellipse((left + inset, top + inset, right - inset, bottom - inset), fill=fill)
        if shape == "ring":
            inset = size // 3
            draw.ellipse((left + inset, top + inset, right - inset, bottom - inset), fill=ground)


def _set_type(
    draw: ImageDraw.ImageDraw, request: PaintRequest, palette: Palette, box: tuple[int, int, int, int], unit: float
) -> None:
    """Kicker at the top, title in what room is left, rule and caption at the bottom."""
    left, top, right, bottom = box
    kicker, _, rest = request.caption.partition(" · ")
    small = _font("Bold", round(3.1 * unit))
    draw.rectangle((left, top, left + round(9 * unit), top + max(3, round(0.9 * unit))), fill=palette.accent)
    top += round(3.6 * unit)
    _spaced(draw, (left, top), _drawable(kicker).upper(), small, palette.accent, 0.45 * unit)
    top += round(7.5 * unit)

    caption_font = _font("Medium", round(3.7 * unit))
    parts = [_drawable(part) for part in rest.split(" · ")]
    baseline = bottom - round(1 * unit)
    draw.line(
        (left, baseline - round(5.6 * unit), right, baseline - round(5.6 * unit)), palette.tone, round(0.35 * unit)
    )
    draw.text((left, baseline), parts[0], palette.caption, caption_font, "ls")
    if len(parts) > 1:
        draw.text((right, baseline), parts[-1], palette.caption, caption_font, "rs")

    room = (right - left, baseline - round(9.5 * unit) - top)
    lines, font, leading = _fitted(_drawable(request.title), room, unit)
    first = top + round(0.72 * font.size)  # Manrope's capitals are .72 of the size high
    for number, line in enumerate(lines):
        draw.text((left, first + number * leading), line, palette.title, font, "ls")


def _spaced(
    draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, font: ImageFont.FreeTypeFont, fill: str, gap: float
) -> None:
    x = float(place[0])
    for char in text:
        draw.text((round(x), place[1]), char, fill, font, "la")
        x += font.getlength(char) + gap


def _fitted(text: str, room: tuple[int, int], unit: float) -> tuple[list[str], ImageFont.FreeTypeFont, int]:
    """The title in lines, in the largest size at which it fits the room; cut with … where even the smallest is too big."""
    for size in range(round(13 * unit), round(3.5 * unit), -1):
        font = _font("ExtraBold", size)
        lines = _wrapped(text, font, room[0])
        leading = round(size * 1.2)
        if lines and len(lines) * leading <= room[1]:
            return _balanced(text, lines, font, room[0]), font, leading
    font = _font("ExtraBold", max(8, round(3.5 * unit)))
    leading = round(font.size * 1.2)
    words = text.split()
    while len(words) > 1:
        words.pop()
        lines = _wrapped(" ".join(words) + "…", font, room[0])
        if lines and len(lines) * leading <= room[1]:
            return lines, font, leading
    return _wrapped(_clipped(text, font, room[0]), font, room[0]), font, leading


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Lines of whole words, short words kept with the next; empty where a word is wider than the line."""
    lines: list[str] = []
    for word in _glued(text):
        if font.getlength(word) > width:
            return []
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _balanced(text: str, lines: list[str], font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """As many lines, of lengths as equal as the words allow: no lone word in the last."""
    narrow, wide = width // 2, width
    while wide - narrow > 4:
        middle = (narrow + wide) // 2
        tried = _wrapped(text, font, middle)
        if tried and len(tried) <= len(lines):
            wide = middle
        else:
            narrow = middle
    return _wrapped(text, font, wide) or lines


def _glued(text: str) -> list[str]:
    """Words, with prepositions, numbers and dashes kept beside their neighbour, as a typesetter would."""
    units: list[str] = []
    for word in text.split():
        previous = units[-1].rsplit(" ", 1)[-1] if units else ""
        if word in ("—", "–", "-") or (previous and len(previous) <= 2 and previous.isalpha()) or previous.isdigit():
            units[-1] += f" {word}" if units else word
        else:
            units.append(word)
    return units


def _clipped(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return f"{text}…" if text else ""


def _drawable(text: str) -> str:
    """The text without the characters that the font can't draw."""
    text = unicodedata.normalize("NFC", text)
    return " ".join("".join(char if char.isspace() or _has_glyph(char) else " " for char in text).split())


@cache
def _has_glyph(char: str) -> bool:
    font = _font("Bold", 32)
    return unicodedata.category(char)[0] not in "CM" and bytes(font.getmask(char)) != bytes(font.getmask("\uffff"))


@cache
def _font(weight: str, size: int) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    try:
        path = files("font_manrope") / "files" / f"Manrope-{weight}.ttf"
    except ModuleNotFoundError as error:
        raise NewsroomError("the font of the cards is missing: pip install font-manrope") from error
    return ImageFont.truetype(str(path), max(8, size), layout_engine=ImageFont.Layout.BASIC)
