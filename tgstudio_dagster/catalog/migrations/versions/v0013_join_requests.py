"""Wishes to follow keep when the admins of a channel were asked to let the account in, so that they are asked once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, empty for wishes there are."""
    with op.batch_alter_table("subscription_requests") as batch:
        batch.add_column(sa.Column("join_asked_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """There is no way back: what the column holds would be lost."""
    raise NotImplementedError("Restore a backup of the catalog to go back.")
