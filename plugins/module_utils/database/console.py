"""SQL in a running database container, through its own client: over its local socket as root, or over TLS as the application."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import ServerDefinition

# They read the password from their standard input. Nobody listens on a container's own loopback address but its server.
_LOG_IN = {
    "mariadb": (
        """read -r password; exec mariadb --defaults-extra-file=<(printf '[client]\\nuser="%s"\\npassword="%s"\\n' "$0" "$password") """
        """--host=127.0.0.1 --protocol=tcp --ssl --disable-ssl-verify-server-cert --execute='SELECT 1' "$1" """
    ),
    "postgresql": (
        """read -r PGPASSWORD; export PGPASSWORD; """
        """exec psql "host=127.0.0.1 user=$0 dbname=$1 sslmode=require" --no-psqlrc --no-password --quiet --command='SELECT 1'"""
    ),
}


class ServerConsole:
    """`container` is the environment's server unless another one of the same making is named."""

    def __init__(self, definition: ServerDefinition, container: str = "") -> None:
        self.engine = definition.engine
        self.container = container or definition.names.container
        self._definition = definition

    def rows(self, sql: str) -> Iterator[list[str]]:
        """One by one as the server finds them; refuses in the end when the statement failed."""
        for line in self._output(*self._definition.query(sql)):
            yield line.rstrip("\n").split("\t")

    def query(self, sql: str) -> list[list[str]]:
        return list(self.rows(sql))

    def apply_accounts(self) -> None:
        """What the environment's secrets say, whatever the data say."""
        list(self._output(*self._definition.apply_accounts))

    def is_answering(self) -> bool:
        try:
            return self.query("SELECT 1") == [["1"]]
        except Refusal:
            return False

    def log_in(self, user: str, password: str) -> None:
        """The proof that this user can work with what is there."""
        database = self._definition.env.database
        done = subprocess.run(
            self._exec("bash", "-c", _LOG_IN[self.engine], user, database),
            input=f"{password}\n",
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise self._refusal(done.stderr)

    def _output(self, *client: str) -> Iterator[str]:
        with subprocess.Popen(
            self._exec(*self._definition.as_root(*client)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            yield from process.stdout
            complaint = process.stderr.read()
        if process.returncode != 0:
            raise self._refusal(complaint)

    def _exec(self, *command: str) -> list[str]:
        return ["docker", "exec", "--interactive", self.container, *command]

    def _refusal(self, complaint: str) -> Refusal:
        reason = complaint.strip().rpartition("\n")[2] or "no reason given"
        return Refusal(f"{self.container} did not do as asked: {reason}", f"see docker logs {self.container}")
