"""A tenant's session sees and writes one tenant's rows, whatever the query says."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from tests.builders import make_tenant
from tgstudio_dagster.catalog.base import Base, TenantOwned
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.channels import ChannelSeen, channel_usernames, list_channels, remember_channels
from tgstudio_dagster.catalog.follows.models import Channel, Subscription
from tgstudio_dagster.catalog.people.models import Membership, Tenant
from tgstudio_dagster.catalog.work.imports import Reject, begin_import, checkpoint, list_imports, rejects
from tgstudio_dagster.catalog.work.orders import create_order, get_order, list_orders
from tgstudio_dagster.core.errors import ConflictError, NotFoundError

MACHINE_WIDE = {"tenants", "users", "plans", "login_sessions", "used_logins", "audit_log", "leases", "outbox_streams"}


@pytest.fixture
def two(catalog: Catalog) -> Catalog:
    """A catalog in which tenants a and b have seen channel 1."""
    for tenant in ("a", "b"):
        make_tenant(catalog, tenant)
        remember_channels(catalog, tenant, [ChannelSeen(1, f"of_{tenant}", tenant, "channel")])
    return catalog


def test_every_table_belongs_to_a_tenant_unless_it_is_machine_wide() -> None:
    owned = {mapper.local_table.name for mapper in Base.registry.mappers if issubclass(mapper.class_, TenantOwned)}  # type: ignore[attr-defined]
    assert set(Base.metadata.tables) == owned | MACHINE_WIDE


def test_a_select_without_a_filter_sees_one_tenant(two: Catalog) -> None:
    for tenant in ("a", "b", "a"):
        with two.tenant_session(tenant) as session:
            assert [row.tenant for row in session.scalars(select(Channel))] == [tenant]


def test_columns_counts_joins_and_aliases_see_one_tenant(two: Catalog) -> None:
    other = aliased(Channel)
    with two.tenant_session("a") as session:
        assert session.scalars(select(Channel.username)).all() == ["of_a"]
        assert session.scalar(select(func.count()).select_from(Channel)) == 1
        assert session.scalars(select(other.username)).all() == ["of_a"]
        joined = select(Channel.tenant, other.tenant).join(other, other.channel_id == Channel.channel_id)
        assert session.execute(joined).all() == [("a", "a")]
        assert session.scalars(select(Channel.username).where(Channel.tenant == "b")).all() == []


def test_get_by_key_sees_one_tenant(two: Catalog) -> None:
    with two.tenant_session("a") as session:
        assert session.get(Channel, ("a", 1)) is not None
        assert session.get(Channel, ("b", 1)) is None


def test_an_update_or_delete_of_all_touches_one_tenant(two: Catalog) -> None:
    with two.tenant_session("a", writing=True) as session:
        session.execute(update(Channel).values(username="changed"))
    assert channel_usernames(two, "b", [1]) == {1: "of_b"}
    with two.tenant_session("a", writing=True) as session:
        session.execute(delete(Channel))
    assert (list_channels(two, "a"), len(list_channels(two, "b"))) == ([], 1)


def test_a_row_of_another_tenant_is_not_written(two: Catalog) -> None:
    with pytest.raises(ConflictError, match="'b'"), two.tenant_session("a", writing=True) as session:
        session.add(Channel(tenant="b", channel_id=2, title="x", kind="channel"))
    with pytest.raises(ConflictError, match="'b'"), two.tenant_session("a", writing=True) as session:
        session.get_one(Channel, ("a", 1)).tenant = "b"
    with pytest.raises(ConflictError, match="add"), two.tenant_session("a", writing=True) as session:
        session.execute(insert(Channel).values(tenant="b", channel_id=2, title="x", kind="channel"))
    assert len(list_channels(two, "b")) == 1


def test_an_unknown_tenant_is_not_an_empty_one(catalog: Catalog) -> None:
    with pytest.raises(NotFoundError, match="nosuch"):
        list_channels(catalog, "nosuch")


def test_foreign_keys_are_enforced(two: Catalog) -> None:
    with pytest.raises(IntegrityError), two.tenant_session("a", writing=True) as session:
        session.add(Subscription(tenant="a", channel_id=404))
    with pytest.raises(IntegrityError), two.session() as session:
        session.add(Membership(tenant="a", user_id="nobody", role="owner"))


def test_a_failed_transaction_leaves_nothing(two: Catalog) -> None:
    with pytest.raises(RuntimeError), two.tenant_session("a", writing=True) as session:
        session.get_one(Channel, ("a", 1)).title = "half"
        session.flush()
        raise RuntimeError
    assert [row.title for row in list_channels(two, "a")] == ["a"]


def test_orders_and_imports_of_another_tenant_do_not_exist(two: Catalog) -> None:
    order = create_order(
        two,
        make_tenant(two, "c"),
        topic_id="t-0",
        day=date(2026, 3, 15),
        platforms=["tg"],
        language="ru",
        tone="neutral",
        now=datetime(2026, 3, 15, tzinfo=UTC),
    )
    begun = begin_import(two, "a", path="x", source_hash="h", kind="k")
    bad = [Reject(1, None, "why", "what")]
    checkpoint(two, begun.id, position=1, state="{}", read=1, landed=0, filtered=0, rejected=1, rejects=bad)
    with pytest.raises(NotFoundError):
        get_order(two, "a", order.id)
    assert (list_orders(two, "a"), list_imports(two, "b"), rejects(two, "b", begun.id)) == ([], [], [])
    assert rejects(two, "a", begun.id) == bad


def test_a_tenant_that_was_looked_up_once_outlives_a_transaction_that_failed(catalog: Catalog) -> None:
    make_tenant(catalog)
    with catalog.one_look_up():
        with pytest.raises(ConflictError), catalog.tenant_session("demo"):
            raise ConflictError("refused")
        with catalog.tenant_session("demo") as session:
            assert session.get_one(Tenant, "demo").slug == "demo"
