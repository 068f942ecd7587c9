"""The policy's table against the services and all real doors: every door has a row, every row its doors, and each role,

scope and door gets what the table says. Routes are really called in tests/web/test_isolation.py and tools in
tests/mcp/test_access.py, both from this table; pages in tests/streamlit_app/test_isolation.py.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from itertools import chain, combinations
from typing import Any

import pytest
import typer.main

from streamlit_app.navigation import ENTRIES
from tests.services.desk import NOW, TOPIC, Desk
from tgstudio_dagster.cli import app
from tgstudio_dagster.core.errors import ForbiddenError, TGStudioError
from tgstudio_dagster.core.home import PROJECT
from tgstudio_dagster.core.principal import Principal, Role
from tgstudio_dagster.core.scopes import RANK, SCOPES, scopes_of
from tgstudio_dagster.mcp.registry import TOOLS
from tgstudio_dagster.services import Studio, policy
from tgstudio_dagster.services.policy import POLICY, Action, sees
from tgstudio_dagster.services.scope import Scope, Service, does
from tgstudio_dagster.web.api.reference import description

ROLES: tuple[Role, ...] = ("viewer", "editor", "owner", "operator")
ACTIONS = sorted(POLICY)
COMMANDS_ONLY = {name for name, row in POLICY.items() if name.startswith("machine.") and not row.pages}
"""What a command does by itself, as whoever may run it is the operator: no service has it."""


ELSEWHERE = {"settings.open", "people.sign_out"}
"""Asked by settings.put for some fields; and what only a browser's session does, in web/auth/."""


def some_scopes() -> Iterator[frozenset[str]]:
    yield from map(frozenset, chain.from_iterable(combinations(SCOPES, n) for n in range(len(SCOPES) + 1)))


def services(studio: Studio) -> dict[str, Service]:
    return {name: one for name, one in vars(studio).items() if isinstance(one, Service)}


def methods(service: Service) -> dict[str, Callable[..., Any]]:
    return {
        name: one for name, one in inspect.getmembers(service, inspect.ismethod) if not name.startswith("_")
    }  # fmt: skip


def commands(group: Any = None, prefix: str = "") -> Iterator[str]:
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}"


def expected(row: Action, role: Role, scopes: frozenset[str] | None) -> bool:
    """What the table says, in other words than `allowed` has for it."""
    by_role = RANK[role] >= RANK[row.role]
    if scopes is None or row.anybody:
        return by_role
    return by_role and row.scope is not None and row.scope in scopes


# the table and the services


def test_every_public_method_of_a_service_is_one_action_and_every_action_a_method(desk: Desk) -> None:
    found = set()
    for noun, service in services(desk.studio()).items():
        for name, method in methods(service).items():
            assert getattr(method, "action", None) == f"{noun}.{name}"
            found.add(f"{noun}.{name}")
    assert found == set(POLICY) - COMMANDS_ONLY - ELSEWHERE


def test_a_method_without_a_row_does_not_load() -> None:
    with pytest.raises(KeyError):
        does("orders.burn")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", ACTIONS)
def test_each_role_and_scope_is_decided_as_the_table_says(name: str, role: Role) -> None:
    principal, row = Principal("acme", "u", role), POLICY[name]
    assert policy.may(name, principal) == expected(row, role, None)
    for scopes in some_scopes():
        assert policy.may(name, principal, scopes) == expected(row, role, scopes), sorted(scopes)


@pytest.mark.parametrize("role", ROLES)
def test_the_services_themselves_refuse_whoever_the_table_refuses(desk: Desk, role: Role) -> None:
    """Every method is really called, with no argument but what it cannot do without: it is refused before it looks at any."""
    for scopes in (None, *some_scopes()):
        scope = Scope.open(Principal("acme", None, role), desk.catalog, desk.lake)
        studio = Studio(Scope(scope.principal, scope.tenant, scope.catalog, scope.lake, scopes=scopes))
        for noun, service in services(studio).items():
            for name, method in methods(service).items():
                row = POLICY[f"{noun}.{name}"]
                if not expected(row, role, scopes):
                    with pytest.raises(ForbiddenError):
                        method()
                elif scopes is None and not inspect.signature(method).parameters:
                    _is_let_in(method)


def _is_let_in(method: Callable[..., Any]) -> None:
    try:
        method()
    except ForbiddenError as error:
        pytest.fail(f"{method.__qualname__} refuses whom the table lets in: {error}")
    except TGStudioError:
        pass  # let in, and there is nothing to do it with


def test_refusals_say_what_is_lacking_and_whom_to_ask() -> None:
    def refusal(action: str, role: Role, scopes: frozenset[str] | None = None) -> str:
        with pytest.raises(ForbiddenError) as error:
            policy.allowed(action, Principal("acme", "u", role), scopes)
        return str(error.value)

    assert refusal("orders.request", "viewer") == (
        "role: a viewer may read, not order; ask an editor or an owner of the tenant."
    )
    assert refusal("orders.request", "viewer", scopes_of("viewer")) == "scope: the role viewer may not order."
    assert refusal("orders.request", "owner", frozenset({"read"})) == (
        "scope: this key has not the scope 'order'; it has read."
    )
    assert refusal("machine.tenants", "owner") == "role: this is for the operator of this machine."
    assert refusal("uploads.upload", "owner", frozenset(SCOPES)).startswith("scope: uploads.upload is not for programs")


def test_an_editor_may_set_all_but_what_opens_a_door(desk: Desk) -> None:
    editor, owner = desk.studio(role="editor"), desk.studio(role="owner")
    kept = editor.settings.put(editor.settings.get().model_copy(update={"tone": "formal"}))
    for change in ({"sending": True}, {"allowed_ips": ("192.0.2.7",)}):
        with pytest.raises(ForbiddenError, match=r"only an owner"):
            editor.settings.put(kept.model_copy(update=change))
        owner.settings.put(kept.model_copy(update=change))
        owner.settings.put(kept)


# doors


def test_every_route_has_a_row_and_every_row_its_route() -> None:
    found = {
        f"{method.upper()} {path}"
        for path, operations in description()["paths"].items()
        for method in operations
        if method in {"get", "post", "put", "delete"}
    }
    named = [route for row in POLICY.values() for route in row.routes]
    assert sorted(named) == sorted(found)


def test_every_tool_and_each_of_its_choices_has_a_row() -> None:
    found = set()
    for tool in TOOLS.values():
        found.add(tool.name)
        for arguments in (tool.arguments, *(tool.wider or ())[:1]):
            action = arguments.model_fields.get("action")
            if action is None:
                continue
            plain = action.default
            choices = set(action.annotation.__args__) - {plain}  # type: ignore[union-attr]
            found |= {f"{tool.name}:{choice}" for choice in choices}
    named = [tool for row in POLICY.values() for tool in row.tools if tool != "telegram_monitor:list"]
    assert sorted(named) == sorted(found)


def test_a_tool_is_seen_and_widened_by_the_scopes_of_its_rows() -> None:
    for tool in TOOLS.values():
        assert tool.scope == policy.of_tool(tool.name).scope == policy.tools()[tool.name]
        more = {row.scope for row in POLICY.values() for name in row.tools if name.startswith(f"{tool.name}:")}
        assert len(more - {tool.scope}) <= 1
        assert (policy.wider_scope(tool.name) is None) == (tool.wider is None)
        assert tool.reads_only(frozenset({"read"})) == (tool.scope == "read")
    assert list(policy.tools()) and set(policy.tools()) == set(TOOLS)


def test_every_page_has_a_row_and_every_row_its_page() -> None:
    named = {page for row in POLICY.values() for page in row.pages}
    assert named == {entry.key for entry in ENTRIES}


@pytest.mark.parametrize("role", ROLES)
def test_a_page_is_in_the_menu_of_whoever_may_do_something_there(role: Role) -> None:
    principal = Principal("acme", "u", role)
    for entry in ENTRIES:
        assert sees(entry.key, principal) == any(
            RANK[role] >= RANK[row.role] for row in POLICY.values() if entry.key in row.pages
        )
    assert sees("operator", principal) == (role == "operator")


def test_every_command_has_a_row_and_every_row_its_command() -> None:
    named = [command for row in POLICY.values() for command in row.commands]
    assert sorted(named) == sorted(commands())


def test_a_row_names_no_page_whose_controls_do_not_ask_the_policy() -> None:
    """What only some roles may do is asked by its name where its control is drawn, or drawn for those alone."""
    asked = set()
    for path in (PROJECT / "streamlit_app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith((".may", "button_help")):
                asked |= {word.value for word in node.args if isinstance(word, ast.Constant)}
            if isinstance(node, ast.Attribute) and node.attr == "may_edit":
                pytest.fail(f"{path.name} asks for a role; the policy's actions are asked: mine.may(…)")
    assert {"orders.request", "packages.edit", "keys.create", "settings.open", "machine.tenants"} <= asked
    assert all(POLICY[name].role != "viewer" for name in asked)


def test_pages_routes_and_tools_reach_nothing_past_the_services() -> None:
    """Whoever had the lake or the catalog in hand could forget to ask."""
    doors = [
        PROJECT / "streamlit_app",
        PROJECT / "tgstudio_dagster" / "web" / "api",
        PROJECT / "tgstudio_dagster" / "mcp" / "tools",
    ]
    for path in chain.from_iterable(door.rglob("*.py") for door in doors):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in {"lake", "desk", "vault"}:
                pytest.fail(f"{path}:{node.lineno} reaches for .{node.attr}")
            if isinstance(node, ast.Attribute) and node.attr == "scope":
                assert ast.unparse(node.value) not in {"studio", "mine", "call.studio"}, f"{path}:{node.lineno}"


# confirmations and limits


def test_what_is_confirmed_by_a_command_can_be_confirmed_there() -> None:
    group = typer.main.get_command(app)
    for row in POLICY.values():
        if "command" in row.confirmed:
            for name in row.commands:
                options = [parameter.name for parameter in group.commands[name].params]  # type: ignore[attr-defined]
                assert "yes" in options, name


def test_what_is_confirmed_by_a_tool_or_a_route_takes_a_token() -> None:
    spec = description()
    for row in POLICY.values():
        if "tool" in row.confirmed:
            for name in row.tools:
                tool = TOOLS[name.partition(":")[0]]
                assert "confirmation" in tool.arguments_for(frozenset(SCOPES)).model_fields
                assert "confirmation" in tool.hidden
        if "route" in row.confirmed:
            for route in row.routes:
                method, path = route.split(" ")
                body = spec["paths"][path][method.lower()]["requestBody"]["content"]["application/json"]["schema"]
                shape = spec["components"]["schemas"][body["$ref"].rsplit("/", 1)[-1]]
                assert "confirmation" in shape["properties"] and "confirmation" not in shape.get("required", [])


def test_the_limits_that_an_action_spends_are_limits_of_a_plan(desk: Desk) -> None:
    limits = set(type(desk.studio().usage.limits()).model_fields)
    spent = {name for row in POLICY.values() for name in row.quotas}
    assert spent <= limits
    assert {"orders_per_day", "images_per_day", "channels", "accounts", "upload_bytes_per_day"} == spent


def test_an_order_spends_what_its_row_says(desk: Desk) -> None:
    studio = desk.studio()

    def used() -> dict[str, int]:
        return {quota.name: quota.used for quota in studio.usage.report(1, NOW).quotas}

    before = used()
    studio.orders.request(TOPIC, now=NOW)
    assert {name for name, count in used().items() if count > before[name]} == set(POLICY["orders.request"].quotas)


def test_a_key_never_has_more_than_its_role() -> None:
    for role in ROLES:
        for name in ACTIONS:
            if policy.may(name, Principal("acme", "u", role), scopes_of(role)):
                assert policy.may(name, Principal("acme", "u", role)), (role, name)
