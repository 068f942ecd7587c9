"""Keys know the key that created them, sessions their absolute end, and a user's local account how it last was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. Sessions from before have no absolute end of their own: their cookie has."""
    with op.batch_alter_table("api_keys") as batch:
        batch.add_column(sa.Column("parent_id", sa.String(26), nullable=True))
        batch.create_foreign_key(op.f("fk_api_keys_parent_id"), "api_keys", ["parent_id"], ["id"])
    with op.batch_alter_table("login_sessions") as batch:
        batch.add_column(sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("users") as batch:
        batch.add_column(sa.Column("account_hash", sa.String(64), nullable=True))


def downgrade() -> None:
    """There is no way back: what the columns hold would be lost."""
    raise NotImplementedError("Restore a backup of the catalog to go back.")
