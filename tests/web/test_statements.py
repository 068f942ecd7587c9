"""How often one request asks the catalog: who asks is found out once, and the tenant looked up once.

Counted are SQL statements of requests of which nothing is remembered; look-ups of the tenant are among them.

| | before | look-ups | now | look-ups |
|---|---|---|---|---|
| /v1/orders, by session | 10 | 4 | 7 | 1 |
| /v1/orders, by key | 13 | 5 | 9 | 1 |
| /v1/usage, by key | 22 | 9 | 14 | 1 |
| a call of telegram_chats | 9 | 4 | 6 | 1 |
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event

from tests.mcp.asking import ask
from tests.web.site import Client, Site


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that any engine of this process is handed meanwhile."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        # Not those of the threads that write the history and the counts of calls now and then.
        if statement != "begin" and threading.current_thread().name.startswith("AnyIO"):
            statements.append(" ".join(statement.split()))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def tenants(statements: list[str]) -> int:
    return sum(" FROM tenants WHERE tenants.slug" in statement for statement in statements)


def fresh(site: Site, client: Client, path: str) -> list[str]:
    """What one request asks of a catalog of which nothing is remembered."""
    assert client.get(path).status_code == 200
    site.platform.catalog.writes += 1
    with counted() as statements:
        assert client.get(path).status_code == 200
    return statements


ROUTES = ["/v1/orders", "/v1/rules", "/v1/settings", "/v1/channels/my", "/v1/usage", "/v1/chats", "/v1/packages"]


@pytest.mark.parametrize("path", ROUTES)
def test_a_request_looks_its_tenant_up_once_whoever_asks(site: Site, path: str) -> None:
    for client in (site.sign_in("acme", "owner"), site.program("acme", "read")):
        statements = fresh(site, client, path)
        assert tenants(statements) == 1, statements


def test_a_request_that_follows_another_at_once_asks_only_for_what_it_shows(site: Site) -> None:
    client = site.sign_in("acme", "owner")
    assert client.get("/v1/rules").status_code == 200
    with counted() as statements:
        assert client.get("/v1/rules").status_code == 200
    assert tenants(statements) == 1
    assert len(statements) <= 2, statements


def test_orders_are_paged_by_the_database(site: Site) -> None:
    client = site.sign_in("acme", "owner")
    statements = fresh(site, client, "/v1/orders?limit=7&status=done")
    (orders,) = [statement for statement in statements if "FROM orders" in statement]
    assert "LIMIT" in orders and "orders.status =" in orders


def test_a_tool_call_finds_out_once_who_calls(site: Site) -> None:
    secret = site.key("acme", "read")[1]
    ask(site, secret, "telegram_chats")
    site.platform.catalog.writes += 1
    with counted() as statements:
        ask(site, secret, "telegram_chats")
    keys = [statement for statement in statements if "FROM api_keys WHERE api_keys.key_hash" in statement]
    assert len(keys) <= 1, keys


def test_a_tenant_that_was_deleted_is_noticed_by_the_next_request(site: Site) -> None:
    from tgstudio_dagster.catalog.people.tenants import delete_tenant

    program = site.program("acme", "read")
    assert program.get("/v1/rules").status_code == 200
    delete_tenant(site.catalog, "acme")
    assert program.get("/v1/rules").status_code == 401


def test_what_a_request_writes_it_reads_anew(site: Site) -> None:
    """The look-up is no copy of the tenant from before the write."""
    from tgstudio_dagster.catalog.money.plans import set_plan
    from tgstudio_dagster.catalog.people.tenants import get_tenant

    catalog = site.catalog
    with catalog.one_look_up():
        before = get_tenant(catalog, "acme").plan
        set_plan(catalog, "acme", "pro")
        assert (before, get_tenant(catalog, "acme").plan) == (before, "pro") and before != "pro"
