"""Every order says which colour took it: the only releases that did not write the column are gone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations import backfill, online

revision = "contract_0001"
down_revision = None
branch_labels = ("contract",)
depends_on = ("expand_0002",)

_ID = sa.Uuid(as_uuid=False)
_COLOUR = sa.String(16)

orders = sa.table("orders", sa.column("id", _ID), sa.column("accepted_by", _COLOUR))
outbox = sa.table("outbox", sa.column("order_id", _ID), sa.column("colour", _COLOUR))

BACKFILL = backfill.Backfill(
    table=orders,
    key="id",
    missing=orders.c.accepted_by.is_(None),
    values={
        "accepted_by": sa.func.coalesce(
            sa.select(outbox.c.colour).where(outbox.c.order_id == orders.c.id).scalar_subquery(), sa.literal("unknown", _COLOUR)
        )
    },
)


def upgrade() -> None:
    backfill.complete(BACKFILL)
    online.set_not_null("orders", "accepted_by", _COLOUR)


def downgrade() -> None:
    op.alter_column("orders", "accepted_by", existing_type=_COLOUR, nullable=True)
