"""The schema that this release's code reads and writes. The migrations make it; a test compares the two."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table, Text, UniqueConstraint, Uuid
from sqlalchemy.dialects.mysql import VARCHAR

from orders.utc import UtcDateTime

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

# MariaDB's usual comparison takes no notice of case and accents.
_EMAIL_KEY = String(254).with_variant(VARCHAR(254, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb")

users = Table(
    "users",
    metadata,
    Column("id", Uuid(as_uuid=False), primary_key=True),
    Column("email", String(254), nullable=False, unique=True),
    # What the address is compared by, see orders.email_key; older releases do not write it.
    Column("email_key", _EMAIL_KEY),
    Column("password_hash", String(60), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_users_email_key", "email_key", unique=True),
)

orders = Table(
    "orders",
    metadata,
    Column("id", Uuid(as_uuid=False), primary_key=True),
    Column("user_id", Uuid(as_uuid=False), ForeignKey("users.id"), nullable=False),
    Column("item", String(200), nullable=False),
    Column("quantity", Integer, nullable=False),
    # Envelope-encrypted, see orders.envelope.
    Column("note", LargeBinary),
    Column("status", String(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("processed_at", UtcDateTime),
    # The colour whose gateway took the order; older releases do not write it.
    Column("accepted_by", String(16)),
    Index("ix_orders_user_id_created_at", "user_id", "created_at"),
)

# Neither the key nor the body can be read from here: the one is hashed, the other sealed with the first.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("user_id", Uuid(as_uuid=False), primary_key=True),
    Column("key_hash", String(64), primary_key=True),
    Column("body_mac", String(64), nullable=False),
    Column("order_id", Uuid(as_uuid=False), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # The sweep finds expired ones by it.
    Index("ix_idempotency_keys_created_at", "created_at"),
)

# A login of somebody: its refresh token is another one after each use, and only the newest counts.
sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid(as_uuid=False), primary_key=True),
    Column("user_id", Uuid(as_uuid=False), ForeignKey("users.id"), nullable=False),
    # The secret of the newest token, as a hash: whoever reads this table can use none.
    Column("secret_hash", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    # Nothing refreshes a session that was ended; it stays until it would have expired.
    Column("ended_at", UtcDateTime),
)

# Failed logins, also with addresses that have no account: the table does not tell the one from the other, and holds no address.
login_failures = Table(
    "login_failures",
    metadata,
    Column("address_hash", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", UtcDateTime, nullable=False, index=True),
    Column("locked_until", UtcDateTime),
)

# What could not be handled and waits for an operator: an order that was given up, or a message that is none of ours.
dead_letters = Table(
    "dead_letters",
    metadata,
    # The order's id, or the message's.
    Column("id", Uuid(as_uuid=False), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("colour", String(16), nullable=False),
    Column("reason", String(500), nullable=False),
    # What a message said; of an order there is nothing but its id.
    Column("body", Text),
    Column("at", UtcDateTime, nullable=False),
)

# The record of what is still to be done; a message in a queue is only the wake-up.
outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("order_id", Uuid(as_uuid=False), ForeignKey("orders.id"), nullable=False, unique=True),
    # Only processes of this colour touch the row.
    Column("colour", String(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # When a message was sent first, and until when nobody need send another.
    Column("sent_at", UtcDateTime),
    Column("leased_until", UtcDateTime),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("finished_at", UtcDateTime),
    # The trace of the request that placed the order; older releases do not write it.
    Column("trace_context", String(64)),
    Index("ix_outbox_colour_finished_at_sent_at", "colour", "finished_at", "sent_at"),
)

# One row for each thing that ever happened to an order: the unique pair proves that it happened once.
order_events = Table(
    "order_events",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("order_id", Uuid(as_uuid=False), ForeignKey("orders.id"), nullable=False),
    Column("event", String(32), nullable=False),
    Column("colour", String(16), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("order_id", "event"),
)
