"""Forwarding and do-not-disturb of DNs, kept over a restart."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "dn_features",
        sa.Column("number", sa.String(128), primary_key=True),
        sa.Column("dnd", sa.Boolean, nullable=False),
        sa.Column("always", sa.String(64), nullable=False),
        sa.Column("busy", sa.String(64), nullable=False),
        sa.Column("no_answer", sa.String(64), nullable=False),
        sa.Column("changed_at", sa.Float(53), nullable=False),
    )
