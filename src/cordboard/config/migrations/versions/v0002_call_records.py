"""Call detail records, and what finds them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "call_record",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("conn_id", sa.String(16), nullable=False),
        sa.Column("call_uuid", sa.String(32), nullable=False),
        sa.Column("call_type", sa.SmallInteger, nullable=False),
        sa.Column("caller", sa.String(255), nullable=False),
        sa.Column("callee", sa.String(255), nullable=False),
        sa.Column("requested", sa.Boolean, nullable=False),
        sa.Column("caller_call_id", sa.Text, nullable=False),
        sa.Column("callee_call_id", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("ringing_at", sa.Float(53)),
        sa.Column("answered_at", sa.Float(53)),
        sa.Column("ended_at", sa.Float(53), nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("released_by", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("call_record_ended_at", "call_record", ["ended_at"])
    op.create_index("call_record_conn_id", "call_record", ["conn_id"])
