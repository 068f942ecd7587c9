"""The reader: wishes to be read, which it works off."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of wishes."""
    op.create_table(
        "read_wishes",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("first", sa.Date(), nullable=True),
        sa.Column("last", sa.Date(), nullable=True),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("posts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.CheckConstraint("status in ('queued', 'running', 'done', 'failed')", name=op.f("ck_read_wishes_status")),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.slug"], name=op.f("fk_read_wishes_tenant")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_read_wishes")),
    )
    op.create_index(op.f("ix_read_wishes_status"), "read_wishes", ["status"])


def downgrade() -> None:
    """There is no way back: what the new table holds would be lost."""
    raise NotImplementedError("Restore a backup of the catalog to go back.")
