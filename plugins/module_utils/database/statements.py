"""What several packages ask of every database server, in the SQL of its engine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Statements:
    # {0} and {1} are the accounts that write: their logins are locked and unlocked, their connections ended and counted.
    lock_writers: str
    unlock_writers: str
    disconnect_writers: str
    count_writers: str

    # How many tables the application has in its database.
    count_tables: str
    # Any {statement} that reads, which may change nothing, in an answer that the client does not gather in memory.
    only_read: str

    # A table beside the application's, so that nothing of the application can trip over it: restore_drill.written (n).
    make_drill_table: str
    remove_drill_table: str

    # Seconds it is up, connections, how many there may be, whether it is a replica, and the size of {database} in bytes.
    activity: str
    # Of a server that somebody else runs: its version with the product's name, whether it only reads (t or f), the encoding of the database
    # that one is logged in to, its clock in seconds since 1970, and the cipher of the connection.
    about: str
    # A row for each right that goes beyond one database, of the account that asks: an application must have none.
    mighty_rights: str
    # What the version of this product has in it.
    product: str
    # The encodings that hold every character.
    encodings: tuple[str, ...]

    # What a server needs once it serves upgraded data; empty for nothing.
    after_upgrade: str = ""
