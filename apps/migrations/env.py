"""Alembic asks here how to reach the schema; orders.schema_range names the table that remembers its revisions."""

from __future__ import annotations

from alembic import context

from orders.schema_range import VERSION_TABLE
from orders.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
