"""The port that every database engine implements: all that differs between one engine and another.

An engine is one class in a package of its own below `engines/`, and `engines/registry.py` knows them all. Whoever needs something that
differs asks that registry for the engine, and the engine for it: nothing else compares names of engines.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.accounts import DatabaseAccounts
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import BackupTool
from ansible_collections.echobase.platform.plugins.module_utils.database.client import DatabaseClient
from ansible_collections.echobase.platform.plugins.module_utils.database.login import DatabaseLogin
from ansible_collections.echobase.platform.plugins.module_utils.database.replication import Replication
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import ServerDefinition
from ansible_collections.echobase.platform.plugins.module_utils.database.statements import Statements
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BackupTarget
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import DatabasePlace
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

if TYPE_CHECKING:
    from docker import DockerClient

# The secrets that encrypt data: one for servers that do it by themselves, one for the volume of those that do not.
ENCRYPTION_KEY = "db_encryption_key"
VOLUME_KEY = "db_volume_key"


@dataclass(frozen=True)
class OwnEncryption:
    """What it takes to look after the encryption of a server that encrypts by itself whatever it writes."""

    # SQL: how many tablespaces are encrypted, and how many there are.
    progress: str
    # The command of the image that makes an empty data directory with the newest key in the folder that is its last argument.
    make_empty: Sequence[str]


class DatabaseEngine(ABC):
    # Its name as users type it, and everything that follows from it in an environment.
    place: ClassVar[DatabasePlace]
    # Its name as people write it.
    title: ClassVar[str]
    # The image in the catalogue that has it, by major version; the newest comes first and has the bare name of the service.
    images: ClassVar[Mapping[str, str]]

    # What its server is: settings, files, service.
    definition: ClassVar[type[ServerDefinition]]
    # Its own client programs.
    client: ClassVar[DatabaseClient]
    # How the application logs in.
    application_login: ClassVar[type[DatabaseLogin]]
    # Who may log in, and what each may do.
    accounts: ClassVar[DatabaseAccounts]
    # What is asked of every server, in its own SQL.
    statements: ClassVar[Statements]
    # How a second server follows it.
    replication: ClassVar[Replication]
    # None where the server does not encrypt by itself: then its volume has to be encrypted.
    encryption: ClassVar[OwnEncryption | None] = None

    # An upgrade is done by a program of the newer major's image; otherwise the older one's has it, and both servers.
    newer_image_upgrades: ClassVar[bool]
    # Patterns of the files in a data directory that belong to that directory alone: a copy does without them.
    files_of_one_directory: ClassVar[Sequence[str]] = ()
    # What a server is set to that holds a copy for a while, so that it archives nothing.
    settings_of_copy: ClassVar[Mapping[str, str]] = {}
    # Consumers, by their folder in `secrets/`, that get at the repository of backups besides the server.
    backup_consumers: ClassVar[Sequence[str]] = ()

    @property
    def name(self) -> str:
        return self.place.engine

    @property
    def newest_major(self) -> str:
        return next(iter(self.images))

    def image_of_major(self, major: str = "") -> str:
        """The name of the image in the catalogue; without a major, of the newest one."""
        wanted = major or self.newest_major
        if wanted not in self.images:
            raise Refusal(f"there is no image of {self.name} {wanted}", f"durable_db_version is one of {', '.join(self.images)}")
        return self.images[wanted]

    @property
    def data_key(self) -> str:
        """The secret that its data are encrypted with."""
        return ENCRYPTION_KEY if self.encryption else VOLUME_KEY

    @abstractmethod
    def backup_tool(self, docker: DockerClient, env: Environment, target: BackupTarget) -> BackupTool: ...

    @abstractmethod
    def secret_files(self, env: Environment, values: Mapping[str, str]) -> dict[str, str]:
        """The files that only its server reads from the folder `secrets/db`, by name. `values` are the environment's secrets."""

    @abstractmethod
    def trial_command(self, command: Sequence[str], folder: str, *, with_log: bool) -> list[str]:
        """The command of the environment's server, changed so that a server works in `folder` and archives nothing.

        `with_log`: it has its binary log, to be looked at.
        """

    def takes_new_root_password(self, command: Sequence[str]) -> bool:
        """Whether a server that was started by this command takes the administrator's password of now at each start."""
        return True


def is_older_major(major: str, other: str) -> bool:
    return [int(part) for part in major.split(".")] < [int(part) for part in other.split(".")]
