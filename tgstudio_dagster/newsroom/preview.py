"""What a platform would show of a text: how it counts it, what its feed hides behind "more", what it would not take.

For a person who edits; limits themselves are in `platforms.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from tgstudio_dagster.newsroom.fit import clean
from tgstudio_dagster.newsroom.platforms import Platform, Unit

UNITS: dict[Unit, str] = {"utf16": "UTF-16 units", "x": "weighted characters", "utf8": "UTF-8 bytes"}
# What feeds show before "more", in characters. No platform states it and it changes: a hint for the writer, no limit.
FOLDS = {"ig": 125, "li": 210, "vk": 280, "fb": 480}


@dataclass(frozen=True)
class Preview:
    """A text as a platform's feed shows it: `shown`, then `folded` behind "more"; `over` is beyond the limit.

    `count` and `limit` are in `unit`, as the platform counts; `limit` depends on whether there is an image.
    """

    platform: str
    title: str
    count: int
    limit: int
    unit: str
    shown: str
    folded: str
    over: str
    with_image: bool
    image_size: tuple[int, int]

    @property
    def left(self) -> int:
        """How much more would fit; negative where it is too long."""
        return self.limit - self.count

    @property
    def fits(self) -> bool:
        """Whether the platform takes it."""
        return 0 < self.count <= self.limit


def preview(text: str, target: Platform, *, with_image: bool) -> Preview:
    """What the platform would show of the text; the three parts of it, put together, are the text."""
    text = clean(text)
    limit = target.limit(with_image=with_image)
    taken = _within(text, limit, target)
    fold = FOLDS.get(target.name)
    seen = len(taken) if fold is None or len(taken) <= fold else _word_end(taken, fold)
    return Preview(
        platform=target.name,
        title=target.title,
        count=target.length(text),
        limit=limit,
        unit=UNITS[target.unit],
        shown=taken[:seen],
        folded=taken[seen:],
        over=text[len(taken) :],
        with_image=with_image,
        image_size=target.image_size,
    )


def _within(text: str, limit: int, target: Platform) -> str:
    """The longest beginning that the platform takes; by halves, since counting a text costs its length."""
    if target.length(text) <= limit:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if target.length(text[:middle]) <= limit:
            low = middle
        else:
            high = middle - 1
    return text[:low]


def _word_end(text: str, place: int) -> int:
    space = text.rfind(" ", 0, place + 1)
    return space if space > place // 2 else place
