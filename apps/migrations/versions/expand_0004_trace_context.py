"""To which trace an order belongs, as W3C's traceparent. Releases that do not know the column leave it empty."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "expand_0004"
down_revision = "expand_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("trace_context", sa.String(64), nullable=True), if_not_exists=True)


def downgrade() -> None:
    op.drop_column("outbox", "trace_context", if_exists=True)
