"""MariaDB as a database engine of the platform."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from ansible_collections.echobase.platform.plugins.module_utils.base.further_keys import further_keys
from ansible_collections.echobase.platform.plugins.module_utils.database.accounts import DatabaseAccounts
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import BackupTool
from ansible_collections.echobase.platform.plugins.module_utils.database.client import DatabaseClient
from ansible_collections.echobase.platform.plugins.module_utils.database.engine import ENCRYPTION_KEY, DatabaseEngine, OwnEncryption
from ansible_collections.echobase.platform.plugins.module_utils.database.login import DatabaseLogin
from ansible_collections.echobase.platform.plugins.module_utils.database.replication import Replication
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import ServerDefinition
from ansible_collections.echobase.platform.plugins.module_utils.database.statements import Statements
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.accounts import MariadbAccounts, administrator_sql
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.backups import MariadbBackups
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.client import MariadbClient
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.login import MariadbLogin
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.replication import MariadbReplication
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.server import (
    ADMINISTRATOR_FILE,
    ADMINISTRATOR_OPTION,
    MariadbServer,
)
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.settings import ENCRYPTION_PROGRESS
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.statements import MARIADB_STATEMENTS
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BackupTarget
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import MARIADB, DatabasePlace
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

if TYPE_CHECKING:
    from docker import DockerClient

# Starts a server as the image's entrypoint does it, which would also initialise or adopt the data directory that it finds: with the key
# that the directory names, and with the administrator's password of now.
_START = f"""
key=$0/encryption-key
if [ -e "$key" ]; then set -- "$@" "--file-key-management-filename=/run/secrets/$(cat "$key")"; fi
if [ -e {ADMINISTRATOR_FILE} ]; then set -- "$@" --init-file={ADMINISTRATOR_FILE}; fi
exec "$@"
"""


class MariaDb(DatabaseEngine):
    place: ClassVar[DatabasePlace] = MARIADB
    title: ClassVar[str] = "MariaDB"
    images: ClassVar[Mapping[str, str]] = {"11.8": "mariadb", "10.11": "mariadb-10.11"}

    definition: ClassVar[type[ServerDefinition]] = MariadbServer
    client: ClassVar[DatabaseClient] = MariadbClient()
    application_login: ClassVar[type[DatabaseLogin]] = MariadbLogin
    accounts: ClassVar[DatabaseAccounts] = MariadbAccounts()
    statements: ClassVar[Statements] = MARIADB_STATEMENTS
    replication: ClassVar[Replication] = MariadbReplication()
    encryption: ClassVar[OwnEncryption | None] = OwnEncryption(ENCRYPTION_PROGRESS, make_empty=("docker-entrypoint.sh", "fill"))

    newer_image_upgrades: ClassVar[bool] = True
    files_of_one_directory: ClassVar[Sequence[str]] = ("mariadb-bin.*", "server-id")
    backup_consumers: ClassVar[Sequence[str]] = ("archiver",)

    def backup_tool(self, docker: DockerClient, env: Environment, target: BackupTarget) -> BackupTool:
        return MariadbBackups(docker, env, target)

    def secret_files(self, env: Environment, values: Mapping[str, str]) -> dict[str, str]:
        return {
            "root.sql": administrator_sql(values),
            self.accounts.file: self.accounts.sql(env, values),
            "encryption.keys": _key_file(values[ENCRYPTION_KEY]),
            **{f"encryption-{number}.keys": _key_file(key) for number, key in further_keys(values, ENCRYPTION_KEY).items()},
        }

    def trial_command(self, command: Sequence[str], folder: str, *, with_log: bool) -> list[str]:
        log = [] if with_log else ["--skip-log-bin"]
        return ["bash", "-ceu", _START, folder, *command, f"--datadir={folder}", *log]

    def takes_new_root_password(self, command: Sequence[str]) -> bool:
        return ADMINISTRATOR_OPTION in command


def _key_file(key: str) -> str:
    """Gives the keys in the form that the server's plugin file_key_management reads: a number and the key in hexadecimal digits."""
    return f"1;{base64.b64decode(key).hex()}\n"
