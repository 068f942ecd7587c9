"""All tables of the first version."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(length=300), nullable=True),
        sa.Column("holder_started", sa.Float(precision=53), nullable=True),
        sa.Column("acquired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "plans",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_plans")),
    )
    op.create_table(
        "used_logins",
        sa.Column("proof_hash", sa.String(length=64), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("proof_hash", name=op.f("pk_used_logins")),
    )
    op.create_index(op.f("ix_used_logins_expires_at"), "used_logins", ["expires_at"], unique=False)
    op.create_table(
        "users",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("telegram_id", sa.BigInteger(), nullable=True),
        sa.Column("username", sa.String(length=64), nullable=True),
        sa.Column("password_hash", sa.String(length=200), nullable=True),
        sa.Column("is_operator", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("telegram_id", name=op.f("uq_users_telegram_id")),
    )
    op.create_table(
        "login_sessions",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_login_sessions_user_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_login_sessions")),
    )
    op.create_index(op.f("ix_login_sessions_user_id"), "login_sessions", ["user_id"], unique=False)
    op.create_table(
        "tenants",
        sa.Column("slug", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("plan", sa.String(length=40), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "length(slug) > 0 and trim(slug, 'abcdefghijklmnopqrstuvwxyz0123456789') = ''", name=op.f("ck_tenants_slug")
        ),
        sa.ForeignKeyConstraint(["plan"], ["plans.name"], name=op.f("fk_tenants_plan")),
        sa.PrimaryKeyConstraint("slug", name=op.f("pk_tenants")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("user_id", sa.String(length=26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.CheckConstraint("role in ('owner', 'editor', 'viewer')", name=op.f("ck_api_keys_role")),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.slug"], name=op.f("fk_api_keys_tenant")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_api_keys_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_keys_key_hash")),
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tenant", sa.String(length=40), nullable=True),
        sa.Column("user_id", sa.String(length=26), nullable=True),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.slug"], name=op.f("fk_audit_log_tenant")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_audit_log_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index(op.f("ix_audit_log_tenant_at"), "audit_log", ["tenant", "at"], unique=False)
    op.create_table(
        "channels",
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("username", sa.String(length=64), nullable=True),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.slug"], name=op.f("fk_channels_tenant")),
        sa.PrimaryKeyConstraint("tenant", "channel_id", name=op.f("pk_channels")),
    )
    op.create_table(
        "imports",
        sa.Column("id", sa.String(length=67), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("source_hash", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("read", sa.BigInteger(), nullable=False),
        sa.Column("landed", sa.BigInteger(), nullable=False),
        sa.Column("filtered", sa.BigInteger(), nullable=False),
        sa.Column("rejected", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.CheckConstraint("status in ('running', 'done', 'failed')", name=op.f("ck_imports_status")),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.slug"], name=op.f("fk_imports_tenant")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
        sa.UniqueConstraint("tenant", "source_hash", name=op.f("uq_imports_tenant_source_hash")),
    )
    op.create_table(
        "memberships",
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=26), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("role in ('owner', 'editor', 'viewer')", name=op.f("ck_memberships_role")),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.slug"], name=op.f("fk_memberships_tenant")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_memberships_user_id")),
        sa.PrimaryKeyConstraint("tenant", "user_id", name=op.f("pk_memberships")),
    )
    op.create_index(op.f("ix_memberships_user_id"), "memberships", ["user_id"], unique=False)
    op.create_table(
        "orders",
        sa.Column("id", sa.String(length=67), nullable=False),
        sa.Column("topic_id", sa.String(length=40), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("platforms", sa.JSON(), nullable=False),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("tone", sa.String(length=20), nullable=False),
        sa.Column("created_by", sa.String(length=26), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.CheckConstraint("status in ('queued', 'running', 'done', 'failed')", name=op.f("ck_orders_status")),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_orders_created_by")),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.slug"], name=op.f("fk_orders_tenant")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
    )
    op.create_index(op.f("ix_orders_status_id"), "orders", ["status", "id"], unique=False)
    op.create_index(op.f("ix_orders_tenant_id"), "orders", ["tenant", "id"], unique=False)
    op.create_table(
        "quotas",
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("limit", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.slug"], name=op.f("fk_quotas_tenant")),
        sa.PrimaryKeyConstraint("tenant", "name", name=op.f("pk_quotas")),
    )
    op.create_table(
        "rules",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.String(length=26), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_rules_created_by")),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.slug"], name=op.f("fk_rules_tenant")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rules")),
    )
    op.create_table(
        "settings",
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.slug"], name=op.f("fk_settings_tenant")),
        sa.PrimaryKeyConstraint("tenant", name=op.f("pk_settings")),
    )
    op.create_table(
        "tg_accounts",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("telegram_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("session_cipher", sa.LargeBinary(), nullable=True),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paired_by", sa.String(length=26), nullable=True),
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.CheckConstraint(
            "status in ('pairing', 'active', 'paused', 'expired', 'banned', 'removed')",
            name=op.f("ck_tg_accounts_status"),
        ),
        sa.ForeignKeyConstraint(["paired_by"], ["users.id"], name=op.f("fk_tg_accounts_paired_by")),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.slug"], name=op.f("fk_tg_accounts_tenant")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tg_accounts")),
        sa.UniqueConstraint("tenant", "telegram_id", name=op.f("uq_tg_accounts_tenant_telegram_id")),
    )
    op.create_table(
        "account_channel_state",
        sa.Column("account_id", sa.String(length=26), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_msg_id", sa.BigInteger(), nullable=False),
        sa.Column("gaps", sa.JSON(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["tg_accounts.id"], name=op.f("fk_account_channel_state_account_id")),
        sa.ForeignKeyConstraint(
            ["tenant", "channel_id"],
            ["channels.tenant", "channels.channel_id"],
            name=op.f("fk_account_channel_state_tenant_channel_id"),
        ),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.slug"], name=op.f("fk_account_channel_state_tenant")),
        sa.PrimaryKeyConstraint("account_id", "channel_id", name=op.f("pk_account_channel_state")),
    )
    op.create_index(
        op.f("ix_account_channel_state_tenant_channel_id"),
        "account_channel_state",
        ["tenant", "channel_id"],
        unique=False,
    )
    op.create_table(
        "ai_usage",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("call_hash", sa.String(length=64), nullable=False),
        sa.Column("order_id", sa.String(length=67), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("images", sa.Integer(), nullable=False),
        sa.Column("cost_micro_usd", sa.BigInteger(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_ai_usage_order_id")),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.slug"], name=op.f("fk_ai_usage_tenant")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ai_usage")),
        sa.UniqueConstraint("tenant", "call_hash", name=op.f("uq_ai_usage_tenant_call_hash")),
    )
    op.create_index(op.f("ix_ai_usage_tenant_created_at"), "ai_usage", ["tenant", "created_at"], unique=False)
    op.create_table(
        "import_rejects",
        sa.Column("import_id", sa.String(length=67), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("excerpt", sa.Text(), nullable=False),
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name=op.f("fk_import_rejects_import_id")),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.slug"], name=op.f("fk_import_rejects_tenant")),
        sa.PrimaryKeyConstraint("import_id", "position", name=op.f("pk_import_rejects")),
    )
    op.create_table(
        "subscriptions",
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.String(length=26), nullable=True),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("created_by", sa.String(length=26), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("status in ('active', 'paused', 'ended')", name=op.f("ck_subscriptions_status")),
        sa.ForeignKeyConstraint(["account_id"], ["tg_accounts.id"], name=op.f("fk_subscriptions_account_id")),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_subscriptions_created_by")),
        sa.ForeignKeyConstraint(
            ["tenant", "channel_id"],
            ["channels.tenant", "channels.channel_id"],
            name=op.f("fk_subscriptions_tenant_channel_id"),
        ),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.slug"], name=op.f("fk_subscriptions_tenant")),
        sa.PrimaryKeyConstraint("tenant", "channel_id", name=op.f("pk_subscriptions")),
    )
    op.create_index(op.f("ix_subscriptions_account_id"), "subscriptions", ["account_id"], unique=False)


def downgrade() -> None:
    """Drop all tables."""
    op.drop_table("subscriptions")
    op.drop_table("import_rejects")
    op.drop_table("ai_usage")
    op.drop_table("account_channel_state")
    op.drop_table("tg_accounts")
    op.drop_table("settings")
    op.drop_table("rules")
    op.drop_table("quotas")
    op.drop_table("orders")
    op.drop_table("memberships")
    op.drop_table("imports")
    op.drop_table("channels")
    op.drop_table("audit_log")
    op.drop_table("api_keys")
    op.drop_table("tenants")
    op.drop_table("login_sessions")
    op.drop_table("users")
    op.drop_table("used_logins")
    op.drop_table("plans")
    op.drop_table("leases")
