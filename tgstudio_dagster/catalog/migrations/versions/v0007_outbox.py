"""The outbox: events, their streams, subscribers and deliveries, and webhooks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "outbox_events",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("stream", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("recipient", sa.String(length=60), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *_tenant("outbox_events", nullable=True),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_outbox_events")),
        sa.UniqueConstraint("id", name=op.f("uq_outbox_events_id")),
        sa.UniqueConstraint("stream", "seq", name=op.f("uq_outbox_events_stream_seq")),
    )
    op.create_index(op.f("ix_outbox_events_seq"), "outbox_events", ["seq"])
    op.create_index(op.f("ix_outbox_events_at"), "outbox_events", ["at"])
    op.create_table(
        "outbox_streams",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_outbox_streams")),
    )
    op.create_table(
        "outbox_subscribers",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("stream", sa.String(length=40), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("blocked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        *_tenant("outbox_subscribers", nullable=True),
        sa.PrimaryKeyConstraint("name", "stream", name=op.f("pk_outbox_subscribers")),
    )
    op.create_table(
        "outbox_deliveries",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("event_id", sa.String(length=26), nullable=False),
        sa.Column("subscriber", sa.String(length=60), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("manual", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("response_status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        *_tenant("outbox_deliveries", nullable=True),
        sa.CheckConstraint("status in ('waiting', 'delivered', 'failed')", name=op.f("ck_outbox_deliveries_status")),
        sa.ForeignKeyConstraint(["event_id"], ["outbox_events.id"], name=op.f("fk_outbox_deliveries_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_deliveries")),
        sa.UniqueConstraint("event_id", "subscriber", name=op.f("uq_outbox_deliveries_event_id_subscriber")),
    )
    op.create_index(op.f("ix_outbox_deliveries_subscriber_id"), "outbox_deliveries", ["subscriber", "id"])
    op.create_index(op.f("ix_outbox_deliveries_status_manual"), "outbox_deliveries", ["status", "manual"])
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret_cipher", sa.LargeBinary(), nullable=False),
        sa.Column("created_by", sa.String(length=26), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        *_tenant("webhooks"),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_webhooks_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )


def downgrade() -> None:
    """There is no way back: what the new tables hold would be lost."""
    raise NotImplementedError("Restore a backup of the catalog to go back.")


def _tenant(table: str, *, nullable: bool = False) -> tuple[SchemaItem, ...]:
    return (
        sa.Column("tenant", sa.String(length=40), nullable=nullable),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.slug"], name=op.f(f"fk_{table}_tenant")),
    )
