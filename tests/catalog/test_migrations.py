"""The migrations make what the models say, on both databases, whoever comes first."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, inspect, select, text
from sqlalchemy.exc import IntegrityError

from tgstudio_dagster.catalog.accounts.accounts import list_accounts
from tgstudio_dagster.catalog.base import Base
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.reading import ChannelCursor, cursor
from tgstudio_dagster.catalog.follows.subscriptions import list_subscriptions
from tgstudio_dagster.catalog.migrations import HEAD, VERSION_TABLE
from tgstudio_dagster.catalog.money.models import Plan
from tgstudio_dagster.core.errors import ConflictError, SettingsError
from tgstudio_dagster.core.settings import Settings

DESIGN = (
    "users tenants memberships tg_accounts channels subscriptions account_channel_state orders rules settings plans quotas "
    "ai_claims ai_usage api_keys login_sessions used_logins audit_log imports import_rejects leases account_waits pairings "
    "subscription_requests tenant_reads sends quota_usage heard_posts media_backlog "
    "package_edits bundles requests kept_answers watches uploads read_wishes "
    "outbox_events outbox_streams outbox_subscribers outbox_deliveries webhooks"
)


def test_the_migrations_make_exactly_the_models_tables(empty_database_url: str) -> None:
    catalog = Catalog(empty_database_url)
    catalog.upgrade()
    with catalog.engine(pooled=False).connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "version_table": VERSION_TABLE}
        )
        assert compare_metadata(context, Base.metadata) == []
        checks = {
            (table.name, check["name"])
            for table in Base.metadata.sorted_tables
            for check in inspect(connection).get_check_constraints(table.name)
        }
    assert ("tenants", "ck_tenants_slug") in checks
    assert ("orders", "ck_orders_status") in checks
    catalog.close()


def test_the_catalog_has_every_table_of_the_design(empty_database_url: str) -> None:
    catalog = Catalog(empty_database_url)
    catalog.upgrade()
    with catalog.engine(pooled=False).connect() as connection:
        assert set(inspect(connection).get_table_names()) == {*DESIGN.split(), VERSION_TABLE}
    catalog.close()


def test_head_names_the_newest_step() -> None:
    config = Config()
    config.set_main_option("script_location", "tgstudio_dagster.catalog:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_upgrading_twice_changes_nothing(empty_database_url: str) -> None:
    catalog = Catalog(empty_database_url)
    catalog.upgrade()
    catalog.upgrade()
    with catalog.reading() as session:
        assert session.execute(text(f"select version_num from {VERSION_TABLE}")).scalars().all() == [HEAD]
    catalog.close()


def test_processes_that_upgrade_at_once_wait_for_each_other(empty_database_url: str) -> None:
    code = "import sys; from tgstudio_dagster.catalog.database import Catalog; Catalog(sys.argv[1]).upgrade()"
    running = [
        subprocess.Popen([sys.executable, "-c", code, empty_database_url], stderr=subprocess.PIPE) for _ in range(3)
    ]
    assert [(one.communicate()[1], one.returncode) for one in running] == [(b"", 0)] * 3


def test_a_catalog_of_a_newer_version_is_refused(catalog: Catalog) -> None:
    with catalog.session() as session:
        session.execute(text(f"update {VERSION_TABLE} set version_num = '9999'"))
    with pytest.raises(ConflictError, match="newer TG Studio"):
        catalog.upgrade()


def test_opening_makes_the_embedded_catalog_for_its_owner_only(tmp_path: Path) -> None:
    Catalog.open(Settings(home=tmp_path / "home")).close()
    assert (tmp_path / "home" / "catalog.sqlite").stat().st_mode & 0o777 == 0o600


def test_a_database_that_cannot_be_reached_is_named_without_its_password() -> None:
    settings = Settings(database_url="postgresql+psycopg2://me:secret@127.0.0.1:1/none")
    with pytest.raises(SettingsError, match=r"TGSTUDIO_DATABASE_URL.*127\.0\.0\.1:1/none") as caught:
        Catalog.open(settings)
    assert "secret" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="can't be opened"):
        Catalog.open(Settings(home=tmp_path / "file" / "home"))


_OLD_ROWS = """
insert into tenants (slug, name, created_at) values ('demo', 'Demo', '2026-03-01 00:00:00');
insert into users (id, name, is_operator, created_at) values ('u1', 'Ann', true, '2026-03-01 00:00:00');
insert into plans (name, title, limits) values ('pro', 'Ours', '{"channels": 3}');
insert into tg_accounts (id, telegram_id, name, key_version, status, created_at, paired_by, tenant)
    values ('a1', 1099511627776, 'Ann', 1, 'active', '2026-03-01 00:00:00', 'u1', 'demo'),
           ('a2', null, 'Bob', 1, 'pairing', '2026-03-02 00:00:00', null, 'demo');
insert into channels (tenant, channel_id, username, title, kind, seen_at)
    values ('demo', 1099511627777, 'news', 'News', 'channel', '2026-03-01 00:00:00'),
           ('demo', 2, null, 'Private', 'channel', '2026-03-01 00:00:00');
insert into subscriptions (tenant, channel_id, account_id, status, since, created_by, created_at)
    values ('demo', 1099511627777, 'a1', 'active', '2026-02-01', 'u1', '2026-03-01 00:00:00'),
           ('demo', 2, null, 'ended', null, null, '2026-03-01 00:00:00');
insert into account_channel_state (account_id, channel_id, last_msg_id, gaps, read_at, error, tenant)
    values ('a1', 1099511627777, 500, '[[1, 99]]', '2026-03-03 00:00:00', 'slow', 'demo');
"""


def _at_first_version(url: str, statements: str, *, enforced: bool = True) -> Catalog:
    """A catalog as version 0001 left it, with these rows."""
    catalog = Catalog(url)
    config = Config()
    config.set_main_option("script_location", "tgstudio_dagster.catalog:migrations")
    with catalog.engine(pooled=False).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine = catalog.engine(pooled=False)
    if not enforced:
        event.listen(engine, "connect", lambda connection, _: connection.execute("pragma foreign_keys=OFF"))
    with engine.begin() as connection:
        for statement in statements.split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement.replace("%", "%%"))
    return catalog


def test_rows_of_the_first_version_survive_the_second(empty_database_url: str) -> None:
    catalog = _at_first_version(empty_database_url, _OLD_ROWS)
    catalog.upgrade()
    accounts = {account.id: account for account in list_accounts(catalog, "demo")}
    ann, bob = accounts["a1"], accounts["a2"]
    assert (ann.telegram_id, ann.name, ann.status, ann.paired_by, ann.username) == (2**40, "Ann", "active", "u1", None)
    assert (bob.telegram_id, bob.status) == (None, "expired")
    news, private = list_subscriptions(catalog, "demo")
    assert (news.channel_id, news.reference, news.visibility, news.since) == (
        2**40 + 1,
        "@news",
        "public",
        date(2026, 2, 1),
    )
    assert (news.status, news.account_id, news.comments, news.members) == ("active", "a1", False, None)
    assert (private.reference, private.visibility, private.status, private.since) == ("2", "private", "ended", None)
    read_at = datetime(2026, 3, 3, tzinfo=UTC)
    assert cursor(catalog, "demo", "a1", 2**40 + 1) == ChannelCursor(2**40 + 1, None, 500, ((1, 99),), read_at, "slow")
    with catalog.reading() as session:
        assert session.scalars(text("select title from plans order by name")).all() == ["Enterprise", "Free", "Ours"]
        # What the product ships stands in plans.py; what an operator has set stays in the row.
        rows = {plan.name: plan.limits for plan in session.scalars(select(Plan))}
    assert rows == {"enterprise": {}, "free": {}, "pro": {"channels": 3}}
    catalog.close()


def test_an_upgraded_catalog_still_refuses_what_its_tables_forbid(empty_database_url: str) -> None:
    catalog = _at_first_version(empty_database_url, _OLD_ROWS)
    catalog.upgrade()
    for statement in (
        "update tg_accounts set status = 'pairing'",
        "update subscriptions set visibility = 'secret'",
        "update subscriptions set status = 'asleep'",
        "update subscriptions set account_id = 'nosuch'",
        "update account_channel_state set account_id = 'nosuch'",
        "update subscriptions set reference = null",
        "delete from tg_accounts where id = 'a1'",
    ):
        with pytest.raises(IntegrityError), catalog.session() as session:
            session.execute(text(statement))
    catalog.close()


def test_an_upgrade_of_rows_that_refer_to_nothing_leaves_the_catalog_as_it_was(tmp_path: Path) -> None:
    orphan = "insert into subscriptions (tenant, channel_id, status, created_at) values ('nosuch', 1, 'active', '2026-03-01')"
    catalog = _at_first_version(f"sqlite:///{tmp_path / 'old.sqlite'}", orphan, enforced=False)
    with pytest.raises(ConflictError, match=r"subscriptions → (channels|tenants)"):
        catalog.upgrade()
    with catalog.reading() as session:
        assert session.scalar(text(f"select version_num from {VERSION_TABLE}")) == "0001"
        assert session.scalar(text("select count(*) from subscriptions")) == 1
    catalog.close()
