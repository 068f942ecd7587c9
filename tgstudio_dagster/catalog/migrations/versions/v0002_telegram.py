"""Telegram for real: waits, pairings, requests, access hashes, readings, sends, usage of quotas, and the three plans."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_GIB = 2**30
PLANS = {
    "free": ("Free", 60, 50, 1, 1 * _GIB, 20),
    "pro": ("Pro", 15, 500, 5, 20 * _GIB, 200),
    "enterprise": ("Enterprise", 5, 5000, 50, 500 * _GIB, 2000),
}
LIMITS = ("refresh_minutes", "channels", "accounts", "media_bytes_per_day", "orders_per_day")


def upgrade() -> None:
    """Change accounts, subscriptions and reading states, keeping their rows; create the new tables; seed the plans."""
    _change_accounts()
    _change_subscriptions()
    _change_states()
    _create_tables()
    _seed_plans()


def downgrade() -> None:
    """There is no way back: what the new tables hold would be lost."""
    raise NotImplementedError("Restore a backup of the catalog to go back.")


def _change_accounts() -> None:
    with op.batch_alter_table("subscriptions") as batch:
        batch.drop_constraint(op.f("fk_subscriptions_account_id"), type_="foreignkey")
    with op.batch_alter_table("account_channel_state") as batch:
        batch.drop_constraint(op.f("fk_account_channel_state_account_id"), type_="foreignkey")
    with op.batch_alter_table("tg_accounts") as batch:
        batch.drop_constraint(op.f("ck_tg_accounts_status"), type_="check")
    # Nothing could pair or pause an account before this step; a row that says so has no session to read with.
    op.execute("update tg_accounts set status = 'expired' where status in ('pairing', 'paused')")
    with op.batch_alter_table("tg_accounts") as batch:
        batch.drop_column("not_before")
        batch.drop_column("key_version")
        batch.add_column(sa.Column("username", sa.String(length=64), nullable=True))
        batch.create_unique_constraint(op.f("uq_tg_accounts_tenant_id"), ["tenant", "id"])
        batch.create_check_constraint(
            op.f("ck_tg_accounts_status"), "status in ('active', 'expired', 'banned', 'removed')"
        )


def _change_subscriptions() -> None:
    with op.batch_alter_table("subscriptions") as batch:
        batch.drop_constraint(op.f("ck_subscriptions_status"), type_="check")
        batch.add_column(sa.Column("reference", sa.String(length=200), nullable=True))
        batch.add_column(sa.Column("visibility", sa.String(length=10), nullable=True))
        batch.add_column(sa.Column("members", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("error", sa.Text(), nullable=True))
        batch.add_column(sa.Column("comments", sa.Boolean(), nullable=True))
        batch.add_column(sa.Column("filled_from", sa.Date(), nullable=True))
        batch.add_column(sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True))
    username = (
        "(select username from channels where channels.tenant = subscriptions.tenant "
        "and channels.channel_id = subscriptions.channel_id)"
    )
    op.execute(
        f"update subscriptions set comments = false, "  # noqa: S608 - constants
        f"reference = coalesce('@' || {username}, cast(channel_id as varchar)), "
        f"visibility = case when {username} is null then 'private' else 'public' end"
    )
    with op.batch_alter_table("subscriptions") as batch:
        batch.alter_column("reference", existing_type=sa.String(length=200), nullable=False)
        batch.alter_column("visibility", existing_type=sa.String(length=10), nullable=False)
        batch.alter_column("comments", existing_type=sa.Boolean(), nullable=False)
        batch.create_check_constraint(
            op.f("ck_subscriptions_status"), "status in ('active', 'paused', 'lost', 'ended')"
        )
        batch.create_check_constraint(op.f("ck_subscriptions_visibility"), "visibility in ('public', 'private')")
        batch.create_foreign_key(
            op.f("fk_subscriptions_tenant_account_id"), "tg_accounts", ["tenant", "account_id"], ["tenant", "id"]
        )


def _change_states() -> None:
    with op.batch_alter_table("account_channel_state") as batch:
        batch.add_column(sa.Column("access_hash", sa.BigInteger(), nullable=True))
        batch.create_foreign_key(
            op.f("fk_account_channel_state_tenant_account_id"),
            "tg_accounts",
            ["tenant", "account_id"],
            ["tenant", "id"],
        )


def _create_tables() -> None:
    op.create_table(
        "account_waits",
        sa.Column("account_id", sa.String(length=26), nullable=False),
        sa.Column("method", sa.String(length=100), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("flood_seconds", sa.Integer(), nullable=True),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        *_tenant("account_waits"),
        _account("account_waits"),
        sa.PrimaryKeyConstraint("account_id", "method", name=op.f("pk_account_waits")),
    )
    op.create_table(
        "pairings",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("way", sa.String(length=10), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("url_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts_left", sa.Integer(), nullable=False),
        sa.Column("telegram_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("account_id", sa.String(length=26), nullable=True),
        *_made("pairings"),
        *_tenant("pairings"),
        _account("pairings"),
        sa.CheckConstraint("way in ('qr', 'phone')", name=op.f("ck_pairings_way")),
        sa.CheckConstraint(
            "status in ('PENDING', 'CODE_NEEDED', 'PASSWORD_NEEDED', 'CONFIRM_NEEDED', 'AUTHORIZED', 'FAILED', 'EXPIRED')",
            name=op.f("ck_pairings_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pairings")),
    )
    op.create_table(
        "subscription_requests",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("account_id", sa.String(length=26), nullable=True),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("comments", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("channel_id", sa.BigInteger(), nullable=True),
        *_made("subscription_requests"),
        *_tenant("subscription_requests"),
        _account("subscription_requests"),
        sa.CheckConstraint("status in ('queued', 'done', 'failed')", name=op.f("ck_subscription_requests_status")),
        sa.ForeignKeyConstraint(
            ["tenant", "channel_id"],
            ["channels.tenant", "channels.channel_id"],
            name=op.f("fk_subscription_requests_tenant_channel_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription_requests")),
    )
    op.create_index(
        op.f("ix_subscription_requests_tenant_status"), "subscription_requests", ["tenant", "status"], unique=False
    )
    op.create_table(
        "tenant_reads",
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("woken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("waits_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        *_tenant("tenant_reads"),
        sa.PrimaryKeyConstraint("tenant", name=op.f("pk_tenant_reads")),
    )
    op.create_table(
        "heard_posts",
        sa.Column("channel_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("msg_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        *_tenant("heard_posts"),
        sa.ForeignKeyConstraint(
            ["tenant", "channel_id"],
            ["channels.tenant", "channels.channel_id"],
            name=op.f("fk_heard_posts_tenant_channel_id"),
        ),
        sa.PrimaryKeyConstraint("tenant", "channel_id", "msg_id", name=op.f("pk_heard_posts")),
    )
    op.create_table(
        "media_backlog",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        *_tenant("media_backlog"),
        sa.PrimaryKeyConstraint("tenant", "day", name=op.f("pk_media_backlog")),
    )
    op.create_table(
        "sends",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("account_id", sa.String(length=26), nullable=False),
        sa.Column("chat", sa.String(length=200), nullable=False),
        sa.Column("text_hash", sa.String(length=64), nullable=False),
        sa.Column("random_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("msg_id", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        *_made("sends"),
        *_tenant("sends"),
        _account("sends"),
        sa.CheckConstraint("status in ('sending', 'sent', 'failed')", name=op.f("ck_sends_status")),
        sa.PrimaryKeyConstraint("tenant", "key", name=op.f("pk_sends")),
    )
    op.create_table(
        "quota_usage",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        *_tenant("quota_usage"),
        sa.PrimaryKeyConstraint("tenant", "day", "name", name=op.f("pk_quota_usage")),
    )


def _tenant(table: str) -> tuple[SchemaItem, ...]:
    return (
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.slug"], name=op.f(f"fk_{table}_tenant")),
    )


def _account(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant", "account_id"],
        ["tg_accounts.tenant", "tg_accounts.id"],
        name=op.f(f"fk_{table}_tenant_account_id"),
    )


def _made(table: str) -> tuple[SchemaItem, ...]:
    return (
        sa.Column("created_by", sa.String(length=26), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f(f"fk_{table}_created_by")),
    )


def _seed_plans() -> None:
    plans = sa.table("plans", sa.column("name", sa.String), sa.column("title", sa.String), sa.column("limits", sa.JSON))
    known = set(op.get_bind().execute(sa.select(plans.c.name)).scalars())
    # A plan that an operator has made under one of these names stays as they made it.
    rows = [
        {"name": name, "title": title, "limits": dict(zip(LIMITS, limits, strict=True))}
        for name, (title, *limits) in PLANS.items()
        if name not in known
    ]
    if rows:
        op.bulk_insert(plans, rows)
