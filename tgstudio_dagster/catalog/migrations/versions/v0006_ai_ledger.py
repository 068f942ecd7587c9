"""The ledger of model calls: claims, what calls used with provider and request id; orders that one run at a time takes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the claims; change what calls used, which nothing wrote before this step; give orders a holder."""
    _create_claims()
    _change_usage()
    _change_orders()


def downgrade() -> None:
    """There is no way back: what was paid for would be paid for again."""
    raise NotImplementedError("Restore a backup of the catalog to go back.")


def _create_claims() -> None:
    op.create_table(
        "ai_claims",
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("order_id", sa.String(length=67), nullable=True),
        sa.Column("wish", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(length=300), nullable=True),
        sa.Column("holder_started", sa.Float(53), nullable=True),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reserved_micro_usd", sa.BigInteger(), nullable=True),
        sa.Column("request_id", sa.String(length=200), nullable=True),
        sa.Column("answer", sa.JSON(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state in ('asked', 'done', 'failed', 'unknown')", name=op.f("ck_ai_claims_state")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_ai_claims_order_id")),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.slug"], name=op.f("fk_ai_claims_tenant")),
        sa.PrimaryKeyConstraint("tenant", "key", name=op.f("pk_ai_claims")),
    )
    op.create_index(op.f("ix_ai_claims_tenant_state"), "ai_claims", ["tenant", "state"], unique=False)
    op.create_index(op.f("ix_ai_claims_tenant_order_id"), "ai_claims", ["tenant", "order_id"], unique=False)


def _change_usage() -> None:
    with op.batch_alter_table("ai_usage") as batch:
        batch.drop_constraint(op.f("uq_ai_usage_tenant_call_hash"), type_="unique")
        batch.alter_column("kind", new_column_name="purpose")
        batch.alter_column("cost_micro_usd", existing_type=sa.BigInteger(), nullable=True)
        batch.drop_column("result")
        batch.add_column(sa.Column("provider", sa.String(length=40), nullable=False, server_default="unknown"))
        batch.add_column(sa.Column("request_id", sa.String(length=200), nullable=True))
        batch.add_column(sa.Column("cached_tokens", sa.BigInteger(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("estimated", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch.add_column(sa.Column("cached", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("ai_usage") as batch:
        batch.alter_column("provider", existing_type=sa.String(length=40), server_default=None)
        batch.alter_column("cached_tokens", existing_type=sa.BigInteger(), server_default=None)
        batch.alter_column("estimated", existing_type=sa.Boolean(), server_default=None)
        batch.alter_column("cached", existing_type=sa.Boolean(), server_default=None)
    op.create_index(op.f("ix_ai_usage_tenant_order_id"), "ai_usage", ["tenant", "order_id"], unique=False)


def _change_orders() -> None:
    with op.batch_alter_table("orders") as batch:
        batch.add_column(sa.Column("wish", sa.Integer(), nullable=False, server_default="1"))
        batch.add_column(sa.Column("token", sa.BigInteger(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("holder", sa.String(length=300), nullable=True))
        batch.add_column(sa.Column("holder_started", sa.Float(53), nullable=True))
        batch.add_column(sa.Column("held_until", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("orders") as batch:
        batch.alter_column("wish", existing_type=sa.Integer(), server_default=None)
        batch.alter_column("token", existing_type=sa.BigInteger(), server_default=None)
