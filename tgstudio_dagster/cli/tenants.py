"""Commands about tenants and users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tgstudio_dagster.cli.output import JsonOption, console, print_json, print_table
from tgstudio_dagster.core.errors import FieldError

if TYPE_CHECKING:
    from tgstudio_dagster.catalog.database import Catalog
    from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings

tenant_app = typer.Typer(help="Tenants: add, list, settings, plan, capability, delete.", no_args_is_help=True)
user_app = typer.Typer(help="Users: add, password, totp, disable, enable, remove.", no_args_is_help=True)


@tenant_app.command("add")
def tenant_add(
    slug: Annotated[str, typer.Argument(help="Lower-case letters and digits; it is never reused.")],
    name: Annotated[str | None, typer.Option("--name", help="Name for people.")] = None,
    time_zone: Annotated[str, typer.Option("--time-zone", help="IANA name, for example Europe/Moscow.")] = "UTC",
    language: Annotated[str, typer.Option("--language", help="ru or en: language of editor results.")] = "ru",
) -> None:
    """Add a tenant."""
    from tgstudio_dagster.catalog.people.tenants import add_tenant

    chosen = _validated({"time_zone": time_zone, "language": language})
    add_tenant(_catalog(), slug, name or slug, settings=chosen)
    console.print(f"tenant [bold]{slug}[/] added")


@tenant_app.command("list")
def tenant_list(as_json: JsonOption = False) -> None:
    """All tenants."""
    from tgstudio_dagster.catalog.people.tenants import list_tenants

    tenants = list_tenants(_catalog())
    if as_json:
        print_json([{"slug": one.slug, "name": one.name, "created_at": one.created_at} for one in tenants])
    elif tenants:
        print_table(["slug", "name", "since"], [[one.slug, one.name, f"{one.created_at:%Y-%m-%d}"] for one in tenants])
    else:
        console.print("No tenants yet: `tgstudio tenant add NAME`.")


@tenant_app.command("settings")
def tenant_settings_(
    slug: Annotated[str, typer.Argument(help="The tenant.")],
    assign: Annotated[
        list[str] | None, typer.Option("--set", help="name=JSON value, for example filters.max_file_size=1000000.")
    ] = None,
) -> None:
    """Show a tenant's settings, or change some."""
    import json

    from tgstudio_dagster.catalog.people.tenants import put_settings, tenant_settings

    catalog = _catalog()
    values = tenant_settings(catalog, slug).model_dump(mode="json")
    for item in assign or []:
        path, equals, text = item.partition("=")
        *parents, name = path.split(".")
        target = values
        for parent in parents:
            target = target.setdefault(parent, {})
        if not equals or not isinstance(target, dict):
            raise typer.BadParameter(f"{item!r}: write name=value, for example language=en")
        try:
            target[name] = json.loads(text)
        except json.JSONDecodeError:
            target[name] = text
    if assign:
        put_settings(catalog, slug, _validated(values))
    print_json(values)


@tenant_app.command("plan")
def tenant_plan(
    slug: Annotated[str, typer.Argument(help="The tenant.")],
    plan: Annotated[
        str | None, typer.Argument(help="free, pro or enterprise; without it the limits are shown.")
    ] = None,
) -> None:
    """Show what a tenant may use, or put it on another plan."""
    from tgstudio_dagster.catalog.money.plans import limits_of, set_plan

    catalog = _catalog()
    if plan is not None:
        set_plan(catalog, slug, plan)
    print_json(limits_of(catalog, slug).model_dump())


@tenant_app.command("capability")
def tenant_capability(
    slug: Annotated[str, typer.Argument(help="The tenant.")],
    name: Annotated[str | None, typer.Argument(help="The capability; without it all are shown.")] = None,
    state: Annotated[
        Literal["on", "off", "plan"] | None, typer.Argument(help="plan: as the tenant's plan says.")
    ] = None,
) -> None:
    """Show which capabilities a tenant has, or switch one."""
    from tgstudio_dagster.capabilities import capabilities
    from tgstudio_dagster.catalog.money.switches import switch, switched_off
    from tgstudio_dagster.core.principal import Principal

    catalog = _catalog()
    if name is not None and state is not None:
        switch(catalog, Principal(slug, None, "operator"), name, None if state == "plan" else state == "on")
    elif name is not None:
        raise typer.BadParameter("write on, off or plan after the capability's name")
    off = switched_off(catalog, slug)
    print_table(
        ["capability", "", "about"],
        [[known.name, "off" if known.name in off else "on", known.about] for known in capabilities().values()],
    )


@tenant_app.command("delete")
def tenant_delete(
    slug: Annotated[str, typer.Argument(help="The tenant.")],
    erase: Annotated[
        bool, typer.Option("--erase", help="Erase all that is kept of it, log its accounts out, and show the proof.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Close a tenant. Its slug is never used again; what is kept of it stays, unless you --erase it."""
    from tgstudio_dagster.catalog.people.tenants import delete_tenant

    if not yes:
        typer.confirm(f"{'Erase' if erase else 'Close'} tenant {slug}?", abort=True)
    if erase:
        _erase(slug)
        return
    delete_tenant(_catalog(), slug)
    console.print(f"tenant [bold]{slug}[/] closed")


def _erase(slug: str) -> None:
    import os

    from tgstudio_dagster.catalog.accounts.vault import Vault
    from tgstudio_dagster.core.settings import settings, telegram_settings
    from tgstudio_dagster.operate.erase import erase_tenant

    done = erase_tenant(settings(), telegram_settings(), slug, open_vault=lambda: Vault.from_environment(os.environ))
    for line in done.accounts:
        console.print(line, highlight=False, markup=False)
    names = list(dict.fromkeys((*done.erased, *done.left)))
    print_table(
        ["what", "erased", "left"],
        [[name, str(done.erased.get(name, 0)), str(done.left.get(name, 0))] for name in names],
    )
    if done.left:
        console.print("Something is left; run it again when nothing of the tenant is at work.")
        raise typer.Exit(1)
    console.print(f"tenant [bold]{slug}[/] erased; nothing is left but its slug. The audit log has these figures.")


@user_app.command("add")
def user_add(
    name: Annotated[str, typer.Argument(help="The user's name.")],
    tenant: Annotated[str | None, typer.Option("--tenant", "-t", help="Tenant to belong to.")] = None,
    role: Annotated[Literal["owner", "editor", "viewer"], typer.Option("--role", help="What they may do.")] = "editor",
    operator: Annotated[
        bool, typer.Option("--operator", help="They run this machine: all tenants, no --tenant.")
    ] = False,
    telegram_id: Annotated[int | None, typer.Option("--telegram-id", min=1, help="They sign in by Telegram.")] = None,
    login: Annotated[str | None, typer.Option("--login", help="They sign in by this login and a password.")] = None,
) -> None:
    """Add a user to a tenant, or an operator. With --login a random password is shown, once."""
    from tgstudio_dagster.catalog.people.logins import local_user
    from tgstudio_dagster.catalog.people.tenants import add_member, add_user, get_tenant
    from tgstudio_dagster.core.errors import ConflictError
    from tgstudio_dagster.core.settings import settings
    from tgstudio_dagster.services.local_accounts import LocalAccounts, new_password

    if operator == (tenant is not None):
        raise typer.BadParameter("give a --tenant, or --operator for all of them")
    if login is not None and telegram_id is not None:
        raise typer.BadParameter("give --login or --telegram-id, not both: a person is one user either way")
    if operator and login is None and telegram_id is None:
        raise typer.BadParameter("give --login or --telegram-id: an operator has to sign in somehow")
    catalog = _catalog()
    if tenant is not None:
        get_tenant(catalog, tenant)
    if login is not None:
        accounts = LocalAccounts(settings())
        if login in {one.login for one in accounts.all()}:
            raise ConflictError(
                f"there is {login!r} already; `tgstudio user password {login}` sets its password.", field="login"
            )
        password = new_password()
        accounts.put(login, name, password, operator=operator)
        known_as = accounts.hashes()[login]
        user = local_user(catalog, login, name, is_operator=operator, account_hash=known_as)
        console.print(
            f"login {login}, password, shown this once: [bold]{password.get_secret_value()}[/]", highlight=False
        )
    else:
        user = add_user(catalog, name, telegram_id=telegram_id, is_operator=operator)
    if tenant is not None:
        add_member(catalog, tenant, user.id, role)
    console.print(f"user [bold]{name}[/] is {f'{role} of {tenant}' if tenant else 'an operator'}")


@user_app.command("password")
def user_password(
    login: Annotated[str, typer.Argument(help="The local login, for example operator.")],
    ask: Annotated[bool, typer.Option("--ask", help="Type it, instead of having one made.")] = False,
) -> None:
    """Set a local login's password, and end the sessions and keys of its user. Without --ask a random one is shown, once."""
    from pydantic import SecretStr

    from tgstudio_dagster.catalog.people.departures import changed_account
    from tgstudio_dagster.catalog.people.logins import local_user
    from tgstudio_dagster.core.clock import utc_now
    from tgstudio_dagster.core.settings import settings
    from tgstudio_dagster.services.local_accounts import LocalAccounts, new_password

    typed = typer.prompt("Password", hide_input=True, confirmation_prompt=True) if ask else None
    password = new_password() if typed is None else SecretStr(typed)
    accounts = LocalAccounts(settings())
    account = accounts.reset(login, password)
    catalog = _catalog()
    user = local_user(catalog, account.login, account.name, is_operator=account.is_operator)
    changed_account(catalog, user.id, accounts.hashes()[login], utc_now(), is_operator=account.is_operator)
    if typed is None:
        console.print(
            f"login {login}, password, shown this once: [bold]{password.get_secret_value()}[/]", highlight=False
        )
    else:
        console.print(f"the password of [bold]{login}[/] is set")


def _catalog() -> Catalog:
    from tgstudio_dagster.catalog.database import Catalog
    from tgstudio_dagster.core.settings import settings

    return Catalog.open(settings())


def _validated(values: dict[str, object]) -> TenantSettings:
    from pydantic import ValidationError

    from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings

    try:
        return TenantSettings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise FieldError(".".join(map(str, first["loc"])), f"{first['msg'].removeprefix('Value error, ')}") from error
