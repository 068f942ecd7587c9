"""Who may do what, decided once: one row for each action, read by the services, routes, tools, pages and commands alike.

A row names the least role, the scope that an API key needs, whether it is confirmed first and at which doors, which limits
of the plan it uses up, and its doors. A method of a service without a row does not load; a door without a row, or a row
whose door is not there, fails tests/services/test_policy.py. What an action does stands in the service of its noun.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from tgstudio_dagster import capabilities
from tgstudio_dagster.core.actions import Action, Door
from tgstudio_dagster.core.errors import ForbiddenError, NotFoundError
from tgstudio_dagster.core.principal import Principal, Role
from tgstudio_dagster.core.scopes import RANK, KeyScope, Scopes, check_scope

__all__ = [
    "POLICY",
    "Action",
    "Door",
    "allowed",
    "may",
    "of_command",
    "of_page",
    "of_route",
    "of_tool",
    "sees",
    "tools",
    "wider_scope",
]


def _reads(
    name: str,
    *,
    turn: bool = False,
    scope: KeyScope | None = "read",
    role: Role = "viewer",
    routes: tuple[str, ...] = (),
    tools: tuple[str, ...] = (),
    pages: tuple[str, ...] = (),
    commands: tuple[str, ...] = (),
) -> Action:
    return Action(
        name, role=role, scope=scope, turn=turn, routes=routes, tools=tools, pages=pages, commands=commands
    )  # fmt: skip


def _edits(
    name: str,
    what: str,
    *,
    scope: KeyScope | None = "order",
    confirmed: tuple[Door, ...] = (),
    quotas: tuple[str, ...] = (),
    turn: bool = False,
    recent: bool = False,
    routes: tuple[str, ...] = (),
    tools: tuple[str, ...] = (),
    pages: tuple[str, ...] = (),
    commands: tuple[str, ...] = (),
) -> Action:
    return Action(
        name, role="editor", scope=scope, what=what, confirmed=confirmed, quotas=quotas, turn=turn, recent=recent,
        routes=routes, tools=tools, pages=pages, commands=commands,
    )  # fmt: skip


def _operates(name: str, *, refusal: str = "", pages: tuple[str, ...] = (), commands: tuple[str, ...] = ()) -> Action:
    refusal = refusal or "this is for the operator of this machine."
    return Action(name, role="operator", scope=None, refusal=refusal, pages=pages, commands=commands)


def _owns(
    name: str, *, confirmed: tuple[Door, ...] = (), routes: tuple[str, ...] = (), pages: tuple[str, ...] = ()
) -> Action:
    refusal = "webhooks are an owner's to set; ask one."
    return Action(name, role="owner", scope="admin", refusal=refusal, confirmed=confirmed, routes=routes, pages=pages)


_PAIR = "pair accounts"
_ORDERED = ("POST /v1/transform", "POST /v1/image-brief", "POST /v1/images", "POST /v1/package")
_ROWS = (
    # posts
    _reads(
        "posts.feed", turn=True, routes=("GET /v1/feed", "GET /v1/chats/{chat_id}/messages"),
        tools=("telegram_messages", "telegram_media"), pages=("feed",),
    ),
    _reads("posts.rows", turn=True, commands=("feed",)),
    _reads("posts.by_key", turn=True, pages=("map",)),
    _reads(
        "posts.search", turn=True, routes=("GET /v1/search",), tools=("telegram_search",), pages=("feed",),
        commands=("search",),
    ),
    # Runs in a process of its own, so it holds up nobody's turn.
    _reads("posts.sql", tools=("sql",), pages=("data",), commands=("sql",)),
    _reads("posts.version"),
    _reads("posts.days"),
    _reads("posts.landing_days"),
    # topics
    _reads("topics.newest_day"),
    _reads(
        "topics.top", turn=True, routes=("GET /v1/top",), tools=("rankings",), pages=("top", "exclusive"),
        commands=("top", "rank-diff"),
    ),
    _reads("topics.all", turn=True, routes=("GET /v1/topics",), tools=("topics",), pages=("topics",), commands=("topics",)),
    _reads("topics.posts", turn=True),
    _reads(
        "topics.get", turn=True, routes=("GET /v1/topics/{topic_id}",), tools=("topic",), pages=("topic",),
        commands=("topic",),
    ),
    _reads("topics.changes", turn=True, pages=("topics",)),
    _reads("topics.map", turn=True, routes=("GET /v1/map",), pages=("map",)),
    _reads("topics.title"),
    _reads("topics.trends", turn=True, pages=("top",)),
    _reads("topics.ranking", turn=True, pages=("topic",)),
    # chats
    _reads("chats.all", routes=("GET /v1/chats",), tools=("telegram_chats",), pages=("feed",)),
    _reads("chats.get"),
    _reads("chats.imported", turn=True, pages=("subscriptions", "usage")),
    _edits("chats.sync", "ask Telegram for chats", routes=("POST /v1/sync/chats",), pages=("subscriptions",)),
    _edits("chats.draft", "post", scope="send"),
    _edits(
        "chats.send", "post", scope="send", confirmed=("route", "tool", "command"),
        routes=("POST /v1/chats/{chat_id}/messages",), tools=("telegram_messages:send",), commands=("send",),
    ),
    # channels that are followed
    _edits(
        "follows.request", "subscribe", quotas=("channels",), routes=("POST /v1/channels/subscribe",),
        pages=("subscriptions",), commands=("subscribe",),
    ),
    _edits(
        "follows.end", "unsubscribe", confirmed=("page",), routes=("DELETE /v1/channels/unsubscribe",),
        pages=("subscriptions",), commands=("unsubscribe",),
    ),
    _reads("follows.all", routes=("GET /v1/channels/my",), pages=("subscriptions",), commands=("subscriptions",)),
    _reads("follows.get"),
    _reads("follows.requests", pages=("subscriptions",)),
    _reads("follows.reading", pages=("subscriptions",)),
    _edits("follows.refresh", "refresh", pages=("subscriptions",), commands=("refresh",)),
    _edits("follows.estimate", "ask Telegram", pages=("subscriptions",), commands=("backfill",)),
    # accounts
    _reads("accounts.get"),
    _reads(
        "accounts.all", routes=("GET /v1/accounts",), tools=("telegram_auth",), pages=("accounts",), commands=("accounts",)
    ),
    _reads("accounts.waits", pages=("accounts",)),
    _edits(
        "accounts.remove", "remove accounts", scope="admin", confirmed=("page", "command"),
        routes=("DELETE /v1/accounts/{account_id}",), pages=("accounts",), commands=("logout",),
    ),
    _edits(
        "pairings.begin_qr", _PAIR, scope="admin", quotas=("accounts",), routes=("POST /v1/auth/qr",),
        tools=("telegram_auth:pair",), pages=("onboarding",), commands=("login",),
    ),
    _edits(
        "pairings.begin_phone", _PAIR, scope="admin", quotas=("accounts",),
        routes=("POST /v1/auth/phone",), pages=("onboarding",),
    ),
    _reads(
        "pairings.get", scope="admin", routes=("GET /v1/auth/qr/{login_id}", "GET /v1/auth/phone/{login_id}"),
        tools=("telegram_auth:pairing",),
    ),
    _reads("pairings.lacking", scope="admin", pages=("onboarding",)),
    _reads("pairings.own", scope="admin", pages=("onboarding",)),
    _edits(
        "pairings.submit_code", _PAIR, scope="admin", routes=("POST /v1/auth/phone/{login_id}/code",),
        pages=("onboarding",),
    ),
    _edits(
        "pairings.resend_code", _PAIR, scope="admin", routes=("POST /v1/auth/phone/{login_id}/resend",),
        pages=("onboarding",),
    ),
    _edits(
        "pairings.submit_password", _PAIR, scope="admin", pages=("onboarding",),
        routes=("POST /v1/auth/qr/{login_id}/password", "POST /v1/auth/phone/{login_id}/password"),
    ),
    _edits(
        "pairings.confirm", _PAIR, scope="admin", routes=("POST /v1/auth/qr/{login_id}/confirm",),
        tools=("telegram_auth:confirm",), pages=("onboarding",),
    ),
    _edits(
        "pairings.decline", _PAIR, scope="admin", routes=("POST /v1/auth/qr/{login_id}/decline",),
        tools=("telegram_auth:decline",), pages=("onboarding",),
    ),
    _edits(
        "pairings.cancel", _PAIR, scope="admin", tools=("telegram_auth:cancel",), pages=("onboarding",),
        routes=("POST /v1/auth/qr/{login_id}/cancel", "POST /v1/auth/phone/{login_id}/cancel"),
    ),
    # orders
    _edits(
        "orders.request", "order", confirmed=("route", "tool"), quotas=("orders_per_day", "images_per_day"), routes=_ORDERED,
        tools=("order_package",), pages=("exclusive",), commands=("order",),
    ),
    _edits("orders.raise_goal", "order", quotas=("images_per_day",), pages=("exclusive",)),
    _reads("orders.draft"),
    _reads("orders.estimate", turn=True, pages=("exclusive",)),
    _reads("orders.all", commands=("orders",)),
    _reads("orders.page", routes=("GET /v1/orders",), pages=("exclusive",)),
    _reads("orders.get"),
    _reads("orders.origin", pages=("packages", "exclusive")),
    _reads("orders.status", routes=("GET /v1/orders/{order_id}",), pages=("exclusive",)),
    _reads("orders.results"),
    _edits(
        "orders.cancel", "cancel", routes=("POST /v1/orders/{order_id}/cancel",), pages=("exclusive",),
        commands=("cancel",),
    ),
    # packages
    _reads(
        "packages.all", turn=True, routes=("GET /v1/packages",), tools=("packages",), pages=("packages",),
        commands=("packages",),
    ),
    _reads("packages.get", turn=True, routes=("GET /v1/packages/{package_id}",), pages=("packages",)),
    _reads("packages.explain", turn=True, commands=("explain",)),
    _reads("packages.preview", pages=("packages",)),
    _edits("packages.edit", "edit", routes=("PUT /v1/packages/{package_id}",), pages=("packages",), commands=("edit",)),
    _reads(
        "packages.export", turn=True, pages=("packages",),
        routes=("GET /v1/packages/{package_id}/export", "GET /v1/orders/{order_id}/export", "GET /v1/exports"),
    ),
    _reads("packages.save", turn=True),
    _reads("files.open", routes=("GET /files/{uri}",)),
    # bundles
    _reads("bundles.all", routes=("GET /v1/bundles",), pages=("data",)),
    _reads("bundles.get", routes=("GET /v1/bundles/{bundle_id}",)),
    _edits("bundles.request", "ask for bundles", routes=("POST /v1/bundles",), pages=("data",)),
    _reads("bundles.open", routes=("GET /v1/bundles/{bundle_id}/file",), pages=("data",)),
    # watches
    _reads("watches.all", tools=("telegram_monitor", "telegram_monitor:list")),
    _reads("watches.news", turn=True, tools=("telegram_monitor:new",)),
    _edits("watches.add", "watch", tools=("telegram_monitor:create",)),
    _edits("watches.remove", "remove a watch", tools=("telegram_monitor:delete",)),
    _edits("watches.seen", "move a watch", tools=("telegram_monitor:seen",)),
    # rules
    _reads("rules.all", routes=("GET /v1/rules",), pages=("settings",), commands=("rules",)),
    _reads("rules.preview", turn=True, pages=("settings",)),
    _edits("rules.put", "set rules", routes=("POST /v1/rules", "PUT /v1/rules/{rule_id}"), pages=("settings",)),
    _edits(
        "rules.delete", "delete rules", confirmed=("page",), routes=("DELETE /v1/rules/{rule_id}",),
        pages=("settings",),
    ),
    # what the tenant decides and uses
    _reads("settings.get", routes=("GET /v1/settings",), pages=("settings",)),
    _edits("settings.put", "change settings", scope="admin", routes=("PUT /v1/settings",), pages=("settings",)),
    Action(
        "settings.open", role="owner", scope="admin", refusal="only an owner of the tenant may change that; ask one.",
        recent=True, pages=("settings",),
    ),
    _reads("keys.all", scope="admin", routes=("GET /v1/keys",), pages=("settings",)),
    _edits("keys.create", "make keys", scope="admin", recent=True, routes=("POST /v1/keys",), pages=("settings",)),
    _edits(
        "keys.revoke", "revoke keys", scope="admin", confirmed=("page",),
        routes=("DELETE /v1/keys/{key_id}",), pages=("settings",),
    ),
    _owns("webhooks.all", routes=("GET /v1/webhooks",), pages=("settings",)),
    _owns("webhooks.get", routes=("GET /v1/webhooks/{webhook_id}",)),
    _owns("webhooks.create", routes=("POST /v1/webhooks",), pages=("settings",)),
    _owns("webhooks.put", routes=("PUT /v1/webhooks/{webhook_id}",), pages=("settings",)),
    _owns("webhooks.renew_secret", routes=("POST /v1/webhooks/{webhook_id}/secret",), pages=("settings",)),
    _owns(
        "webhooks.delete", confirmed=("page",), routes=("DELETE /v1/webhooks/{webhook_id}",), pages=("settings",)
    ),
    _owns("webhooks.deliveries", routes=("GET /v1/webhooks/{webhook_id}/deliveries",), pages=("settings",)),
    _owns("webhooks.test", routes=("POST /v1/webhooks/{webhook_id}/test",), pages=("settings",)),
    _owns(
        "webhooks.redeliver", routes=("POST /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",),
        pages=("settings",),
    ),
    Action(
        "keys.calls", role="owner", scope="admin", refusal="the history of calls is an owner's to see; ask one.",
        routes=("GET /v1/requests",), pages=("settings",),
    ),
    _reads("usage.report", routes=("GET /v1/usage",), pages=("usage", "settings"), commands=("usage",)),
    _reads("usage.limits", pages=("settings",)),
    _reads("usage.runs", pages=("usage",)),
    # imports
    _reads("imports.sources", commands=("imports",)),
    _reads("imports.rejects"),
    _reads("uploads.all", pages=("onboarding",)),
    _edits("uploads.upload", "import", scope=None, quotas=("upload_bytes_per_day",), pages=("onboarding",)),
    _operates(
        "uploads.from_path", pages=("onboarding",), commands=("import",),
        refusal="only the operator may import from a path of this machine; upload the file instead.",
    ),
    _edits("uploads.cancel", "import", scope=None, pages=("onboarding",)),
    _edits("uploads.forget", "import", scope=None, pages=("onboarding",)),
    # people
    Action("people.me", anybody=True, scope=None, routes=("GET /v1/me",)),
    _reads("people.members"),
    Action("people.sessions", anybody=True, scope=None, pages=("settings",)),
    Action("people.end_session", anybody=True, scope=None, pages=("settings",)),
    Action("people.change_password", anybody=True, scope=None, pages=("settings",)),
    Action("people.sign_out", anybody=True, scope=None, routes=("POST /auth/logout",)),
    # this machine
    _operates("machine.tenants", pages=("operator",), commands=("tenant list",)),
    _operates("machine.refusals", pages=("operator",)),
    _operates("machine.runs", pages=("operator",)),
    _operates("machine.add_tenant", commands=("tenant add",)),
    _operates("machine.set_tenant", commands=("tenant settings", "tenant plan", "tenant capability")),
    _operates("machine.delete_tenant", commands=("tenant delete",)),
    _operates("machine.set_user", commands=(
        "user add", "user password", "user disable", "user enable", "user remove", "user totp", "member remove",
        "sessions",
    )),
    _operates("machine.set_keys", commands=("keys new", "keys rotate")),
    _operates("machine.work", commands=("materialize", "export", "listen", "evaluate topics")),
    _operates("machine.serve", commands=("up", "mcp")),
    _operates("machine.set_up", commands=("init", "demo", "doctor")),
)  # fmt: skip
_ALL = (*_ROWS, *(action for capability in capabilities.others() for action in capability.actions))
POLICY: Mapping[str, Action] = {row.name: row for row in _ALL}
"""Every action by name: its service's attribute of `Studio`, a dot, its method. Those of `machine` are commands; those of
other capabilities than the studio's own have their services elsewhere."""


def allowed(
    action: str, principal: Principal, scopes: Scopes | None = None, *, off: Collection[str] = frozenset()
) -> None:
    """Raises ForbiddenError, which says what is lacking, where the principal may not do the action.

    `scopes` are those that the visitor of a route or a tool has; None for who needs none (a page, a command). `off` are
    the capabilities that the tenant does not have: of their actions there is nothing here, so it raises NotFoundError.
    """
    row = POLICY[action]
    capability = capabilities.of_noun(row.noun)
    if capability is not None and capability in off:
        raise NotFoundError(f"There are no {row.noun} here: this workspace lacks the capability {capability!r}.")
    if scopes is not None and not row.anybody:
        _check_scope(row, principal, scopes)
    if RANK[principal.role] < RANK[row.role]:
        raise ForbiddenError(
            row.refusal or f"a viewer may read, not {row.what}; ask an editor or an owner of the tenant.", field="role"
        ).coded(f"role.{row.role}")


def may(action: str, principal: Principal, scopes: Scopes | None = None, *, off: Collection[str] = frozenset()) -> bool:
    """Whether `allowed` raises nothing."""
    try:
        allowed(action, principal, scopes, off=off)
    except (ForbiddenError, NotFoundError):
        return False
    return True


def of_route(route: str) -> Action:
    """The action of a route, as `GET /v1/feed`. Raises KeyError for one that has no row."""
    return _BY_ROUTE[route]


def of_tool(tool: str, choice: str | None = None) -> Action:
    """The action of a tool, or of its argument `action`. Raises KeyError for a tool that has no row."""
    return _BY_TOOL.get(f"{tool}:{choice}") or _BY_TOOL[tool]


def wider_scope(tool: str) -> KeyScope | None:
    """The scope with which a tool takes more arguments than without it; None where no scope widens it."""
    own = _BY_TOOL[tool].scope
    more = {row.scope for name, row in _BY_TOOL.items() if name.startswith(f"{tool}:") and row.scope != own}
    return more.pop() if more else None


def tools() -> dict[str, KeyScope]:
    """The tools there are, each with the scope that a key needs to see it."""
    return {name: row.scope for name, row in _BY_TOOL.items() if ":" not in name and row.scope is not None}


def of_page(page: str) -> list[Action]:
    """What may be done on a page. Whoever may do none of it does not see the page."""
    return [row for row in _ALL if page in row.pages]


def sees(page: str, principal: Principal, *, off: Collection[str] = frozenset()) -> bool:
    """Whether the tenant has the page, and there is anything on it that the principal may do."""
    if capabilities.of_page(page) in off:
        return False
    return any(may(row.name, principal, off=off) for row in of_page(page))


def of_command(command: str) -> Action:
    """The action of a command. Raises KeyError for one that has no row."""
    return _BY_COMMAND[command]


def _check_scope(row: Action, principal: Principal, scopes: Scopes) -> None:
    if row.scope is None:
        raise ForbiddenError(f"{row.name} is not for programs; it is done in the studio.", field="scope")
    check_scope(row.scope, principal, scopes)


def _by_door(doors: Iterable[tuple[tuple[str, ...], Action]]) -> dict[str, Action]:
    return {door: row for names, row in doors for door in names}


_BY_ROUTE = _by_door((row.routes, row) for row in _ALL)
_BY_TOOL = _by_door((row.tools, row) for row in _ALL)
_BY_COMMAND = _by_door((row.commands, row) for row in _ALL)
