import sqlalchemy as sa
from alembic import op

revision, down_revision = "1", None


def upgrade() -> None:
    op.create_table(
        "notes",
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("tenant", sa.String(40), sa.ForeignKey("tenants.slug"), nullable=False),
    )
