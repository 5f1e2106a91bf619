"""Alembic asks here how to reach the schema, or how to write down what it would send there."""

from __future__ import annotations

from alembic import context

import migrations.one_at_a_time  # noqa: F401 - from here on Alembic's statements go through it
from orders.schema_range import VERSION_TABLE
from orders.tables import metadata

attributes = context.config.attributes
context.configure(
    connection=attributes.get("connection"),
    dialect_name=attributes["dialect"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    literal_binds=context.is_offline_mode(),
    statements=attributes.get("statements"),
    throttle=attributes.get("throttle"),
)
with context.begin_transaction():
    context.run_migrations()
