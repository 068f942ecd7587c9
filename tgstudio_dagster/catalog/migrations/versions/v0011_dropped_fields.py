"""Uploads keep which fields were dropped of messages that landed without them, and in which zone local times were read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns: nothing was dropped before, a message with an odd field was rejected, and local times were UTC."""
    columns = (
        sa.Column("dropped_by", sa.JSON(), nullable=False, server_default="{}"),
        sa.Column("local_times", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("time_zone", sa.String(length=60), nullable=False, server_default=""),
    )
    with op.batch_alter_table("uploads") as batch:
        for column in columns:
            batch.add_column(column)
    with op.batch_alter_table("uploads") as batch:
        for column in columns:
            batch.alter_column(column.name, existing_type=column.type, server_default=None)


def downgrade() -> None:
    """There is no way back: what the columns hold would be lost."""
    raise NotImplementedError("Restore a backup of the catalog to go back.")
