"""Draws the sample's pictures: small JPEG scenes that are recognisable by their subject.

Only drawing belongs here; which post shows which picture is decided in files.py. Everything is drawn at twice its size
and reduced, which is Pillow's cheapest smoothing.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tgstudio_dagster.sample.content import seeded

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

Colour = tuple[int, int, int]

_SIZES = ((320, 240), (400, 300), (480, 320), (640, 360), (640, 480))
_SKIES: tuple[tuple[Colour, Colour], ...] = (
    ((52, 84, 130), (246, 190, 150)),
    ((120, 170, 214), (226, 238, 246)),
    ((24, 28, 58), (96, 74, 128)),
    ((150, 158, 170), (214, 218, 222)),
    ((34, 60, 92), (240, 142, 92)),
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn file: its subject, name, size in bytes and in pixels."""

    subject: str
    name: str
    size: int
    width: int
    height: int


def draw_pictures(folder: Path) -> list[Picture]:
    """Draw every picture into `folder` and describe them."""
    pictures = []
    for subject, (count, scene) in _SCENES.items():
        for number in range(1, count + 1):
            rng = seeded("picture", subject, number)
            width, height = rng.choice(_SIZES)
            name = f"{subject}-{number:02}.jpg"
            data = _jpeg(scene, rng, width, height)
            (folder / name).write_bytes(data)
            pictures.append(Picture(subject, name, len(data), width, height))
    return pictures


def _jpeg(scene: Callable[[ImageDraw, Image, Random], None], rng: Random, width: int, height: int) -> bytes:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (2 * width, 2 * height))
    scene(ImageDraw.Draw(image), image, rng)
    data = io.BytesIO()
    image.reduce(2).save(data, "JPEG", quality=80)
    return data.getvalue()


def _sky(image: Image, top: Colour, bottom: Colour) -> None:
    from PIL import Image, ImageOps

    ramp = Image.linear_gradient("L").resize(image.size)
    image.paste(ImageOps.colorize(ramp, top, bottom))


def _mix(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _text(draw: ImageDraw, x: float, y: float, text: str, size: float, fill: Colour) -> None:
    from PIL import ImageFont

    draw.text((x, y), text, font=ImageFont.load_default(size), fill=fill, anchor="mm")


def _skyline(draw: ImageDraw, image: Image, rng: Random) -> None:
    top, bottom = rng.choice(_SKIES)
    _sky(image, top, bottom)
    width, height = image.size
    sun, radius = (rng.uniform(0.15, 0.85) * width, rng.uniform(0.2, 0.5) * height), height * 0.07
    draw.circle(sun, radius, fill=_mix(bottom, (255, 250, 235), 0.75))
    for layer in range(3):
        wall = _mix(_mix(top, bottom, 0.5), (22, 26, 40), 0.35 + 0.27 * layer)
        lit = _mix(wall, (255, 214, 130), 0.75)
        left = -20.0
        while left < width:
            wide = rng.uniform(0.05, 0.12) * width
            roof = height * (rng.uniform(0.38, 0.68) + 0.09 * layer)
            draw.rectangle((left, roof, left + wide, height), fill=wall)
            if rng.random() < 0.2:
                draw.polygon((left, roof, left + wide / 2, roof - wide * 0.6, left + wide, roof), fill=wall)
            for row in range(int((height - roof) / 34)):
                for column in range(int(wide / 26)):
                    if rng.random() < 0.28:
                        x, y = left + 8 + column * 26, roof + 12 + row * 34
                        draw.rectangle((x, y, x + 9, y + 14), fill=lit)
            left += wide + rng.uniform(0, 0.02) * width


def _harbour(draw: ImageDraw, image: Image, rng: Random) -> None:
    top, bottom = rng.choice(_SKIES)
    _sky(image, top, bottom)
    width, height = image.size
    sea = height * 0.62
    water = _mix(top, (20, 62, 84), 0.6)
    draw.rectangle((0, sea, width, height), fill=water)
    for _ in range(90):
        x, y = rng.uniform(0, width), rng.uniform(sea + 8, height)
        draw.line((x, y, x + rng.uniform(20, 70), y), fill=_mix(water, bottom, rng.uniform(0.15, 0.5)), width=3)
    for _ in range(rng.randint(2, 4)):  # cranes
        x, arm = rng.uniform(0.05, 0.9) * width, rng.choice((-1, 1)) * width * 0.12
        steel = _mix((196, 70, 52), top, rng.uniform(0.1, 0.5))
        draw.line((x, sea, x, sea - height * 0.36), fill=steel, width=12)
        draw.line((x - arm * 0.4, sea - height * 0.33, x + arm, sea - height * 0.33), fill=steel, width=9)
        draw.line((x, sea - height * 0.36, x + arm, sea - height * 0.33), fill=steel, width=4)
        draw.line((x + arm * 0.8, sea - height * 0.33, x + arm * 0.8, sea - height * 0.18), fill=steel, width=3)
    x, long = rng.uniform(0.1, 0.5) * width, width * rng.uniform(0.3, 0.45)
    hull = rng.choice(((34, 44, 66), (120, 40, 44), (28, 80, 74)))
    deck = sea + height * 0.05
    draw.polygon(
        (x, deck, x + long, deck, x + long * 0.92, deck + height * 0.1, x + long * 0.07, deck + height * 0.1), fill=hull
    )
    draw.rectangle((x + long * 0.12, deck - height * 0.08, x + long * 0.75, deck), fill=(238, 238, 232))
    draw.rectangle((x + long * 0.5, deck - height * 0.16, x + long * 0.6, deck - height * 0.08), fill=(206, 84, 60))
    for port in range(7):
        draw.circle((x + long * (0.17 + 0.08 * port), deck - height * 0.04), 8, fill=(80, 120, 150))


def _weather(draw: ImageDraw, image: Image, rng: Random) -> None:
    kind = rng.choice(("sun", "cloud", "rain", "snow"))
    top, bottom = {
        "sun": ((64, 146, 214), (190, 224, 246)),
        "cloud": ((110, 136, 164), (206, 216, 226)),
        "rain": ((62, 78, 100), (138, 152, 168)),
        "snow": ((128, 148, 178), (232, 238, 246)),
    }[kind]
    _sky(image, top, bottom)
    width, height = image.size
    x, y, unit = width * 0.34, height * 0.42, height * 0.13
    if kind in ("sun", "cloud"):
        sun = (x + unit, y - unit)
        for ray in range(12):
            turn = math.tau * ray / 12
            far = (sun[0] + math.cos(turn) * unit * 1.7, sun[1] + math.sin(turn) * unit * 1.7)
            draw.line((*sun, *far), fill=(255, 214, 96), width=10)
        draw.circle(sun, unit * 1.15, fill=(255, 200, 64))
    if kind != "sun":
        for dx, dy, size in ((-1.1, 0.2, 0.8), (0, -0.3, 1.1), (1.1, 0.1, 0.9), (0.1, 0.4, 0.9)):
            draw.circle((x + dx * unit, y + dy * unit), size * unit, fill=(244, 247, 250))
    for _ in range({"rain": 46, "snow": 60}.get(kind, 0)):
        drop = (rng.uniform(0, width), rng.uniform(y + unit * 1.4, height))
        if kind == "rain":
            draw.line((*drop, drop[0] - 10, drop[1] + 34), fill=(176, 204, 232), width=4)
        else:
            draw.circle(drop, rng.uniform(4, 9), fill=(255, 255, 255))
    degrees = {"sun": rng.randint(4, 14), "cloud": rng.randint(0, 9), "rain": rng.randint(1, 7)}.get(
        kind, -rng.randint(1, 9)
    )
    _text(draw, width * 0.74, height * 0.42, f"{degrees:+}°", height * 0.24, (255, 255, 255))
    for column in range(5):
        left = width * (0.06 + 0.18 * column)
        draw.rounded_rectangle(
            (left, height * 0.76, left + width * 0.15, height * 0.94), 16, fill=_mix(bottom, top, 0.55)
        )
        _text(
            draw,
            left + width * 0.075,
            height * 0.85,
            f"{degrees + rng.randint(-3, 3):+}°",
            height * 0.08,
            (255, 255, 255),
        )


def _map(draw: ImageDraw, image: Image, rng: Random) -> None:
    width, height = image.size
    sea, land = rng.choice((((164, 206, 226), (236, 230, 212)), ((60, 84, 110), (150, 166, 140))))
    image.paste(sea, (0, 0, width, height))
    for line in range(1, 8):
        draw.line((0, height * line / 8, width, height * line / 8), fill=_mix(sea, (255, 255, 255), 0.25), width=2)
        draw.line((width * line / 8, 0, width * line / 8, height), fill=_mix(sea, (255, 255, 255), 0.25), width=2)
    centres = []
    for _ in range(rng.randint(3, 5)):
        centre = rng.uniform(0.15, 0.85) * width, rng.uniform(0.2, 0.8) * height
        reach = height * rng.uniform(0.16, 0.34)
        coast = [
            (
                centre[0] + math.cos(turn) * reach * (r := rng.uniform(0.7, 1.25)) * 1.3,
                centre[1] + math.sin(turn) * reach * r,
            )
            for turn in (math.tau * step / 22 for step in range(22))
        ]
        draw.polygon(coast, fill=land, outline=_mix(land, (90, 80, 60), 0.5), width=4)
        centres.append(centre)
    for start, end in pairwise(centres):
        draw.line((*start, *end), fill=(190, 96, 70), width=5)
    mark = rng.choice(centres)
    for ring in (5.0, 3.4, 1.8):
        draw.circle(mark, height * 0.02 * ring, outline=(206, 48, 48), width=6)
    for centre in centres:
        draw.circle(centre, 9, fill=(60, 52, 48))


def _chart(draw: ImageDraw, image: Image, rng: Random) -> None:
    width, height = image.size
    ground, grid = rng.choice((((18, 24, 36), (44, 54, 72)), ((250, 250, 247), (224, 226, 228))))
    image.paste(ground, (0, 0, width, height))
    for line in range(1, 7):
        draw.line((width * 0.04, height * line / 7, width * 0.9, height * line / 7), fill=grid, width=2)
    drift, count = rng.choice((-0.006, 0.0, 0.007)), 34
    levels = [0.5]
    for _ in range(count):
        levels.append(levels[-1] + drift + rng.gauss(0, 0.028))
    low, high = min(levels) - 0.03, max(levels) + 0.03
    spot = [height * (0.9 - 0.78 * (level - low) / (high - low)) for level in levels]
    step = width * 0.86 / count
    for place in range(count):
        x, opened, closed = width * 0.05 + step * place, spot[place], spot[place + 1]
        colour = (38, 166, 124) if closed <= opened else (220, 74, 78)
        wick = rng.uniform(0.005, 0.03) * height
        draw.line(
            (x + step / 2, min(opened, closed) - wick, x + step / 2, max(opened, closed) + wick), fill=colour, width=4
        )
        draw.rectangle((x + 4, min(opened, closed), x + step - 4, max(opened, closed) + 3), fill=colour)
    price = rng.uniform(40, 900)
    for line in range(1, 7):
        _text(
            draw, width * 0.945, height * line / 7, f"{price * (1.1 - line / 40):.0f}", height * 0.035, (140, 148, 160)
        )


def _scoreboard(draw: ImageDraw, image: Image, rng: Random) -> None:
    width, height = image.size
    pitch = rng.choice(((36, 110, 62), (26, 66, 110), (214, 226, 236), (122, 62, 40)))
    image.paste(pitch, (0, 0, width, height))
    line = _mix(pitch, (255, 255, 255) if sum(pitch) < 500 else (190, 60, 60), 0.6)
    draw.rectangle((width * 0.05, height * 0.06, width * 0.95, height * 0.94), outline=line, width=6)
    draw.line((width / 2, height * 0.06, width / 2, height * 0.94), fill=line, width=6)
    draw.circle((width / 2, height / 2), height * 0.3, outline=line, width=6)
    draw.rounded_rectangle((width * 0.14, height * 0.3, width * 0.86, height * 0.7), 30, fill=(20, 22, 30))
    for centre in (0.26, 0.74):
        shirt = rng.choice(((210, 52, 52), (48, 98, 200), (240, 196, 60), (240, 240, 240), (60, 160, 90)))
        draw.circle((width * centre, height * 0.5), height * 0.11, fill=shirt)
        stripe = height * 0.03
        draw.rectangle(
            (width * centre - stripe, height * 0.42, width * centre + stripe, height * 0.58), fill=(20, 22, 30)
        )
    _text(draw, width / 2, height * 0.48, f"{rng.randint(0, 5)} : {rng.randint(0, 4)}", height * 0.2, (255, 226, 120))
    _text(draw, width / 2, height * 0.63, f"{rng.randint(61, 90)}'", height * 0.07, (180, 186, 200))


def _circuit(draw: ImageDraw, image: Image, rng: Random) -> None:
    top, bottom = rng.choice((((10, 40, 48), (14, 74, 74)), ((26, 20, 52), (62, 36, 96)), ((20, 26, 34), (42, 52, 64))))
    _sky(image, top, bottom)
    width, height = image.size
    trace, pad = _mix(bottom, (190, 240, 210), 0.4), _mix(bottom, (255, 214, 120), 0.75)
    for _ in range(46):
        x, y = rng.randrange(0, width, 40), rng.randrange(0, height, 40)
        for _ in range(rng.randint(2, 5)):
            dx, dy = rng.choice(((120, 0), (0, 80), (-80, 0), (0, -120), (80, 80)))
            draw.line((x, y, x + dx, y + dy), fill=trace, width=5)
            x, y = x + dx, y + dy
        draw.circle((x, y), 9, fill=pad)
    half = height * 0.2
    middle_x, middle_y = width / 2, height / 2
    for pin in range(9):
        off = -half + half * 2 * (pin + 0.5) / 9
        draw.rectangle((middle_x - half - 30, middle_y + off - 6, middle_x + half + 30, middle_y + off + 6), fill=pad)
        draw.rectangle((middle_x + off - 6, middle_y - half - 30, middle_x + off + 6, middle_y + half + 30), fill=pad)
    draw.rounded_rectangle((middle_x - half, middle_y - half, middle_x + half, middle_y + half), 20, fill=(16, 18, 24))
    name = f"{rng.choice('KNPQRX')}{rng.randint(2, 99)}"
    _text(draw, middle_x, middle_y, name, half * 0.7, _mix(pad, (255, 255, 255), 0.5))


def _road(draw: ImageDraw, image: Image, rng: Random) -> None:
    top, bottom = rng.choice(_SKIES)
    _sky(image, top, bottom)
    width, height = image.size
    horizon = height * 0.42
    draw.rectangle((0, horizon, width, height), fill=_mix(bottom, (70, 84, 74), 0.7))
    for side in range(14):
        x = width * side / 13
        draw.rectangle(
            (x, horizon - height * rng.uniform(0.04, 0.16), x + width * 0.07, horizon),
            fill=_mix(top, (30, 34, 44), 0.6),
        )
    draw.polygon(
        (width * 0.44, horizon, width * 0.56, horizon, width * 1.05, height, -width * 0.05, height), fill=(62, 66, 74)
    )
    for dash in range(7):
        near, far = (dash / 7) ** 1.8, ((dash + 0.5) / 7) ** 1.8
        y1, y2 = horizon + near * (height - horizon), horizon + far * (height - horizon)
        draw.line((width / 2, y1, width / 2, y2), fill=(240, 236, 210), width=3 + round(16 * far))
    for _ in range(rng.randint(3, 7)):
        depth, lane = rng.uniform(0.12, 0.85), rng.choice((-1, 1))
        y, wide = horizon + depth * (height - horizon), width * 0.13 * (0.2 + depth)
        x = width / 2 + lane * width * 0.23 * (0.12 + depth)
        body = rng.choice(((200, 60, 56), (60, 96, 170), (230, 230, 228), (40, 44, 52), (226, 178, 62)))
        draw.rounded_rectangle((x - wide / 2, y - wide * 0.5, x + wide / 2, y), 10, fill=body)
        draw.rounded_rectangle(
            (x - wide * 0.36, y - wide * 0.8, x + wide * 0.36, y - wide * 0.45), 8, fill=_mix(body, (20, 30, 40), 0.6)
        )
        light = (255, 70, 60) if lane > 0 else (255, 246, 200)
        for edge in (-0.38, 0.38):
            draw.circle((x + edge * wide, y - wide * 0.28), wide * 0.07, fill=light)


_SCENES: dict[str, tuple[int, Callable[[ImageDraw, Image, Random], None]]] = {
    "skyline": (10, _skyline),
    "harbour": (8, _harbour),
    "weather": (8, _weather),
    "map": (8, _map),
    "chart": (10, _chart),
    "scoreboard": (6, _scoreboard),
    "circuit": (6, _circuit),
    "road": (6, _road),
}
