"""The port behind which a durable database runs: a container here, a managed service elsewhere."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from ansible_collections.echobase.platform.plugins.module_utils.database_login import Login


class Server(enum.Enum):
    MISSING = "missing"
    STOPPED = "stopped"
    RUNNING = "running"


@dataclass(frozen=True)
class Observed:
    server: Server
    # Fingerprint of the keys that the data were made with; None where there are no data.
    data_fingerprint: str | None = None
    keys: bool = False
    # The server was made from another configuration than the wanted one.
    drifted: bool = False
    # A stopped server that cannot start as it is, whatever its configuration.
    broken: bool = False
    # The server shows another certificate than the one on disk, or one that its CA does not vouch for.
    certificate_outdated: bool = False
    login: Login | None = None
    configuration: dict[str, Any] = field(default_factory=dict)
    # What must be there before a server can be made or started, and is not; and who holds its port instead.
    missing: tuple[str, ...] = ()
    port_conflict: str | None = None


class DatabaseBackend(ABC):
    @property
    @abstractmethod
    def data_name(self) -> str:
        """What a user types to delete the data: the volume, the instance."""

    @property
    @abstractmethod
    def server_name(self) -> str:
        """What a user looks for to see the server."""

    @property
    @abstractmethod
    def endpoint(self) -> dict[str, Any]:
        """Where the server is reached, as facts for playbooks."""

    @property
    @abstractmethod
    def configuration(self) -> dict[str, Any]:
        """The wanted configuration, as it shows in a diff."""

    @abstractmethod
    def observe(self, with_login: bool) -> Observed:
        """Changes nothing; refuses when a thing of a wanted name is not ours."""

    @abstractmethod
    def create_data(self, key_fingerprint: str) -> None:
        """Make the empty place for the data, marked with the keys it belongs to."""

    @abstractmethod
    def write_configuration(self) -> None: ...

    @abstractmethod
    def create_server(self) -> None:
        """Make and start it from the written configuration, in place of one that exists."""

    @abstractmethod
    def start_server(self) -> None: ...

    @abstractmethod
    def reload_certificate(self) -> None: ...

    @abstractmethod
    def stop_server(self) -> None:
        """Cleanly: everything is on disk afterwards."""

    @abstractmethod
    def remove_server(self) -> None:
        """The data stay."""

    @abstractmethod
    def remove_data(self) -> None: ...

    @abstractmethod
    def remove_keys(self) -> None: ...

    @abstractmethod
    def await_ready(self, timeout: float) -> Login:
        """Returns once the application can log in; refuses with the server's last words when it cannot."""

    @abstractmethod
    def dump(self, stream: BinaryIO) -> None:
        """A consistent copy of everything as SQL, from the running server."""
