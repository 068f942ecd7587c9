"""Fetch the files that posts are still missing from Telegram, and store them in the lake.

Which files are wanted is `posts/attachments.py`'s decision, how bytes come is `mtproto/files.py`'s; here is who fetches
what, in what order, and what becomes of each file when something goes wrong.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tgstudio_dagster.catalog.accounts.accounts import TgAccount, list_accounts
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.reading import cursor
from tgstudio_dagster.catalog.follows.subscriptions import SubscriptionView, list_subscriptions
from tgstudio_dagster.catalog.leases import Lease
from tgstudio_dagster.catalog.money.plans import limits_of, spend, spent
from tgstudio_dagster.core.errors import (
    AuthorityLostError,
    ChannelLostError,
    ConflictError,
    FloodError,
    LeaseHeldError,
    NotFoundError,
    SettingsError,
    TelegramError,
    UnreachableError,
    VaultError,
)
from tgstudio_dagster.core.settings import TelegramSettings
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.posts.attachments import (
    OUT_OF_TIME,
    PENDING,
    REFUSED,
    Item,
    Outcome,
    within_quota,
)
from tgstudio_dagster.telegram.files.staging import Record, StagedFile, Staging

if TYPE_CHECKING:
    from tgstudio_dagster.telegram.accounts.session import OpenSession
    from tgstudio_dagster.telegram.mtproto.files import Files, Found, RemoteFile

QUOTA = "media_bytes_per_day"
_TOGETHER = 100
"""Messages to one channels.getMessages."""
_UNREACHABLE_IN_A_ROW = 3
"""Files that could not be had, one after another, before the account's reading is given up for now."""


@dataclass
class Downloads:
    """What became of the wanted files; `waits_until` is the end of the first flood wait that broke a reading off."""

    outcomes: dict[Item, Outcome] = field(default_factory=dict)
    bytes: int = 0
    waits_until: datetime | None = None
    errors: list[str] = field(default_factory=list)


async def download_media(
    tenant: str,
    items: Sequence[Item],
    *,
    catalog: Catalog,
    lake: TenantLake,
    vault: Callable[[], Vault],
    settings: TelegramSettings,
    staging: Path,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    session: OpenSession | None = None,
) -> Downloads:
    """Fetch the files through the accounts that read their channels, side by side; every item gets an outcome.

    What can't be had now stays pending, with the reason: no account, a session in use, a flood, no answer, the day's quota
    used up, the run's time (`settings.read_minutes`) over. `vault` is asked for only when a session is to be opened, by
    `session`.
    Raises LakeError where the disk or the lake fails; what was stored by then is not downloaded again.
    """
    run = _Run(tenant, catalog, lake, vault, settings, Staging(staging, tenant), clock, session)
    await asyncio.to_thread(run.staging.prepare)
    await run.fetch(items)
    return run.result


class _Run:
    """One download of a tenant's files."""

    def __init__(
        self,
        tenant: str,
        catalog: Catalog,
        lake: TenantLake,
        vault: Callable[[], Vault],
        settings: TelegramSettings,
        staging: Staging,
        clock: Callable[[], datetime],
        session: OpenSession | None,
    ) -> None:
        self.tenant, self.catalog, self.lake, self.vault = tenant, catalog, lake, vault
        self.settings, self.staging, self.clock = settings, staging, clock
        self._open = session
        self.result = Downloads()
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._deadline = time.monotonic() + settings.read_minutes * 60

    async def fetch(self, items: Sequence[Item]) -> None:
        ask = self.catalog.ask
        readers = self._readers(
            items, await ask(list_subscriptions, self.tenant), await ask(list_accounts, self.tenant)
        )
        whole = (await ask(limits_of, self.tenant)).media_bytes_per_day
        left = whole - await ask(spent, self.tenant, QUOTA, self.clock().date())
        fitting, rest = within_quota([item for item in items if item in readers], left=left, whole=whole)
        self.result.outcomes.update(rest)
        by_account: dict[str, list[Item]] = {}
        for item in fitting:
            by_account.setdefault(readers[item].id, []).append(item)
        accounts = {account.id: account for account in readers.values()}
        await _together([self._account(accounts[name], wanted) for name, wanted in by_account.items()])

    def _readers(
        self, items: Sequence[Item], views: Sequence[SubscriptionView], rows: Sequence[TgAccount]
    ) -> dict[Item, TgAccount]:
        """The account that fetches each file: the one that reads its channel, or the channel it comments on."""
        followed = {view.channel_id: view for view in views}
        accounts = {account.id: account for account in rows}
        readers: dict[Item, TgAccount] = {}
        for item in items:
            view = followed.get(item.channel_id) or followed.get(item.comment_channel or 0)
            account = accounts.get(view.account_id or "") if view is not None and view.status == "active" else None
            if account is None:
                self.leave([item], "no account reads the channel now")
            elif account.status != "active":
                self.leave([item], f"the account {account.name} is {account.status}: pair it again")
            else:
                readers[item] = account
        return readers

    async def _account(self, account: TgAccount, items: list[Item]) -> None:
        """Fetch what one account is to fetch; whatever ends it early, the rest stays pending."""
        from tgstudio_dagster.telegram.accounts.session import Keys, open_session
        from tgstudio_dagster.telegram.mtproto.files import Files

        reason = OUT_OF_TIME.removeprefix(f"{PENDING}: ")
        try:
            keys = Keys(self.tenant, self.catalog, self.vault(), self.settings)
            async with (
                (self._open or open_session)(keys, account.id) as (client, held),
                asyncio.timeout(max(0.0, self._deadline - time.monotonic())),
            ):
                await _Account(self, account.id, Files(client), held).fetch(items)
        except TimeoutError:
            self.result.errors.append(f"{account.name}: {reason}")
        except (TelegramError, SettingsError, VaultError, ConflictError, NotFoundError, LeaseHeldError) as error:
            reason = str(error)
            self.result.errors.append(f"{account.name}: {error}")
            if isinstance(error, FloodError):
                self.result.waits_until = min(self.result.waits_until or error.until, error.until)
        self.leave([item for item in items if item not in self.result.outcomes], reason)

    def leave(self, items: Sequence[Item], reason: str) -> None:
        """The files stay pending, for the reason."""
        for item in items:
            self.result.outcomes[item] = Outcome(f"pending: {reason}")

    def turn(self, name: str) -> asyncio.Lock:
        """Two posts may have one file: one of them at a time fetches it."""
        return self._turns[name]


class _Account:
    """One account's part of a run."""

    def __init__(self, run: _Run, account_id: str, files: Files, held: Lease) -> None:
        self._run, self._account_id, self._files, self._held = run, account_id, files, held
        self._places = asyncio.Semaphore(run.settings.media_parallel)
        # Apart from the places: the line is not to stand still while a file is flushed to the disk.
        self._storing = asyncio.Semaphore(run.settings.media_parallel)
        self._unreachable = 0
        self._unspent = 0

    async def fetch(self, items: Sequence[Item]) -> None:
        for channel_id, some in _in_turn(items):
            if self._held.wanted:
                raise TimeoutError
            self._held.check()
            try:
                await self._some(channel_id, some)
            finally:
                run, amount, self._unspent = self._run, self._unspent, 0
                run.result.bytes += amount
                if amount:
                    await run.catalog.ask(spend, run.tenant, QUOTA, run.clock().date(), amount)

    async def _some(self, channel_id: int, items: list[Item]) -> None:
        """The files of at most 100 messages of one channel."""
        from tgstudio_dagster.telegram.mtproto.peers import PeerKey

        run = self._run
        known = await run.catalog.ask(cursor, run.tenant, self._account_id, channel_id)
        access_hash = known.access_hash
        if access_hash is None:
            self._run.leave(items, "the account has not looked the channel up yet")
            return
        key = PeerKey(channel_id, access_hash)
        try:
            found = await self._files.find(key, [item.member_id for item in items])
        except (FloodError, UnreachableError, AuthorityLostError):
            raise
        except TelegramError as error:
            self._run.leave(items, str(error))
            return
        await _together([self._settle(item, found.get(item.member_id)) for item in items])

    async def _settle(self, item: Item, found: Found | None) -> None:
        try:
            outcome = await self._outcome(item, found)
            self._unreachable = 0
        except ChannelLostError as error:
            outcome = Outcome(f"pending: {error}")
        except UnreachableError as error:
            self._unreachable += 1
            if self._unreachable >= _UNREACHABLE_IN_A_ROW:
                raise
            outcome = Outcome(f"pending: {error}")
        except (FloodError, AuthorityLostError):
            raise
        except TelegramError as error:
            outcome = Outcome(f"{REFUSED}{error}")
        self._run.result.outcomes[item] = outcome

    async def _outcome(self, item: Item, found: Found | None) -> Outcome:
        if found is None:
            return Outcome(f"{REFUSED}the message is gone, or has no file now")
        if item.size is not None and found.file.size != item.size:
            return Outcome(f"{REFUSED}the file is {found.file.size} bytes now, the post was read with {item.size}")
        async with self._run.turn(found.file.name):
            record = self._run.staging.stored(found.file.name)
            if record is None or not self._run.lake.has_file(record.uri):
                record = await self._stored(item, found)
        if record is None:
            return Outcome("pending: the staged file was changed on this machine's disk; it is downloaded anew")
        return Outcome("stored", record.sha256, record.uri, record.size, record.thumb_sha256, record.thumb_uri)

    async def _stored(self, item: Item, found: Found) -> Record | None:
        """Download the file and its thumbnail and put both into the lake; None where the staged bytes can't be trusted."""
        async with self._places:
            thumbnail = await self._thumbnail(found.thumbnail) if found.thumbnail else None
            fetched = await self._fetched(found.file)
            # Before the place is given up: no more wait in memory than may be stored at once.
            await self._storing.acquire()
        try:
            self._held.check()
            keeping = asyncio.create_task(
                asyncio.to_thread(_keep, self._run, found.file, fetched, thumbnail, item.extension)
            )
            try:
                return await asyncio.shield(keeping)
            except asyncio.CancelledError:
                # Another file has ended the reading, by a flood say: this one is downloaded, and is stored.
                return await keeping
        finally:
            self._storing.release()

    async def _fetched(self, file: RemoteFile) -> bytes | StagedFile:
        """The whole file: in memory where it comes in one part, which has nothing to go on with after a break."""
        from tgstudio_dagster.telegram.mtproto.files import PART

        if file.size <= PART:
            return await self._content(file)
        staged = await asyncio.to_thread(self._run.staging.open, file.name, whole=file.size, part=PART)
        before = staged.size
        try:
            await self._files.download(file, _OnDisk(staged), offset=before, part=PART)
        finally:
            self._unspent += staged.size - before
            staged.close()
        return staged

    async def _thumbnail(self, file: RemoteFile) -> bytes | None:
        """The thumbnail; None where Telegram refuses it, which is no reason to go without the file."""
        try:
            return await self._content(file)
        except (FloodError, UnreachableError, AuthorityLostError, ChannelLostError):
            raise
        except TelegramError:
            return None

    async def _content(self, file: RemoteFile) -> bytes:
        """All of a small file."""
        content = _InMemory()
        try:
            await self._files.download(file, content)
        finally:
            self._unspent += len(content.bytes)
        return bytes(content.bytes)


class _InMemory:
    """A small file on its way."""

    def __init__(self) -> None:
        self.bytes = bytearray()

    async def write(self, content: bytes) -> None:
        self.bytes += content


class _OnDisk:
    """A staged file on its way: written and hashed beside the loop, which has the next parts to decrypt."""

    def __init__(self, staged: StagedFile) -> None:
        self._staged = staged

    async def write(self, content: bytes) -> None:
        writing = asyncio.create_task(asyncio.to_thread(self._staged.write, content))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await writing
            raise


def _keep(
    run: _Run, file: RemoteFile, fetched: bytes | StagedFile, thumbnail: bytes | None, extension: str
) -> Record | None:
    """Put a file and its thumbnail into the lake; None where what was staged is not what was downloaded."""
    if isinstance(fetched, StagedFile):
        with fetched.path.open("rb") as stream:
            stored = run.lake.put_file(stream, extension)
        fetched.discard()
        if (stored.sha256, stored.size) != (fetched.sha256, file.size):
            return None
    else:
        stored = run.lake.put_file(fetched, extension)
    small = run.lake.put_file(thumbnail, "jpg") if thumbnail is not None else None
    record = Record(
        stored.sha256, stored.uri, stored.size, small.sha256 if small else None, small.uri if small else None
    )
    run.staging.note_stored(file.name, record)
    return record


def _in_turn(items: Sequence[Item]) -> list[tuple[int, list[Item]]]:
    """The items by channel in hundreds, a hundred of each channel before the next of any, newest first."""
    channels: dict[int, list[Item]] = {}
    for item in items:
        channels.setdefault(item.channel_id, []).append(item)
    rounds = range(0, max(map(len, channels.values()), default=0), _TOGETHER)
    return [
        (channel_id, some[start : start + _TOGETHER])
        for start in rounds
        for channel_id, some in channels.items()
        if start < len(some)
    ]


async def _together(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run all at once; the first error ends the others and is raised."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
