"""One session of PostgreSQL's own client in a container, over the local socket as the account that may do everything."""

from __future__ import annotations

import subprocess
from types import TracebackType
from typing import IO, Self, cast

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal

_END = "end of answer"
_OPTIONS = ("--username=postgres", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--field-separator=\t", "--set=ON_ERROR_STOP=1")
# How values are written as text must not depend on a server's settings.
_PLAIN = (
    "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET extra_float_digits = 1; SET bytea_output = 'hex';"
    " SET lc_monetary = 'C'; SET client_min_messages = 'warning'; SET statement_timeout = 0; SET search_path = ''"
)


class PostgresSession:
    """The first error ends it, as the end of this process does; its locks go with it."""

    def __init__(self, container: str, database: str) -> None:
        self._container = container
        self._client = subprocess.Popen(
            ["docker", "exec", "--interactive", container, "psql", f"--dbname={database}", *_OPTIONS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        self.ask(_PLAIN)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.communicate()

    def ask(self, sql: str) -> list[list[str]]:
        # All three were asked for as pipes, so all are there.
        stdin, stdout, stderr = (cast(IO[str], pipe) for pipe in (self._client.stdin, self._client.stdout, self._client.stderr))
        try:
            stdin.write(f"{sql};\n\\echo {_END}\n")
            stdin.flush()
        except BrokenPipeError:
            pass
        rows: list[list[str]] = []
        for line in stdout:
            if line.rstrip("\n") == _END:
                return rows
            rows.append(line.rstrip("\n").split("\t"))
        reason = next((line for line in stderr.read().splitlines() if line.strip()), "no reason given")
        raise Refusal(f"the database's client failed in {self._container}: {reason}", f"see docker logs {self._container}")
