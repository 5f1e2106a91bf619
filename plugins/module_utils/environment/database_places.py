"""Where the server of each database engine is, in every environment: the names, ports and addresses that follow from its engine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DatabasePlace:
    # The name by which a user chooses the engine.
    engine: str
    # The Compose service; it also stands for the engine in the names of containers, volumes, ports and images.
    service: str
    # The port on this machine, to which an environment adds its index.
    port: int
    container_port: int
    # The last octet of its address on the environment's durable network; that of its replica is larger by 2.
    host: int
    data_mount: str
    # How an address of it in one line begins, and what follows the question mark: {authority} is whom to trust.
    scheme: str = ""
    query: str = ""
    # Whoever runs one of these images has a database of this engine.
    images: tuple[str, ...] = ()


# The account that changes the schema; database/accounts.py makes it.
MIGRATE_USER = "migrate_user"

MARIADB = DatabasePlace(
    "mariadb",
    "mariadb",
    port=3306,
    container_port=3306,
    host=10,
    data_mount="/var/lib/mysql",
    scheme="mysql",
    query="ssl-ca={authority}&ssl-mode=VERIFY_IDENTITY",
    images=("mysql", "mariadb", "percona"),
)
POSTGRESQL = DatabasePlace(
    "postgresql",
    "postgres",
    port=5432,
    container_port=5432,
    host=11,
    data_mount="/var/lib/postgresql/data",
    scheme="postgresql",
    query="sslmode=verify-full&sslrootcert={authority}",
    images=("postgres", "postgis", "pgvector"),
)

# All engines by name; `engines/registry.py` adds what else is registered there.
ENGINES: dict[str, DatabasePlace] = {place.engine: place for place in (MARIADB, POSTGRESQL)}
DEFAULT_ENGINE = MARIADB.engine
