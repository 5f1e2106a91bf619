"""The port behind which a durable database runs: a container here, a managed service elsewhere."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.database.login import Login

# What a user can do about a missing part, also where a teardown takes away what a setup has just made.
PREPARE_FIRST = (
    f"run {playbook('setup_durable')}, which makes them first; if that is what you ran, another run takes them away meanwhile: let it end"
)


class Server(enum.Enum):
    MISSING = "missing"
    STOPPED = "stopped"
    RUNNING = "running"


@dataclass(frozen=True)
class Observed:
    server: Server
    # This is the fingerprint of the keys that the data were made with; None where there are no data.
    data_fingerprint: str | None = None
    keys: bool = False
    # These could not be read without the keys either: data of other engines, backups.
    keys_needed_by: tuple[str, ...] = ()
    # A container that works on the server is there, whether the server is or not.
    companions: bool = False
    # These are the differences between the server that was found and the wanted one, in a user's words.
    drift: tuple[str, ...] = ()
    # The server is as wanted, but the files that it reads at its next start are not.
    files_outdated: bool = False
    # This says why the wanted server must not get at the data: they are of another major version. It is empty where they are not.
    other_major: str = ""
    # The server can neither be reached nor started as it is, whatever its configuration.
    broken: bool = False
    # The data are encrypted and locked, or have to be given more room.
    data_closed: bool = False
    # The server shows another certificate than the one on disk, or one that its CA does not vouch for.
    certificate_outdated: bool = False
    # The accounts that were applied to the running database are not the wanted ones.
    accounts_outdated: bool = False
    login: Login | None = None
    configuration: dict[str, Any] = field(default_factory=dict)
    # These must be there before a server can be made or started, and are not; and this is who holds its port instead.
    missing: tuple[str, ...] = ()
    port_conflict: str | None = None
    # These are volumes of the environment's databases of other engines, which a user should not forget.
    others: tuple[str, ...] = ()
    # These are warnings: nothing fails because of them yet.
    troubles: tuple[str, ...] = ()


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

    @property
    @abstractmethod
    def dump_trailer(self) -> bytes:
        """What the last lines of a complete dump say."""

    @abstractmethod
    def observe(self, present: bool) -> Observed:
        """Look and change nothing; refuse when a thing of a wanted name is not ours. With `present` a login is tried."""

    @abstractmethod
    def create_data(self, key_fingerprint: str) -> None:
        """Make the empty place for the data, marked with the keys it belongs to."""

    @abstractmethod
    def open_data(self) -> None:
        """Unlock the data, so that a server can be started on them."""

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
    def apply_accounts(self) -> None: ...

    @abstractmethod
    def stop_server(self) -> None:
        """Stop it cleanly: everything is on disk afterwards."""

    @abstractmethod
    def remove_server(self) -> None:
        """Remove the server and keep the data."""

    @abstractmethod
    def remove_data(self) -> None: ...

    @abstractmethod
    def remove_keys(self) -> None: ...

    @abstractmethod
    def await_ready(self, timeout: float) -> Login:
        """Return once the application can log in; refuse with the server's last words when it cannot."""

    @abstractmethod
    def dump(self, stream: BinaryIO) -> None:
        """Write a consistent copy of everything as SQL, from the running server."""
