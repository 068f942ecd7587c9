"""Paging: walking a channel's ids page by page, up or down, with the next page asked for while the last one is used.

How a page is had is handed in, what becomes of it is the caller's. A page that Telegram refuses is stepped over and said
to be missing; errors of the account, the channel or the line end the walk.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from tgstudio_dagster.core.errors import RefusedError, TelegramError
from tgstudio_dagster.telegram.mtproto.messages import PAGE, Page

Fetch = Callable[[int], Awaitable[Page]]
_STEPS_OVER = 3
"""Refused pages in a row that are stepped over: where all are, it is not the page."""

_TURNS = 8
"""Turns of the event loop until a request has left: without them it would wait until the page before it is used."""


@dataclass(frozen=True)
class Stretch:
    """The ids first..last, of which `page` holds all messages; None where Telegram refused to give it (`refusal`)."""

    first: int
    last: int
    page: Page | None
    refusal: RefusedError | None = None


async def ascending(fetch: Fetch, after: int) -> AsyncGenerator[Stretch, None]:
    """Stretches above `after`, upwards to the end; `fetch(id)` gives the page that follows an id.

    A page less than half full is taken for the last one: what may be missing above it is found by the next walk.
    Raises what `fetch` does; a refused page only where no later page shows that its ids are all given out.
    """
    ahead: asyncio.Task[Page] | None = await _ask(fetch, after)
    read, refused = after, 0
    refusal: RefusedError | None = None
    try:
        while ahead is not None:
            try:
                page = await ahead
            except RefusedError as error:
                if refused == _STEPS_OVER:
                    raise
                refused, refusal, after = refused + 1, error, after + PAGE
                ahead = await _ask(fetch, after)
                continue
            if not page.messages:
                if refusal is not None:
                    # Nothing stands above: the refused ids may still be given out, so they are no gap yet.
                    raise refusal
                return
            top = max(page.ids)
            ahead = await _ask(fetch, top) if 2 * len(page.messages) >= PAGE else None
            if refusal is not None:
                yield Stretch(read + 1, after, None, refusal)
                refused, refusal = 0, None
            yield Stretch(after + 1, top, page)
            read = after = top
    finally:
        await _forget(ahead)


async def descending(fetch: Fetch, before: int, above: int) -> AsyncGenerator[Stretch, None]:
    """Stretches below `before`, downwards to `above` (left out); `fetch(id)` gives the page before an id.

    Only an empty page, or the lowest id, is the end: pages may be short for no reason. Raises what `fetch` does.
    """
    ahead: asyncio.Task[Page] | None = await _ask(fetch, before) if before > above + 1 else None
    refused = 0
    try:
        while ahead is not None:
            refusal: RefusedError | None = None
            page: Page | None = None
            try:
                page = await ahead
                refused = 0
                bottom = min(page.ids, default=above + 1)
            except RefusedError as error:
                if refused == _STEPS_OVER:
                    raise
                refused, refusal = refused + 1, error
                bottom = max(above + 1, before - PAGE)
            ahead = await _ask(fetch, bottom) if bottom > above + 1 else None
            yield Stretch(bottom, before - 1, page, refusal)
            before = bottom
    finally:
        await _forget(ahead)


async def _ask(fetch: Fetch, at: int) -> asyncio.Task[Page]:
    async def asked() -> Page:
        return await fetch(at)

    ahead = asyncio.create_task(asked())
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    return ahead


async def _forget(ahead: asyncio.Task[Page] | None) -> None:
    if ahead is not None:
        ahead.cancel()
        with suppress(asyncio.CancelledError, TelegramError):
            await ahead
