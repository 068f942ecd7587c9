"""Uploads as rows; the values of the plans leave the table, for `catalog/money/plans.py`, where they are the product's own."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from tgstudio_dagster.catalog.migrations.versions import v0002_telegram, v0003_studio

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create `uploads`, let an import name its upload, and keep of each plan's row only what differs from what was shipped."""
    _create_uploads()
    with op.batch_alter_table("imports") as batch:
        batch.add_column(sa.Column("upload_id", sa.String(length=67), nullable=True))
        batch.create_foreign_key(op.f("fk_imports_upload_id"), "uploads", ["upload_id"], ["id"])
    _keep_what_operators_set()


def downgrade() -> None:
    """There is no way back: what the new table holds would be lost."""
    raise NotImplementedError("Restore a backup of the catalog to go back.")


def _create_uploads() -> None:
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(length=67), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("extension", sa.String(length=16), nullable=False),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("position", "total", "read", "landed", "filtered", "rejected")
        ),
        sa.Column("filtered_by", sa.JSON(), nullable=False),
        sa.Column("rejected_by", sa.JSON(), nullable=False),
        sa.Column("skipped_files", sa.Integer(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=True),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_by", sa.String(length=26), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.CheckConstraint(
            "status in ('waiting', 'running', 'done', 'failed', 'cancelled')", name=op.f("ck_uploads_status")
        ),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_uploads_created_by")),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.slug"], name=op.f("fk_uploads_tenant")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    op.create_index(op.f("ix_uploads_status_id"), "uploads", ["status", "id"])


def _keep_what_operators_set() -> None:
    plans = sa.table("plans", sa.column("name", sa.String), sa.column("limits", sa.JSON))
    bind = op.get_bind()
    for name, limits in bind.execute(sa.select(plans.c.name, plans.c.limits)).all():
        shipped = _shipped(name)
        kept = {limit: value for limit, value in limits.items() if shipped.get(limit) != value}
        bind.execute(plans.update().where(plans.c.name == name).values(limits=kept))


def _shipped(name: str) -> dict[str, Any]:
    """What steps 2 and 3 wrote for the plan; for an operator's own plan, what step 3 took from the free one."""
    _, *limits = v0002_telegram.PLANS.get(name, ("",))
    return dict(zip(v0002_telegram.LIMITS, limits, strict=False)) | v0003_studio.LIMITS.get(
        name, v0003_studio.LIMITS["free"]
    )
