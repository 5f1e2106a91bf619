"""PostgreSQL as a database engine of the platform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from ansible_collections.echobase.platform.plugins.module_utils.database.accounts import DatabaseAccounts
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import BackupTool
from ansible_collections.echobase.platform.plugins.module_utils.database.client import DatabaseClient
from ansible_collections.echobase.platform.plugins.module_utils.database.engine import DatabaseEngine
from ansible_collections.echobase.platform.plugins.module_utils.database.login import DatabaseLogin
from ansible_collections.echobase.platform.plugins.module_utils.database.replication import Replication
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import ServerDefinition
from ansible_collections.echobase.platform.plugins.module_utils.database.statements import Statements
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.accounts import PostgresAccounts
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.backups import PostgresBackups
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.client import PostgresClient
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.login import PostgresLogin
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.replication import PostgresReplication
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.server import PostgresServer
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.statements import POSTGRES_STATEMENTS
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BackupTarget
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import POSTGRESQL, DatabasePlace
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

if TYPE_CHECKING:
    from docker import DockerClient


class PostgreSql(DatabaseEngine):
    place: ClassVar[DatabasePlace] = POSTGRESQL
    title: ClassVar[str] = "PostgreSQL"
    images: ClassVar[Mapping[str, str]] = {"17": "postgres", "15": "postgres-15"}

    definition: ClassVar[type[ServerDefinition]] = PostgresServer
    client: ClassVar[DatabaseClient] = PostgresClient()
    application_login: ClassVar[type[DatabaseLogin]] = PostgresLogin
    accounts: ClassVar[DatabaseAccounts] = PostgresAccounts()
    statements: ClassVar[Statements] = POSTGRES_STATEMENTS
    replication: ClassVar[Replication] = PostgresReplication()

    settings_of_copy: ClassVar[Mapping[str, str]] = {"archive_mode": "off"}
    newer_image_upgrades: ClassVar[bool] = False

    def backup_tool(self, docker: DockerClient, env: Environment, target: BackupTarget) -> BackupTool:
        return PostgresBackups(docker, env, target)

    def secret_files(self, env: Environment, values: Mapping[str, str]) -> dict[str, str]:
        return {self.accounts.file: self.accounts.sql(env, values)}

    def trial_command(self, command: Sequence[str], folder: str, *, with_log: bool) -> list[str]:
        """The server always writes its log into that folder, for whoever serves from it next."""
        return [*command, "-D", folder, "-c", f"data_directory={folder}", "-c", "archive_command="]
