"""The studio: sign-in sessions and keys, orders of chosen messages, edits, bundles, requests, watches, new limits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

LIMITS = {
    "free": {"images_per_day": 20, "api_calls_per_day": 1_000, "mcp_calls_per_day": 500, "calls_per_minute": 60},
    "pro": {"images_per_day": 400, "api_calls_per_day": 50_000, "mcp_calls_per_day": 20_000, "calls_per_minute": 300},
    "enterprise": {
        "images_per_day": 4_000,
        "api_calls_per_day": 1_000_000,
        "mcp_calls_per_day": 500_000,
        "calls_per_minute": 1_200,
    },
}


def upgrade() -> None:
    """Change users, keys, sessions and orders, keeping users and orders; create the new tables; add the new limits."""
    _change_people()
    _change_orders()
    _create_tables()
    _add_limits()


def downgrade() -> None:
    """There is no way back: what the new tables hold would be lost."""
    raise NotImplementedError("Restore a backup of the catalog to go back.")


def _change_people() -> None:
    with op.batch_alter_table("users") as batch:
        batch.add_column(sa.Column("login", sa.String(length=64), nullable=True))
        batch.add_column(sa.Column("language", sa.String(length=5), nullable=True))
        batch.create_unique_constraint(op.f("uq_users_login"), ["login"])
    # No interface took a key or a session before this step: rows of either table can't have been of use.
    op.execute("delete from api_keys")
    op.execute("delete from login_sessions")
    with op.batch_alter_table("api_keys") as batch:
        batch.add_column(sa.Column("prefix", sa.String(length=16), nullable=False))
        batch.add_column(sa.Column("scopes", sa.JSON(), nullable=False))
        batch.add_column(sa.Column("rate_per_minute", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("ips", sa.JSON(), nullable=True))
        batch.add_column(sa.Column("user_agents", sa.JSON(), nullable=True))
        batch.add_column(sa.Column("tools", sa.JSON(), nullable=True))
    with op.batch_alter_table("login_sessions") as batch:
        batch.alter_column("token_hash", new_column_name="sid_hash")
        batch.add_column(sa.Column("tenant", sa.String(length=40), nullable=True))
        batch.add_column(sa.Column("way", sa.String(length=10), nullable=False))
        batch.add_column(sa.Column("user_agent", sa.String(length=300), nullable=True))
        batch.add_column(sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False))
        batch.create_foreign_key(op.f("fk_login_sessions_tenant"), "tenants", ["tenant"], ["slug"])


def _change_orders() -> None:
    with op.batch_alter_table("orders") as batch:
        batch.drop_constraint(op.f("ck_orders_status"), type_="check")
        batch.alter_column("topic_id", existing_type=sa.String(length=40), nullable=True)
        batch.add_column(sa.Column("messages", sa.JSON(), nullable=True))
        batch.add_column(sa.Column("goal", sa.String(length=10), nullable=False, server_default="packages"))
        batch.add_column(sa.Column("rule_id", sa.String(length=26), nullable=True))
        batch.add_column(sa.Column("cancel_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("orders") as batch:
        batch.alter_column("goal", existing_type=sa.String(length=10), server_default=None)
        batch.create_foreign_key(op.f("fk_orders_rule_id"), "rules", ["rule_id"], ["id"])
        batch.create_check_constraint(
            op.f("ck_orders_status"), "status in ('queued', 'running', 'done', 'failed', 'cancelled')"
        )
        batch.create_check_constraint(op.f("ck_orders_goal"), "goal in ('text', 'briefs', 'images', 'packages')")
        batch.create_check_constraint(op.f("ck_orders_subject"), "(topic_id is null) <> (messages is null)")


def _create_tables() -> None:
    op.create_table(
        "package_edits",
        sa.Column("order_id", sa.String(length=67), nullable=False),
        sa.Column("platform", sa.String(length=20), nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("hashtags", sa.JSON(), nullable=False),
        sa.Column("image", sa.Integer(), nullable=True),
        *_made("package_edits", updated=False),
        *_tenant("package_edits"),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_package_edits_order_id")),
        sa.PrimaryKeyConstraint("order_id", "platform", "n", name=op.f("pk_package_edits")),
    )
    op.create_table(
        "bundles",
        sa.Column("id", sa.String(length=67), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        sa.Column("tables", sa.JSON(), nullable=False),
        sa.Column("format", sa.String(length=10), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=True),
        sa.Column("uri", sa.Text(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        *_made("bundles"),
        *_tenant("bundles"),
        sa.CheckConstraint("status in ('queued', 'running', 'done', 'failed')", name=op.f("ck_bundles_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bundles")),
    )
    op.create_table(
        "requests",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=5), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("api_key_id", sa.String(length=26), nullable=True),
        sa.Column("user_id", sa.String(length=26), nullable=True),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("results", sa.Integer(), nullable=True),
        *_tenant("requests"),
        sa.CheckConstraint("kind in ('api', 'mcp')", name=op.f("ck_requests_kind")),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_keys.id"], name=op.f("fk_requests_api_key_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_requests_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
    )
    op.create_index(op.f("ix_requests_tenant_at"), "requests", ["tenant", "at"])
    op.create_table(
        "kept_answers",
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        *_tenant("kept_answers"),
        sa.PrimaryKeyConstraint("tenant", "key_hash", name=op.f("pk_kept_answers")),
    )
    op.create_index(op.f("ix_kept_answers_expires_at"), "kept_answers", ["expires_at"])
    op.create_table(
        "watches",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("seen", sa.Text(), nullable=True),
        *_made("watches"),
        *_tenant("watches"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watches")),
        sa.UniqueConstraint("tenant", "name", name=op.f("uq_watches_tenant_name")),
    )


def _tenant(table: str) -> tuple[SchemaItem, ...]:
    return (
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.slug"], name=op.f(f"fk_{table}_tenant")),
    )


def _made(table: str, *, updated: bool = True) -> tuple[SchemaItem, ...]:
    return (
        sa.Column("created_by", sa.String(length=26), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        *([sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False)] if updated else []),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f(f"fk_{table}_created_by")),
    )


def _add_limits() -> None:
    plans = sa.table("plans", sa.column("name", sa.String), sa.column("limits", sa.JSON))
    bind = op.get_bind()
    for name, limits in bind.execute(sa.select(plans.c.name, plans.c.limits)).all():
        # What an operator has set stays; a plan of their own gets the free one's new limits.
        merged = {**LIMITS.get(name, LIMITS["free"]), **limits}
        bind.execute(plans.update().where(plans.c.name == name).values(limits=merged))
