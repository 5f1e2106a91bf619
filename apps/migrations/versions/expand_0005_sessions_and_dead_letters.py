"""Sessions that can be refreshed, accounts that are locked for a while, dead letters, and keys that expire.

Releases that know none of it are not disturbed: they only ever insert idempotency keys, and whatever else is here they do not touch.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations import online
from orders.utc import UtcDateTime

revision = "expand_0005"
down_revision = "expand_0004"
branch_labels = None
depends_on = None

_ID = sa.Uuid(as_uuid=False)


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id"),
        if_not_exists=True,
    )
    online.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_table(
        "login_failures",
        sa.Column("address_hash", sa.String(64), nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("last_at", UtcDateTime, nullable=False),
        sa.Column("locked_until", UtcDateTime),
        sa.PrimaryKeyConstraint("address_hash", name="pk_login_failures"),
        if_not_exists=True,
    )
    online.create_index("ix_login_failures_last_at", "login_failures", ["last_at"])
    op.create_table(
        "dead_letters",
        sa.Column("id", _ID, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("colour", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("body", sa.Text),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dead_letters"),
        if_not_exists=True,
    )
    online.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])


def downgrade() -> None:
    online.drop_index("ix_idempotency_keys_created_at", "idempotency_keys")
    for table in ("dead_letters", "login_failures", "sessions"):
        op.drop_table(table, if_exists=True)
