"""Which colour took the order. Releases that do not know the column leave it empty."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "expand_0002"
down_revision = "expand_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("accepted_by", sa.String(16), nullable=True), if_not_exists=True)


def downgrade() -> None:
    op.drop_column("orders", "accepted_by", if_exists=True)
