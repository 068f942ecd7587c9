"""The migrations make what the models say, on both databases, whoever comes first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from tgstudio_dagster.catalog.base import Base
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.migrations import HEAD, VERSION_TABLE
from tgstudio_dagster.errors import ConflictError, SettingsError
from tgstudio_dagster.settings import Settings

DESIGN = (
    "users tenants memberships tg_accounts channels subscriptions account_channel_state orders rules settings plans quotas "
    "ai_usage api_keys login_sessions used_logins audit_log imports import_rejects leases"
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
