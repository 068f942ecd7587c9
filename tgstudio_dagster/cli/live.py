"""Commands that stay connected or post: listen, send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from tgstudio_dagster.cli.output import Clock, JsonOption, TenantOption, console, errors, open_studio, print_json

if TYPE_CHECKING:
    from tgstudio_dagster.telegram.live.listening import Notice
    from tgstudio_dagster.telegram.live.sending import Draft


def listen(tenant: TenantOption) -> None:
    """Hear new posts, edits and deletes as they happen, and read them at once; Ctrl-C ends it."""
    import asyncio
    import signal

    from tgstudio_dagster.catalog.accounts.accounts import list_accounts
    from tgstudio_dagster.catalog.database import Catalog
    from tgstudio_dagster.catalog.people.tenants import tenant_settings
    from tgstudio_dagster.core.errors import NotFoundError
    from tgstudio_dagster.core.settings import settings
    from tgstudio_dagster.lake.store import Lake
    from tgstudio_dagster.reader.access import Telegram
    from tgstudio_dagster.reader.alone import reader_runs
    from tgstudio_dagster.reader.process import Reader

    catalog = Catalog.open(settings())
    clock = Clock(tenant_settings(catalog, tenant).zone)
    accounts = {account.id: account.name for account in list_accounts(catalog, tenant) if account.status == "active"}
    if not accounts:
        raise NotFoundError(
            f"Tenant {tenant!r} has no active account to listen with: `tgstudio login --tenant {tenant}`."
        )
    if reader_runs(catalog):
        console.print("The reader listens for all tenants already; what it hears stands in its log.")
        return

    left = set(accounts)

    async def until_stopped() -> None:
        stop = asyncio.Event()

        def tell(notice: Notice) -> None:
            _print_notice(notice, accounts.get(notice.account_id, notice.account_id), clock)
            if notice.kind == "lost" and notice.channel is None:
                left.discard(notice.account_id)
                if not left:
                    stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        reader = Reader(
            catalog, Lake.open(settings()), Telegram.open(settings()), listens=True, only=tenant, report=tell
        )
        await reader.run_beside(stop)

    asyncio.run(until_stopped())
    if not left:
        raise NotFoundError(f"No account is left to listen with: `tgstudio login --tenant {tenant}` pairs it again.")


def send(
    tenant: TenantOption,
    to: Annotated[str, typer.Option("--to", help="The chat: @name, a t.me link, or an id the account knows.")],
    text: Annotated[str, typer.Option("--text", help="Plain text, posted as it stands.")],
    reply_to: Annotated[int | None, typer.Option("--reply-to", help="Id of the message to reply to.")] = None,
    account: Annotated[
        str | None, typer.Option("--account", help="Id of the account that posts; default: the only one.")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", help="A key of an earlier try: what was posted with it is not posted again.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Post a text as one of the tenant's accounts. It must be switched on: `tenant settings T --set sending=true`."""
    from dataclasses import asdict

    from tgstudio_dagster.core.ids import new_id

    chats = open_studio(tenant).chats
    draft = chats.draft(to=to, text=text, reply_to=reply_to, account_id=account)
    key = key or new_id()
    _print_draft(draft, key)
    if not yes:
        typer.confirm("Post it?", abort=True, err=True)
    sent = chats.send(draft, key=key, confirmed=True)
    if as_json:
        print_json(asdict(sent))
    elif sent.msg_id is None:
        console.print("It was posted before; its id is not known any more.")
    else:
        console.print("posted before:" if sent.again else "posted:", sent.url, highlight=False, soft_wrap=True)


def _print_draft(draft: Draft, key: str) -> None:
    rows = {
        "to": f"{draft.chat} ({draft.where}, {draft.kind})",
        "as": draft.account,
        "reply to": str(draft.reply_to) if draft.reply_to is not None else None,
        "key": f"{key} (give it with --key to try again)",
    }
    for name, value in rows.items():
        if value is not None:
            errors.print(f"[bold]{name:9}[/]{escape(value)}", highlight=False, soft_wrap=True)
    errors.print(draft.text, markup=False, highlight=False, soft_wrap=True)


def _print_notice(notice: Notice, account: str, clock: Clock) -> None:
    from tgstudio_dagster.core.clock import utc_now

    parts = [clock.told(utc_now(), "%H:%M:%S"), account, notice.kind]
    if notice.channel is not None:
        ids = ", ".join(map(str, notice.msg_ids))
        parts.append(f"{notice.channel}: {ids}" if ids else notice.channel)
    if notice.detail is not None:
        parts.append(notice.detail)
    console.print("  ".join(parts), markup=False, highlight=False, soft_wrap=True)
