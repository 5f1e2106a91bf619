"""What an account's e-mail address is compared by, byte by byte. Releases that do not know the column leave it empty."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Connection
from sqlalchemy.dialects import mysql

from migrations import email_keys, online

revision = "expand_0003"
down_revision = "expand_0002"
branch_labels = None
depends_on = None

_KEY = sa.String(254).with_variant(mysql.VARCHAR(254, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb")


def notices(connection: Connection) -> list[str]:
    return email_keys.collisions(connection)


def upgrade() -> None:
    op.add_column("users", sa.Column("email_key", _KEY, nullable=True), if_not_exists=True)
    # First, so that no two accounts are ever given the same key.
    online.create_index("ix_users_email_key", "users", ["email_key"], unique=True)
    email_keys.complete()


def downgrade() -> None:
    online.drop_index("ix_users_email_key", "users")
    op.drop_column("users", "email_key", if_exists=True)
