"""What is done inside the container of a database server that runs: accounts are applied, its certificate read again, its data dumped."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.accounts import accounts_digest
from ansible_collections.echobase.platform.plugins.module_utils.database.engine import DatabaseEngine
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import CERTIFICATE_FILE, SECRETS_FOLDER
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

if TYPE_CHECKING:
    from docker import DockerClient


@dataclass(frozen=True)
class RunningServer:
    docker: DockerClient
    env: Environment
    engine: DatabaseEngine
    container: str

    @property
    def certificate_file(self) -> Path:
        return Path(self.env.path("tls", "db", "tls.crt"))

    @property
    def accounts_file(self) -> Path:
        return Path(self.env.path("secrets", "db", self.engine.accounts.file))

    def reload_certificate(self) -> None:
        self._refuse_other_mount(CERTIFICATE_FILE, self.certificate_file)
        self._query(self.engine.client.reload_certificate)

    def certificate_on_disk(self) -> bytes:
        """The server's own certificate in DER form, without those that vouch for it."""
        chain = self.certificate_file.read_text()
        end = "-----END CERTIFICATE-----"
        return ssl.PEM_cert_to_DER_cert(chain[: chain.index(end)] + end)

    def apply_accounts(self) -> None:
        mounted = f"{SECRETS_FOLDER}/{self.accounts_file.name}"
        self._refuse_other_mount(mounted, self.accounts_file)
        list(self._as_root(*self.engine.client.execute_file(self.env.database, mounted)))

    def wanted_accounts(self) -> str:
        """The digest of the accounts that the environment's secrets ask for."""
        return accounts_digest(self.accounts_file.read_text(encoding="utf-8"))

    def applied_accounts(self) -> str:
        """The digest of the accounts that the server has, asked as its administrator."""
        return self._query(self.engine.accounts.applied_digest)

    def dump(self, stream: BinaryIO) -> None:
        for chunk in self._as_root(*self.engine.client.dump):
            stream.write(chunk)

    def _refuse_other_mount(self, mounted: str, file: Path) -> None:
        """Refuses where the folder was made anew, so that the container has another one mounted."""
        try:
            found = b"".join(self._execute("cat", mounted))
        except Refusal:
            found = b""
        if found != file.read_bytes():
            raise Refusal(
                f"{file.parent} was made anew, and {self.container} still has the old one mounted",
                f"run {playbook('setup_durable', durable_db_state='stopped')}, then {playbook('setup_durable')}: it reads the new one",
            )

    def _query(self, sql: str) -> str:
        return b"".join(self._as_root(*self.engine.client.query(self.env.database, sql))).decode().strip()

    def _as_root(self, *command: str) -> Iterator[bytes]:
        return self._execute(*self.engine.client.as_root(*command), name=command[0])

    def _execute(self, *command: str, name: str = "") -> Iterator[bytes]:
        """Yields what the command prints; refuses in the end when it failed."""
        api = self.docker.api
        run = api.exec_create(self.container, list(command))["Id"]
        complaints = b""
        for output, complaint in api.exec_start(run, stream=True, demux=True):
            complaints += complaint or b""
            if output:
                yield output
        if api.exec_inspect(run)["ExitCode"] != 0:
            reason = complaints.decode(errors="replace").strip().rpartition("\n")[2]
            raise Refusal(f"{name or command[0]} failed in {self.container}: {reason}", f"see docker logs {self.container}")
