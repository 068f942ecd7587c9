"""Commands about people who leave, and where people are signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tgstudio_dagster.cli.output import JsonOption, console, print_json, print_table

if TYPE_CHECKING:
    from tgstudio_dagster.catalog.database import Catalog

member_app = typer.Typer(help="Members of a tenant: remove.", no_args_is_help=True)
Person = Annotated[str, typer.Argument(help="A login, a Telegram id, @username, a name, or a user's id.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def user_disable(person: Person) -> None:
    """Let a user in no more: their sessions and keys end at once. `user enable` takes it back."""
    from tgstudio_dagster.catalog.people.departures import disable_user, find_user
    from tgstudio_dagster.core.clock import utc_now

    catalog = _catalog()
    user = find_user(catalog, person)
    _ended(f"[bold]{user.name}[/] is disabled", disable_user(catalog, user.id, utc_now()))


def user_enable(person: Person) -> None:
    """Let a disabled user in again. They sign in anew; keys that ended stay ended."""
    from tgstudio_dagster.catalog.people.departures import enable_user, find_user

    catalog = _catalog()
    user = find_user(catalog, person)
    enable_user(catalog, user.id)
    console.print(f"[bold]{user.name}[/] may sign in again")


def user_remove(person: Person, yes: Yes = False) -> None:
    """Take a person out of this studio: sessions, keys, memberships, login and name. What they did stays in the log."""
    from tgstudio_dagster.catalog.people.departures import find_user, remove_user
    from tgstudio_dagster.core.clock import utc_now
    from tgstudio_dagster.core.settings import settings
    from tgstudio_dagster.services.local_accounts import LocalAccounts

    catalog = _catalog()
    user = find_user(catalog, person)
    name = user.name
    if not yes:
        typer.confirm(f"Remove {name} from this studio?", abort=True)
    if user.login is not None:
        LocalAccounts(settings()).remove(user.login)
    _ended(f"[bold]{name}[/] is removed", remove_user(catalog, user.id, utc_now()))


def user_totp(
    login: Annotated[str, typer.Argument(help="The local login, for example operator.")],
    off: Annotated[bool, typer.Option("--off", help="Ask for no code any more.")] = False,
) -> None:
    """Have a local login asked for a code of an authenticator app after its password. Its sessions and keys end."""
    from tgstudio_dagster.core.settings import settings
    from tgstudio_dagster.services.account_watch import notice_changes
    from tgstudio_dagster.services.local_accounts import LocalAccounts
    from tgstudio_dagster.services.totp import address_of, new_secret

    accounts = LocalAccounts(settings())
    secret = None if off else new_secret()
    accounts.set_totp(login, secret)
    notice_changes(_catalog(), accounts)
    if secret is None:
        console.print(f"[bold]{login}[/] signs in by the password alone")
        return
    console.print("Add this to your app, now: it is shown this once.", highlight=False)
    console.print(address_of(secret, login), highlight=False, markup=False, soft_wrap=True)
    console.print(f"or type the key: [bold]{secret}[/]", highlight=False)


@member_app.command("remove")
def member_remove(
    person: Person,
    tenant: Annotated[str, typer.Option("--tenant", "-t", help="The tenant that they leave.")],
) -> None:
    """Take a user out of a tenant: their sessions there and their keys of it end at once."""
    from tgstudio_dagster.catalog.people.departures import find_user, remove_member
    from tgstudio_dagster.core.clock import utc_now

    catalog = _catalog()
    user = find_user(catalog, person)
    _ended(f"[bold]{user.name}[/] left {tenant}", remove_member(catalog, tenant, user.id, utc_now()))


def sessions(
    person: Annotated[str | None, typer.Argument(help="Only this user's.")] = None,
    end: Annotated[bool, typer.Option("--end", help="End them all: the user signs in anew. Keys stay.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Where people are signed in, used last first; or end a user's sessions."""
    from tgstudio_dagster.catalog.people.departures import find_user, living_sessions, session_name
    from tgstudio_dagster.catalog.people.logins import end_sessions_of
    from tgstudio_dagster.core.clock import utc_now

    catalog, now = _catalog(), utc_now()
    user = find_user(catalog, person) if person is not None else None
    if end:
        if user is None:
            raise typer.BadParameter("name whose sessions are to end")
        end_sessions_of(catalog, user.id, now)
        console.print(f"the sessions of [bold]{user.name}[/] have ended")
        return
    rows = living_sessions(catalog, now, user_id=user.id if user else None)
    fields = [
        {
            "session": session_name(row), "user": owner.name, "tenant": row.tenant, "way": row.way,
            "began": row.created_at, "seen": row.seen_at, "browser": row.user_agent,
        }
        for row, owner in rows
    ]  # fmt: skip
    if as_json:
        print_json(fields)
    elif not fields:
        console.print("Nobody is signed in.")
    else:
        times = [
            [
                str(field["session"]), str(field["user"]), str(field["tenant"] or ""), str(field["way"]),
                f"{field['began']:%Y-%m-%d %H:%M} UTC", f"{field['seen']:%Y-%m-%d %H:%M} UTC",
            ]
            for field in fields
        ]  # fmt: skip
        print_table(["session", "user", "tenant", "way", "began", "used last"], times)


def _ended(what: str, ended: tuple[int, int]) -> None:
    console.print(f"{what}; sessions ended: {ended[0]}, keys revoked: {ended[1]}")


def _catalog() -> Catalog:
    from tgstudio_dagster.catalog.database import Catalog
    from tgstudio_dagster.core.settings import settings

    return Catalog.open(settings())
