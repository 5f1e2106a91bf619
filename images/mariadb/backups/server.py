"""The live server, as backups see it: over verified TLS as backup_user, or as root on its own socket."""

from __future__ import annotations

import os
import ssl
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pymysql

from backups.trouble import Trouble, last_words

_SECRETS = Path("/run/secrets")
_AUTHORITY = "/run/tls-ca/ca.crt"
_SOCKET = "/run/mysqld/mysqld.sock"
_USER = "backup_user"
# A file in memory that only this user may read, so that the password is in no argument and on no disk.
_OPTIONS_FILE = Path("/tmp/backup.cnf")


def local_root(socket: str = _SOCKET) -> pymysql.Connection[Any]:
    return pymysql.connect(unix_socket=socket, user="root", password=_secret("root_password"), autocommit=True)


class Sample(NamedTuple):
    """The number of the server's last transaction at a moment, which is in microseconds since 1970."""

    moment: int
    last: int


class Server:
    """One connection; whoever gets an error from it makes a new one."""

    def __init__(self) -> None:
        self._connection: pymysql.Connection[Any] = pymysql.connect(
            host=os.environ["DB_HOST"],
            user=_USER,
            password=_secret("backup_password"),
            ssl=ssl.create_default_context(cafile=_AUTHORITY),
            autocommit=True,
            connect_timeout=10,
            read_timeout=60,
        )
        # This data directory alone has this id: a restored one gets another.
        self.id = str(self.value("@@global.server_id"))

    def close(self) -> None:
        self._connection.close()

    def is_there(self) -> bool:
        try:
            self._connection.ping(reconnect=False)
        except pymysql.Error:
            return False
        return True

    def sample(self) -> Sample:
        """Takes a sample by the server's own clock. The moment is read first, so that all that was answered before it counts."""
        moment, position = self._row("SELECT UNIX_TIMESTAMP(SYSDATE(6)), @@global.gtid_binlog_pos")
        return Sample(int(moment * 1_000_000), sequence(position))

    def begin_new_log(self) -> None:
        self._execute("FLUSH BINARY LOGS")

    def closed_logs(self) -> list[str]:
        """Gives the logs that are never written again, the oldest first."""
        return [row[0] for row in self._execute("SHOW BINARY LOGS")][:-1]

    def purge(self, days: int) -> None:
        self._execute(f"PURGE BINARY LOGS BEFORE NOW() - INTERVAL {days} DAY")

    def fetch(self, log: str, folder: Path) -> None:
        """Fetches a log in the clear: the server decrypts what it hands to a replica."""
        command = ["mariadb-binlog", f"--defaults-file={options_file()}", "--read-from-remote-server", "--raw"]
        done = subprocess.run([*command, f"--result-file={folder}/", log], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Trouble(f"cannot fetch {log} from the server: {last_words(done.stderr)}")

    def value(self, expression: str) -> Any:
        return self._row(f"SELECT {expression}")[0]

    def _row(self, statement: str) -> tuple[Any, ...]:
        return self._execute(statement)[0]

    def _execute(self, statement: str) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())


def options_file() -> Path:
    """Writes the file of options that MariaDB's own programs read."""
    descriptor = os.open(_OPTIONS_FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        login = f"host={os.environ['DB_HOST']}\nuser={_USER}\npassword={_secret('backup_password')}\nprotocol=tcp\n"
        file.write(f"[client]\n{login}ssl-ca={_AUTHORITY}\nssl-verify-server-cert\n")
    return _OPTIONS_FILE


def sequence(position: str) -> int:
    """The number in a GTID position of one domain, such as 0-1-4711."""
    if "," in position:
        raise Trouble(f"the server's log has several GTID domains ({position}), and an order between them is nowhere written")
    return int(position.rpartition("-")[2] or 0)


def _secret(name: str) -> str:
    return (_SECRETS / name).read_text(encoding="utf-8").strip()
