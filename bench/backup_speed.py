"""Seconds a gigabyte: a backup, its proof, and a restore, beside a plain dump of the same database and the loading of that."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.backups.notification import Notification
from ansible_collections.echobase.platform.plugins.module_utils.backups.retention import Retention
from ansible_collections.echobase.platform.plugins.module_utils.backups.run import BackupRun, WantedBackup
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import Point
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from bench.place import Place
from bench.results import Result
from harness.mariadb_under_test import MariadbUnderTest
from harness.postgres_under_test import PostgresUnderTest

# Of a kilobyte each, one half of it noise.
ROWS = 850_000
MEMORY = "1g"
_PIECES = 20
_TABLE = {
    "mariadb": "CREATE TABLE orders_db.filler (id INT PRIMARY KEY, noise VARBINARY(512), text VARCHAR(512))",
    "postgresql": "CREATE TABLE public.filler (id int PRIMARY KEY, noise bytea, text text)",
}
_NOISE_OF_POSTGRESQL = " || ".join(["sha512(random()::text::bytea)"] * 8)
_ROWS = {
    # Not in its log: the log is not what is measured.
    "mariadb": "SET sql_log_bin = 0; INSERT INTO orders_db.filler"
    " SELECT seq, RANDOM_BYTES(512), REPEAT(MD5(seq), 16) FROM seq_{first}_to_{last}",
    "postgresql": f"INSERT INTO public.filler SELECT n, {_NOISE_OF_POSTGRESQL}, repeat(md5(n::text), 16)"
    " FROM generate_series({first}, {last}) n",
}
# Rows leave something to do: marks of what was committed, dirty pages. A server does that by itself soon after, beside whatever runs then.
_SETTLE = {"mariadb": (), "postgresql": ("VACUUM ANALYZE public.filler", "CHECKPOINT")}
_SIZE = {
    "mariadb": "SELECT FILE_SIZE FROM information_schema.INNODB_SYS_TABLESPACES WHERE NAME = 'orders_db/filler'",
    "postgresql": "SELECT pg_total_relation_size('public.filler')",
}
_DUMP = {
    "mariadb": ("mariadb-dump", "--single-transaction", "--hex-blob", "orders_db"),
    "postgresql": ("pg_dump", "--username=postgres", "--clean", "--if-exists", "orders_db"),
}
_LOAD = {
    "mariadb": ("mariadb", "orders_db"),
    "postgresql": ("psql", "--username=postgres", "--dbname=orders_db", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"),
}


def run(place: Place) -> Result:
    """It wants nothing of the place: the databases are its own."""
    del place
    engines = {engine: _measured(engine) for engine in _TABLE}
    return Result("backup_speed", {"rows": ROWS, "memory": MEMORY, "engines": engines})


def _measured(engine: str) -> dict[str, Any]:
    server_of = {"mariadb": MariadbUnderTest, "postgresql": PostgresUnderTest}[engine]
    with tempfile.TemporaryDirectory() as home:
        server = server_of(Path(home), "zz-bench-backup", 96)
        # Twice the data, and the log of making them.
        server.options |= {"memory": MEMORY, "encrypted": True, "encrypted_size": "7g"}
        try:
            server.ensure()
            server.tool.prepare()
            _fill(server)
            _settle(server)
            return _figures(server, Path(home))
        finally:
            server.remove()


def _fill(server: MariadbUnderTest | PostgresUnderTest) -> None:
    server.root(_TABLE[server.engine])
    step = ROWS // _PIECES
    for first in range(1, ROWS, step):
        server.root(_ROWS[server.engine].format(first=first, last=first + step - 1))


def _settle(server: MariadbUnderTest | PostgresUnderTest) -> None:
    """The backup, which comes first, then meets the same idle server as the dump, which comes last."""
    for statement in _SETTLE[server.engine]:
        server.root(statement)
    server.tool.archive_now()


def _figures(server: MariadbUnderTest | PostgresUnderTest, home: Path) -> dict[str, Any]:
    engine = server.engine
    gigabytes = int(server.root(_SIZE[engine])[0][0]) / 1e9
    dump = home / "dump.sql"
    client = engine_named(engine).client
    seconds = {}

    def measure(name: str, action: Callable[[], object]) -> None:
        began = time.monotonic()
        action()
        seconds[name] = time.monotonic() - began
        print(f"  · {engine}: {name} {seconds[name]:.0f} s for {gigabytes:.2f} GB", flush=True)

    measure("backup", lambda: server.tool.take("full"))
    measure("verify", lambda: _prove(server))
    measure("restore", lambda: _restore(server))
    measure("dump", lambda: _exec(server.names.container, client.as_root(*_DUMP[engine]), output=dump))
    measure("load", lambda: _exec(server.names.container, client.as_root(*_LOAD[engine]), source=dump))
    return {
        "gigabytes": round(gigabytes, 3),
        "stored_gigabytes": round(server.tool.backups()[0].size / 1e9, 3),
        "dump_gigabytes": round(dump.stat().st_size / 1e9, 3),
        "seconds_per_gigabyte": {name: round(value / gigabytes, 1) for name, value in seconds.items()},
    }


def _prove(server: MariadbUnderTest | PostgresUnderTest) -> None:
    """As playbooks/backup.yml does: a restore up to now in a throw-away server, and every table compared."""
    run = BackupRun(
        docker=server.docker,
        env=server.env,
        engine=server.engine,
        tool=server.tool,
        retention=Retention(keep_full=1, keep_days=1, full_every_days=7),
        notification=Notification(""),
        progress=Progress(None),
    )
    run.run(WantedBackup("none", verify=True, expire=False), check_mode=False)


def _restore(server: MariadbUnderTest | PostgresUnderTest) -> None:
    """Until a server serves from it."""
    with server.restored(server.tool.backups()[0], Point()) as trial:
        assert trial.console.query("SELECT 1") == [["1"]]


def _exec(container: str, command: list[str], output: Path | None = None, source: Path | None = None) -> None:
    with (output or Path("/dev/null")).open("wb") as sink, (source or Path("/dev/null")).open("rb") as stream:
        subprocess.run(["docker", "exec", "--interactive", container, *command], stdin=stream, stdout=sink, check=True)
