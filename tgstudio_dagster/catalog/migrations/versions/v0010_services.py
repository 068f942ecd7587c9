"""Orders keep what they are made from: the title that their topic had, so that a list of orders reads no topic."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, empty for orders there are: their title is looked up in the lake where it is shown."""
    with op.batch_alter_table("orders") as batch:
        batch.add_column(sa.Column("subject", sa.Text(), nullable=True))
        batch.create_index(op.f("ix_orders_tenant_created_at_id"), ["tenant", "created_at", "id"])


def downgrade() -> None:
    """There is no way back: what the column holds would be lost."""
    raise NotImplementedError("Restore a backup of the catalog to go back.")
