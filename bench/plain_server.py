"""The image of a durable server, run with nothing but what its package and its entrypoint set: what ours is compared with."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.container import PREFIX, docker, remove
from harness.durable_server import DurableServer
from harness.waiting import eventually

_NAME = f"{PREFIX}plain"
# The account that ours has, without its TLS.
_FIRST_STATEMENTS = {
    "mariadb": "CREATE USER 'migrate_user'@'%' IDENTIFIED BY '{}';\nGRANT ALL PRIVILEGES ON orders_db.* TO 'migrate_user'@'%';\n",
    "postgresql": "CREATE ROLE migrate_user LOGIN PASSWORD '{}';\nGRANT ALL ON DATABASE orders_db TO migrate_user;\n"
    "GRANT ALL ON SCHEMA public TO migrate_user;\n",
}
_VARIABLES = {"mariadb": "MARIADB_ROOT_PASSWORD_FILE", "postgresql": "POSTGRES_PASSWORD_FILE"}
_NAMES = {"mariadb": "MARIADB_DATABASE", "postgresql": "POSTGRES_DB"}
# MariaDB would make itself a certificate.
_COMMANDS = {"mariadb": ("mariadbd", "--skip-ssl"), "postgresql": ("postgres",)}
_HEALTH = {"mariadb": ("mariadb-admin", "--user=mysql", "--skip-ssl", "ping"), "postgresql": ("pg_isready", "--host=127.0.0.1")}


@contextmanager
def plain_server(like: DurableServer, folder: Path, password: str, memory: str) -> Iterator[str]:
    """Its container's name. Of that memory it may use as much as `like` may."""
    engine = like.engine
    root_password, statements = folder / "root_password", folder / "first.sql"
    root_password.write_text(secrets.token_urlsafe(16))
    statements.write_text(_FIRST_STATEMENTS[engine].format(password))
    remove(_NAME)
    docker(
        "run", "--detach", "--name", _NAME, "--memory", memory, "--shm-size", "256m",
        "--env", f"{_VARIABLES[engine]}=/run/secrets/root_password", "--env", f"{_NAMES[engine]}=orders_db",
        "--volume", f"{root_password}:/run/secrets/root_password:ro",
        "--volume", f"{statements}:/docker-entrypoint-initdb.d/10-first.sql:ro",
        like.backend.image, *_COMMANDS[engine],
    )  # fmt: skip
    try:
        eventually(lambda: _succeeds(*_HEALTH[engine]), "the plain server answers")
        yield _NAME
    finally:
        remove(_NAME)


def _succeeds(*command: str) -> bool:
    try:
        docker("exec", _NAME, *command)
    except RuntimeError:
        return False
    return True
