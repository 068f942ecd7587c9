"""Walking ids page by page: short pages, refused pages, and how far ahead is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgstudio_dagster.core.errors import FloodError, RefusedError, TelegramError
from tgstudio_dagster.telegram.mtproto.messages import PAGE, Page
from tgstudio_dagster.telegram.reading.paging import Stretch, ascending, descending

ids = st.sets(st.integers(1, 900), max_size=600)


class History:
    """A channel's ids; pages leave the hidden ones out, and pages with `refused` ids are refused."""

    def __init__(self, ids: Iterable[int], *, hidden: Iterable[int] = (), refused: Iterable[int] = ()) -> None:
        self.ids = sorted(ids)
        self.hidden = set(hidden)
        self.refused = set(refused)
        self.asked: list[int] = []

    async def newer(self, after: int) -> Page:
        return self._page(after, [one for one in self.ids if one > after][:PAGE])

    async def older(self, before: int) -> Page:
        return self._page(before, [one for one in self.ids if one < before][-PAGE:])

    def _page(self, at: int, found: list[int]) -> Page:
        self.asked.append(at)
        if self.refused.intersection(found):
            raise RefusedError("messages.getHistory: Telegram refused it.")
        shown = [one for one in found if one not in self.hidden]
        return Page([{"id": one} for one in reversed(shown)], [], len(self.ids))


def walk_up(history: History, after: int = 0) -> list[Stretch]:
    async def walk() -> list[Stretch]:
        return [stretch async for stretch in ascending(history.newer, after)]

    return asyncio.run(walk())


def walk_down(history: History, before: int, above: int = 0) -> list[Stretch]:
    async def walk() -> list[Stretch]:
        return [stretch async for stretch in descending(history.older, before, above)]

    return asyncio.run(walk())


def shown(stretches: list[Stretch]) -> list[int]:
    return sorted(one for stretch in stretches if stretch.page for one in stretch.page.ids)


@given(ids)
def test_upwards_every_id_comes_once(ids: set[int]) -> None:
    assert shown(walk_up(History(ids))) == sorted(ids)


@given(ids)
def test_downwards_every_id_comes_once_and_the_whole_range_is_settled(ids: set[int]) -> None:
    stretches = walk_down(History(ids), 901)
    assert shown(stretches) == sorted(ids)
    assert sorted(one for s in stretches for one in range(s.first, s.last + 1)) == list(range(1, 901))


def test_a_page_that_hides_some_is_not_the_end() -> None:
    hidden = [one for one in range(1, 501) if 40 <= one % 100 <= 70]
    seen = [one for one in range(1, 501) if one not in hidden]
    assert shown(walk_up(History(range(1, 501), hidden=hidden))) == seen
    assert shown(walk_down(History(range(1, 501), hidden=hidden), 501)) == seen


def test_a_page_less_than_half_full_is_the_last() -> None:
    history = History(range(1, 131))
    walk_up(history)
    assert history.asked == [0, 100]


def test_no_more_than_one_page_is_asked_ahead() -> None:
    history = History(range(1, 1001))

    async def first() -> None:
        async with aclosing(ascending(history.newer, 0)) as stretches:
            await anext(stretches)
            await asyncio.sleep(0.01)

    asyncio.run(first())
    assert history.asked == [0, 100]


def test_a_refused_page_is_stepped_over_where_later_ones_come() -> None:
    up = walk_up(History(range(1, 501), refused=[150]))
    assert [(s.first, s.last) for s in up if s.page is None] == [(101, 200)]
    assert shown(up) == [*range(1, 101), *range(201, 501)]
    down = walk_down(History(range(1, 501), refused=[150]), 501)
    assert [(s.first, s.last) for s in down if s.page is None] == [(101, 200)]
    assert shown(down) == [*range(1, 101), *range(201, 501)]


def test_refused_pages_that_nothing_follows_are_an_error_and_no_gap() -> None:
    with pytest.raises(TelegramError):
        walk_up(History(range(1, 151), refused=[120]))


def test_where_all_pages_are_refused_the_walk_ends() -> None:
    history = History(range(1, 2001), refused=range(1, 2001))
    with pytest.raises(TelegramError):
        walk_up(history)
    assert len(history.asked) == 4


def test_a_flood_ends_the_walk_at_once() -> None:
    from datetime import UTC, datetime

    async def flooded(_: int) -> Page:
        raise FloodError("messages.getHistory", datetime(2026, 1, 1, tzinfo=UTC))

    async def walk() -> None:
        async for _ in ascending(flooded, 0):
            pass

    with pytest.raises(FloodError):
        asyncio.run(walk())
