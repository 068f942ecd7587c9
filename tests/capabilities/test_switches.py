"""What a tenant that lacks a capability does not see: neither page nor route, tool, sensor's work or table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from tests.builders import make_tenant
from tests.outbox.office import happen, happened, hook, running, webhooks
from tests.servers.receiver import Receiver
from tests.services.desk import DAY, NOW, TOPIC, Desk
from tgstudio_dagster import capabilities
from tgstudio_dagster.capabilities import Capability
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.plans import set_plan
from tgstudio_dagster.catalog.money.switches import NEWSROOM, switch, switch_of_plan, switched_off, tenants_with
from tgstudio_dagster.catalog.people.tenants import delete_tenant
from tgstudio_dagster.catalog.work.rules import TopicRule
from tgstudio_dagster.core.actions import Action
from tgstudio_dagster.core.errors import FieldError, NotFoundError, QueryError
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.mcp.registry import TOOLS
from tgstudio_dagster.orchestration.sensors.orders import orders_sensor
from tgstudio_dagster.orchestration.sensors.rules import rules_sensor
from tgstudio_dagster.outbox.dispatcher import Dispatcher
from tgstudio_dagster.services import policy

ACME = Principal("acme", None, "operator")


@pytest.fixture
def desk(tmp_path: Path, catalog: Catalog) -> Iterator[Desk]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Desk.open(tmp_path, catalog, instance)


def test_a_tenant_has_what_its_plan_says_unless_its_own_limit_says_otherwise(catalog: Catalog) -> None:
    make_tenant(catalog, "acme")
    make_tenant(catalog, "other")
    assert switched_off(catalog, "acme") == frozenset()
    switch_of_plan(catalog, "free", NEWSROOM, False)
    assert switched_off(catalog, "acme") == switched_off(catalog, "other") == {NEWSROOM}
    switch(catalog, ACME, NEWSROOM, True)
    assert (switched_off(catalog, "acme"), tenants_with(catalog, NEWSROOM)) == (frozenset(), {"acme"})
    set_plan(catalog, "other", "pro")
    assert tenants_with(catalog, NEWSROOM) == {"acme", "other"}
    switch(catalog, ACME, NEWSROOM, None)
    assert tenants_with(catalog, NEWSROOM) == {"other"}
    switch_of_plan(catalog, "free", NEWSROOM, None)
    delete_tenant(catalog, "other")
    assert tenants_with(catalog, NEWSROOM) == {"acme"}


def test_what_is_unknown_is_named(catalog: Catalog) -> None:
    make_tenant(catalog, "acme")
    for ask in (
        lambda: switch(catalog, ACME, "cinema", True),
        lambda: switch_of_plan(catalog, "free", "cinema", True),
        lambda: switch_of_plan(catalog, "gold", NEWSROOM, True),
        lambda: switched_off(catalog, "nosuch"),
    ):
        with pytest.raises(NotFoundError):
            ask()


def test_nothing_of_the_newsroom_can_be_done_or_seen_where_it_is_off(desk: Desk) -> None:
    order = desk.studio().orders.request(TOPIC, now=NOW, day=DAY, platforms=["tg"]).id
    assert desk.fulfil(order).success
    switch(desk.catalog, ACME, NEWSROOM, False)
    studio, other = desk.studio("acme", "owner"), desk.studio("bravo", "owner")
    for name, row in policy.POLICY.items():
        lacking = row.noun in ("orders", "packages", "rules")
        assert studio.may(name) == (other.may(name) and not lacking), name
    with pytest.raises(NotFoundError, match="newsroom"):
        studio.orders.all()
    assert [page for page in ("exclusive", "packages", "topics", "data") if studio.sees(page)] == ["topics", "data"]
    assert all(other.sees(page) for page in ("exclusive", "packages", "topics", "data"))
    for table in ("content_packages", "editor_results", "packages"):
        with pytest.raises(QueryError, match="no such view"):
            studio.posts.sql(f"select * from {table}")
        with pytest.raises(QueryError, match="no such view|refused"):
            studio.posts.sql(f"describe {table}")
    listed = set(studio.posts.sql("show tables")["name"])
    assert {"messages", "topics", "rankings"} <= listed
    assert not listed & {"content_packages", "editor_results", "images", "image_briefs", "exports", "packages"}
    assert "content_packages" in set(other.posts.sql("show tables")["name"])
    with pytest.raises(FieldError, match="content_packages"):
        studio.bundles.request(DAY, DAY, ["content_packages"], now=NOW)
    assert "content_packages" not in studio.bundles.request(DAY, DAY, now=NOW).tables
    switch(desk.catalog, ACME, NEWSROOM, True)
    assert [row.id for row in desk.studio().orders.all()] == [order]


def test_sensors_leave_tenants_without_a_newsroom_alone(desk: Desk) -> None:
    desk.studio().orders.request(TOPIC, now=NOW, day=DAY, platforms=["tg"])
    desk.studio().rules.put("Top", TopicRule(max_rank=3), now=NOW)
    switch(desk.catalog, ACME, NEWSROOM, False)
    context = dg.build_sensor_context(instance=desk.instance, resources={"catalog": desk.catalog, "lake": desk.lake})
    assert orders_sensor(context).run_requests == []
    assert isinstance(rules_sensor(context), dg.SkipReason)
    switch(desk.catalog, ACME, NEWSROOM, True)
    assert len(orders_sensor(context).run_requests or []) == 1


def test_a_webhook_is_not_posted_to_while_its_tenant_has_none(catalog: Catalog) -> None:
    make_tenant(catalog, "acme")
    make_tenant(catalog, "other")
    with Receiver() as receiver:
        for tenant in ("acme", "other"):
            hook(catalog, receiver.url, tenant=tenant)
        switch(catalog, ACME, "webhooks", False)
        happen(catalog, happened(1, "acme"), happened(1, "other"))
        subscriber = webhooks(catalog)
        with running(Dispatcher(catalog, {"webhook": subscriber}, keep=timedelta(days=1), poll=0.05)):
            assert [post.json["tenant"] for post in receiver.wait_for(1)] == ["other"]
            switch(catalog, ACME, "webhooks", True)
            assert receiver.wait_for(2)[1].json["tenant"] == "acme"


def test_every_noun_page_tool_and_table_of_the_list_is_there() -> None:
    nouns = {row.noun for row in policy.POLICY.values()}
    pages = {page for row in policy.POLICY.values() for page in row.pages}
    for capability in capabilities.OWN:
        assert set(capability.nouns) <= nouns and capability.page_keys <= pages
    assert {policy.of_tool(name).noun for name in ("order_package", "packages")} == {"orders", "packages"}
    assert {"order_package", "packages"} <= TOOLS.keys()
    assert capabilities.lake_table_owners()["content_packages"] == NEWSROOM
    assert "messages" not in capabilities.lake_table_owners()


def test_a_capability_that_can_not_be_is_refused_with_its_fault() -> None:
    with pytest.raises(FieldError, match="name"):
        Capability(name="No Good", about="")
    with pytest.raises(FieldError, match=r"cinema\.watch"):
        Capability(name="cinema", about="", actions=(Action("cinema.watch"),))
    for reference in ("tgstudio_dagster.nosuch:X", "tgstudio_dagster.capabilities:NOSUCH"):
        with pytest.raises(FieldError, match="can't be loaded"):
            capabilities.load(reference)
