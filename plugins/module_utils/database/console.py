"""SQL in a running database container, through its own client: over its local socket as root, or over TLS as the application."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import IO, cast

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.engine import DatabaseEngine
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import SECRETS_FOLDER
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment


class ServerConsole:
    """`container` is the environment's server unless another one of the same making is named."""

    def __init__(self, engine: DatabaseEngine, env: Environment, container: str = "") -> None:
        self.engine = engine
        self.container = container or env.server(engine.name).container
        self._database = env.database

    def rows(self, sql: str) -> Iterator[list[str]]:
        """Yields the rows one by one as the server finds them; refuses in the end when the statement failed."""
        for line in self._output(*self.engine.client.query(self._database, sql)):
            yield line.rstrip("\n").split("\t")

    def query(self, sql: str) -> list[list[str]]:
        return list(self.rows(sql))

    def apply_accounts(self) -> None:
        """Makes the accounts what the environment's secrets say, whatever the data say."""
        list(self._output(*self.engine.client.execute_file(self._database, f"{SECRETS_FOLDER}/{self.engine.accounts.file}")))

    def is_answering(self) -> bool:
        try:
            return self.query("SELECT 1") == [["1"]]
        except Refusal:
            return False

    def log_in(self, user: str, password: str) -> None:
        """Proves that this user can work with the database."""
        done = subprocess.run(
            self._exec(*self.engine.client.log_in(user, self._database)),
            input=f"{password}\n",
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise self._refusal(done.stderr)

    def _output(self, *client: str) -> Iterator[str]:
        with subprocess.Popen(
            self._exec(*self.engine.client.as_root(*client)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            # Both were asked for as pipes, so both are there.
            yield from cast(IO[str], process.stdout)
            complaint = cast(IO[str], process.stderr).read()
        if process.returncode != 0:
            raise self._refusal(complaint)

    def _exec(self, *command: str) -> list[str]:
        return ["docker", "exec", "--interactive", self.container, *command]

    def _refusal(self, complaint: str) -> Refusal:
        lines = complaint.strip().splitlines() or ["no reason given"]
        # PostgreSQL's client shows below an error where in the statement it is.
        reason = next((line for line in reversed(lines) if "ERROR" in line), lines[-1])
        return Refusal(
            f"the database's client failed in {self.container}: {reason}",
            f"see docker logs {self.container}; where it does not run, {playbook('setup_durable')} starts it",
        )
