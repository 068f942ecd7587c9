"""Whoever wants a session gets its turn: a wish is seen while it is waited for, and ends with whoever had it."""

from __future__ import annotations

import asyncio

import pytest

from tgstudio_dagster.catalog.accounts.accounts import session_lease
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.leases import lease
from tgstudio_dagster.core.errors import LeaseHeldError
from tgstudio_dagster.telegram.accounts.turns import session_turn, wanted_sessions


def test_a_free_session_is_had_at_once_and_nobody_wants_it_any_more(catalog: Catalog) -> None:
    async def go() -> None:
        async with session_turn(catalog, "a", wait=0) as held:
            assert held.name == session_lease("a")
            assert "a" not in wanted_sessions(catalog)

    asyncio.run(go())


def test_a_wish_is_seen_while_a_listener_holds_the_session_and_met_when_it_gives_way(catalog: Catalog) -> None:
    seen: list[bool] = []

    async def listener() -> None:
        with lease(catalog, session_lease("a")):
            while "a" not in wanted_sessions(catalog):
                await asyncio.sleep(0.05)
            seen.append(True)

    async def go() -> None:
        listening = asyncio.create_task(listener())
        await asyncio.sleep(0.1)
        async with session_turn(catalog, "a", wait=10):
            assert seen == [True]
        await listening

    asyncio.run(go())


def test_who_waits_too_long_is_told_who_holds_it_and_wishes_no_more(catalog: Catalog) -> None:
    async def go() -> None:
        with lease(catalog, session_lease("a")):
            with pytest.raises(LeaseHeldError, match="session/a"):
                async with session_turn(catalog, "a", wait=0.5):
                    pytest.fail("two hold the session")
            assert "a" not in wanted_sessions(catalog)

    asyncio.run(go())


def test_several_who_want_one_session_have_it_one_after_the_other(catalog: Catalog) -> None:
    inside: list[int] = []
    turns: list[int] = []

    async def reader(number: int) -> None:
        async with session_turn(catalog, "a", wait=20):
            assert not inside
            inside.append(number)
            await asyncio.sleep(0.05)
            turns.append(inside.pop())

    async def go() -> None:
        await asyncio.gather(*(reader(number) for number in range(4)))

    asyncio.run(go())
    assert sorted(turns) == [0, 1, 2, 3]
