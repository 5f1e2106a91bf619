"""What a durable database server in a container is: its settings, and its service in the Compose file."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from ansible_collections.echobase.platform.plugins.module_utils.base.byte_size import byte_size
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import CONFIGURATION_LABEL, ENVIRONMENT_LABEL, LOGGING
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BackupTarget, default_target
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import AUTHORITY_FILE, DATABASE, user_and_group
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import DatabaseServer, Environment

CERTIFICATE_FILE = "/run/tls/tls.crt"
SECRETS_FOLDER = "/run/secrets"
ROOT_PASSWORD_FILE = f"{SECRETS_FOLDER}/root_password"
REPLICA_PASSWORD_FILE = f"{SECRETS_FOLDER}/replica_password"


@dataclass(frozen=True)
class ServerDefinition(ABC):
    """What the servers of all engines have in common; a subclass for each engine has the rest."""

    env: Environment
    image: str
    memory: str
    connections: int = 200
    # All that it writes has to be encrypted on the disk. Where that takes a file system of its own, it has this size.
    encrypted: bool = True
    encrypted_size: str = "4g"
    # A user wants these otherwise than we would set them.
    extra_settings: Mapping[str, str] = field(default_factory=dict)
    backup_target: BackupTarget | None = None
    # This is the environment's replica, which follows the server, instead of the server itself.
    follows: bool = False

    engine: ClassVar[str]
    # A user cannot want these otherwise: the safety of the data stands on them.
    guarded_settings: ClassVar[frozenset[str]]
    # The name of the file in secrets/db with the accounts that a new database begins with.
    initial_accounts: ClassVar[str]
    # The server reads these further files in secrets/db when it starts.
    needed_secrets: ClassVar[Sequence[str]] = ()

    @property
    def names(self) -> DatabaseServer:
        return self.env.replica(self.engine) if self.follows else self.env.server(self.engine)

    @property
    @abstractmethod
    def _own_settings(self) -> dict[str, str]: ...

    @property
    @abstractmethod
    def _following_settings(self) -> dict[str, str]:
        """The settings that a replica has in addition, or otherwise than its primary."""

    @property
    @abstractmethod
    def _following_service(self) -> dict[str, Any]:
        """The parts of the service that make it a replica of the primary."""

    @property
    def settings(self) -> dict[str, str]:
        return {**self._own_settings, **self.extra_settings, **(self._following_settings if self.follows else {})}

    @property
    @abstractmethod
    def files(self) -> dict[str, str]:
        """The content of its configuration files, by name; they lie in one folder."""

    @abstractmethod
    def says_what_is_wrong(self, line: str) -> bool:
        """Whether a line of its log says what is wrong."""

    @property
    @abstractmethod
    def _own_service(self) -> dict[str, Any]:
        """The parts of the service that only this engine has."""

    @property
    @abstractmethod
    def _configuration_mount(self) -> dict[str, Any]: ...

    @property
    def backups_folder(self) -> str:
        target = self.backup_target
        return target.location if target and not target.is_remote else default_target(self.env, self.engine).location

    @property
    def companions(self) -> tuple[str, ...]:
        """Containers that work on the server and are pointless without it."""
        return ()

    @property
    def memory_bytes(self) -> int:
        return byte_size(self.memory, "durable_db_memory")

    @property
    def encrypted_bytes(self) -> int:
        return byte_size(self.encrypted_size, "durable_db_encrypted_size")

    @property
    def accounts_file(self) -> str:
        return self.env.path("secrets", "db", self.initial_accounts)

    @property
    def needed_files(self) -> list[str]:
        names = [
            ("secrets", "db", "root_password"),
            *(("secrets", "db", name) for name in (self.initial_accounts, *self.needed_secrets)),
            ("secrets", "app", "db_password"),
            ("tls", "ca.crt"),
            ("tls", "db", "tls.crt"),
            ("tls", "db", "tls.key"),
        ]
        return [self.env.path(*name) for name in names]

    @property
    def compose(self) -> dict[str, Any]:
        service = self._service()
        service["labels"] = {ENVIRONMENT_LABEL: self.env.name, CONFIGURATION_LABEL: self.digest}
        return {
            "services": {self.names.service: service},
            "networks": {"durable": {"name": self.env.durable_network.name, "external": True}},
            "volumes": {"data": {"name": self.names.volume, "external": True}},
        }

    @property
    def picture(self) -> dict[str, Any]:
        return self.picture_of(self.compose, self.files)

    def picture_of(self, compose: Mapping[str, Any], files: Mapping[str, str]) -> dict[str, Any]:
        """A configuration as a user compares it with another one."""
        services = {
            name: {key: value for key, value in service.items() if key != "labels"} for name, service in compose.get("services", {}).items()
        }
        return {**services.pop(self.names.service, {}), **services, **{name: _lines_of(text) for name, text in files.items()}}

    @cached_property
    def digest(self) -> str:
        """What a container was made from; kept as its label."""
        content = json.dumps([self._service(), self.files], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def _service(self) -> dict[str, Any]:
        env, names = self.env, self.names
        return {
            "image": self.image,
            "container_name": names.container,
            "user": user_and_group(DATABASE),
            "read_only": True,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            "restart": "unless-stopped",
            # A server that stops first writes what it has in memory.
            "stop_grace_period": "120s",
            "mem_limit": self.memory,
            # Each connection takes a thread or a process, and the server has some for itself.
            "pids_limit": 1024 + 2 * self.connections,
            "logging": LOGGING,
            "volumes": [
                # Nothing is copied into it: a volume that is empty stays so, and is refused, unless it was made by `create_data`.
                {"type": "volume", "source": "data", "target": names.data_mount, "volume": {"nocopy": True}},
                *self._backups_mount,
                self._configuration_mount,
                read_only(env.path("tls", "db"), "/run/tls"),
                read_only(env.path("secrets", "db"), "/run/secrets"),
                self._accounts_or_authority_mount,
            ],
            "networks": {"durable": {"ipv4_address": names.address}},
            "ports": [f"127.0.0.1:{names.port}:{names.container_port}"],
            **self._own_service,
            **(self._following_service if self.follows else {}),
        }

    @property
    def _backups_mount(self) -> list[dict[str, Any]]:
        """The folder of backups; a replica archives nothing and gets none."""
        own = {"type": "bind", "source": self.backups_folder, "target": "/backups", "bind": {"create_host_path": False}}
        return [] if self.follows else [own]

    @property
    def _accounts_or_authority_mount(self) -> dict[str, Any]:
        """The first accounts; for a replica, which is never initialised, the certificate by which it checks whom it follows."""
        if self.follows:
            return read_only(self.env.path("tls", "ca.crt"), AUTHORITY_FILE)
        return read_only(self.accounts_file, "/docker-entrypoint-initdb.d/10-users.sql")


def read_only(source: str, target: str) -> dict[str, Any]:
    # A missing source is an error; Docker would otherwise make an empty folder of that name.
    return {"type": "bind", "source": source, "target": target, "read_only": True, "bind": {"create_host_path": False}}


def health_check(*options: str) -> dict[str, Any]:
    return {"test": ["CMD", "healthcheck.sh", *options], "interval": "5s", "timeout": "5s", "retries": 3, "start_period": "60s"}


def _lines_of(text: str) -> dict[str, str]:
    """Gives the settings by name; a line that is no setting is its own name."""
    lines = [line.strip() for line in text.splitlines()]
    told = [line.partition(" = ") for line in lines if line and line[0] not in "#["]
    return {name: value.strip("'") if equals else "set" for name, equals, value in told}
