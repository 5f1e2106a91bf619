"""Every order says which colour took it: the only releases that did not write the column are gone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "contract_0001"
down_revision = None
branch_labels = ("contract",)
depends_on = ("expand_0002",)

_BATCH = 1000

orders = sa.table("orders", sa.column("id"), sa.column("accepted_by"))
outbox = sa.table("outbox", sa.column("order_id"), sa.column("colour"))


def upgrade() -> None:
    _fill_in()
    op.alter_column("orders", "accepted_by", existing_type=sa.String(16), nullable=False)


def downgrade() -> None:
    op.alter_column("orders", "accepted_by", existing_type=sa.String(16), nullable=True)


def _fill_in() -> None:
    """In small steps: a running release waits for none of them."""
    colour = sa.select(outbox.c.colour).where(outbox.c.order_id == orders.c.id).scalar_subquery()
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        while missing := connection.scalars(sa.select(orders.c.id).where(orders.c.accepted_by.is_(None)).limit(_BATCH)).all():
            connection.execute(sa.update(orders).where(orders.c.id.in_(missing)).values(accepted_by=sa.func.coalesce(colour, "unknown")))
