"""What Alembic runs: the steps, on the connection (and in the transaction) that Catalog.upgrade() hands over."""

from __future__ import annotations

from alembic import context

from tgstudio_dagster.catalog.base import Base
from tgstudio_dagster.catalog.migrations import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_server_default=True,
    render_as_batch=True,
    version_table=context.config.attributes.get("version_table", VERSION_TABLE),
)
context.run_migrations()
