"""Uploads keep which fields could not be read in messages that landed without them, by name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column: nothing was dropped before, a message with an odd field was rejected."""
    with op.batch_alter_table("uploads") as batch:
        batch.add_column(sa.Column("dropped_by", sa.JSON(), nullable=False, server_default="{}"))
    with op.batch_alter_table("uploads") as batch:
        batch.alter_column("dropped_by", server_default=None)


def downgrade() -> None:
    """There is no way back: what the column holds would be lost."""
    raise NotImplementedError("Restore a backup of the catalog to go back.")
