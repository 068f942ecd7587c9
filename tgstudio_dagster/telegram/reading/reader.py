"""Reading a tenant's channels from Telegram into landings: its accounts side by side, each channel step by step.

Who may read, in which order and for how long is decided here; a channel's own steps are `channel_reader.py`. What landed
is merged by the `messages` asset, so a reading may be killed, repeated and run beside an import.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta

import polars as pl

from tgstudio_dagster.catalog.accounts.accounts import list_accounts
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.channels import ChannelSeen, list_channels
from tgstudio_dagster.catalog.follows.reading import ChannelCursor, cursor
from tgstudio_dagster.catalog.follows.subscriptions import SubscriptionView, active_subscriptions, mark_subscription
from tgstudio_dagster.catalog.people.tenant_settings import Filters
from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.core.errors import (
    AuthorityLostError,
    ConflictError,
    FloodError,
    LeaseHeldError,
    NotFoundError,
    TelegramError,
    TGStudioError,
    UnreachableError,
    VaultError,
)
from tgstudio_dagster.core.settings import TelegramSettings
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.posts.seen_posts import known_posts
from tgstudio_dagster.telegram.accounts.session import Keys, OpenSession, open_session
from tgstudio_dagster.telegram.accounts.turns import WAIT_SECONDS
from tgstudio_dagster.telegram.mtproto.client import Wait
from tgstudio_dagster.telegram.reading.cadence import Cadence
from tgstudio_dagster.telegram.reading.channel_reader import ChannelReader, Step
from tgstudio_dagster.telegram.reading.finding import Finder
from tgstudio_dagster.telegram.reading.landing import AccountReading
from tgstudio_dagster.telegram.reading.read_report import ReadEvent, ReadReport

_OBJECTS = 200_000
"""Objects made between two looks for cycles; a batch of messages makes about a tenth of it."""
STEPS: tuple[Step, ...] = (
    ChannelReader.read_new,
    ChannelReader.observe,
    ChannelReader.fill_gaps,
    ChannelReader.read_comments,
    ChannelReader.look,
)
"""Every channel takes a step before any takes the next: what is new comes first everywhere, long histories wait."""
QUICK_STEPS: tuple[Step, ...] = (ChannelReader.read_new, ChannelReader.observe)


async def read_tenant(
    tenant: str,
    *,
    catalog: Catalog,
    lake: TenantLake,
    vault: Vault,
    settings: TelegramSettings,
    filters: Filters,
    first_day: date,
    now: Callable[[], datetime],
    history: DayRange | None = None,
    report: Callable[[ReadEvent], None] = lambda _: None,
    wait: float = WAIT_SECONDS,
    session: OpenSession = open_session,
    enough: Callable[[], bool] = lambda: False,
    only: frozenset[int] | None = None,
) -> ReadReport:
    """Read all active subscriptions of the tenant; `history` asks for what is missing of these days, too.

    `wait` is how many seconds a session that is in use is waited for (a reader that only listens gives way), `session`
    what opens one. It ends early where there is `enough` for now; with `only` it reads what is new in these channels,
    and observes again what was heard of there.

    What goes wrong with a channel or an account is in the report and in the catalog, and the others go on. Raises, when
    they have ended, what is nobody's at Telegram: LakeError, SettingsError, and what `report` raises.
    """
    done = ReadReport()
    keys = Keys(tenant, catalog, vault, settings)
    plans = await catalog.ask(_plans, tenant, only)
    if not plans:
        return done
    deadline = now() + timedelta(minutes=settings.read_minutes)
    young = Cadence.parse(settings.observe).days(now())
    known = await asyncio.to_thread(known_posts, lake, young)
    seen = {
        row.channel_id: ChannelSeen(row.channel_id, row.username, row.title, row.kind)
        for row in await catalog.ask(list_channels, tenant)
    }
    troubles: list[TGStudioError] = []

    async def read(account_id: str, views: list[SubscriptionView]) -> None:
        def slept(wait: Wait) -> None:
            if wait.flood:
                until = f"{wait.method} until {wait.until:%H:%M:%S} UTC"
                report(ReadEvent("wait", account_id, text=until))

        try:
            async with session(keys, account_id, wait=wait, on_wait=slept) as (client, held):
                done.read.add(account_id)
                reading = AccountReading(
                    keys, account_id, client, held, lake, filters, first_day, now, deadline, known, dict(seen), done,
                    report, enough,
                )  # fmt: skip
                await _read_account(reading, views, history, STEPS if only is None else QUICK_STEPS)
        except AuthorityLostError as error:
            done.lost[account_id] = str(error)
            done.read.discard(account_id)
            for view in views:
                await catalog.ask(mark_subscription, tenant, view.channel_id, error=str(error))
        except UnreachableError as error:
            done.unreachable[account_id] = str(error)
        except FloodError as error:
            done.wait(account_id, error)
        except (LeaseHeldError, ConflictError, NotFoundError, VaultError, TelegramError) as error:
            done.skipped[account_id] = str(error)
        except TGStudioError as error:
            troubles.append(error)

    with _collecting_rarely():
        try:
            async with asyncio.TaskGroup() as accounts:
                for account_id, views in plans.items():
                    accounts.create_task(read(account_id, views))
        except BaseExceptionGroup as errors:
            if len(errors.exceptions) == 1:
                raise errors.exceptions[0] from None
            raise
    _raise_all(troubles)
    return done


def _plans(catalog: Catalog, tenant: str, only: frozenset[int] | None) -> dict[str, list[SubscriptionView]]:
    """What each active account is to read, of those that have something."""
    plans = {
        account.id: [
            view
            for view in active_subscriptions(catalog, tenant, account.id)
            if only is None or view.channel_id in only
        ]
        for account in list_accounts(catalog, tenant)
        if account.status == "active"
    }
    return {account_id: views for account_id, views in plans.items() if views}


def _raise_all(troubles: list[TGStudioError]) -> None:
    """Raise the trouble there was, or one error that tells of all where they differ."""
    texts = list(dict.fromkeys(map(str, troubles)))
    if len(texts) > 1:
        raise TGStudioError("\n".join(texts))
    if troubles:
        raise troubles[0]


async def _read_account(
    reading: AccountReading, views: list[SubscriptionView], history: DayRange | None, steps: Sequence[Step]
) -> None:
    finder = Finder(reading.client)
    cursors = await reading.ask(_cursors, reading.account_id, [view.channel_id for view in views])
    channels = [
        ChannelReader(reading, view, known, finder, history) for view, known in zip(views, cursors, strict=True)
    ]
    reading.report.channels.update({channel.report.channel_id: channel.report for channel in channels})
    for step in steps:
        if step is ChannelReader.read_comments and any(channel.wants_comments for channel in channels):
            reading.known = await asyncio.to_thread(_known_now, reading, history)
        if not await _each(reading, channels, step):
            return
    for channel in channels:
        await channel.done()


def _cursors(catalog: Catalog, tenant: str, account_id: str, channel_ids: list[int]) -> list[ChannelCursor]:
    return [cursor(catalog, tenant, account_id, channel_id) for channel_id in channel_ids]


async def _each(reading: AccountReading, channels: Iterable[ChannelReader], step: Step) -> bool:
    """Let each channel take the step; False where the time was over first.

    Raises UnreachableError where two channels in a row found no answer: then it is the line, not the channel.
    """
    silent = False
    for channel in channels:
        if reading.over():
            return False
        try:
            await channel.attempt(step)
            silent = False
        except UnreachableError:
            if silent:
                raise
            silent = True
    return True


@contextmanager
def _collecting_rarely() -> Iterator[None]:
    """Let Python look for cycles less often meanwhile: pages are many small objects in no cycle, costly to walk."""
    usual = gc.get_threshold()
    gc.set_threshold(_OBJECTS, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _known_now(reading: AccountReading, history: DayRange | None) -> pl.DataFrame:
    days = {*Cadence.parse(reading.keys.settings.observe).days(reading.now()), *reading.report.days}
    if history is not None:
        days.update(history)
    return known_posts(reading.lake, days)
