"""The tool that backs an engine up, as a module's arguments ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import BackupTool
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.backups import MariadbBackups
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.backups import PostgresBackups
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import (
    BACKUP_ARGUMENTS,
    BackupTarget,
    default_target,
    target_of,
)
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

if TYPE_CHECKING:
    from docker import DockerClient

__all__ = ["BACKUP_ARGUMENTS", "backup_tool", "backup_tool_of"]


def backup_tool(docker: DockerClient, env: Environment, engine: str, target: BackupTarget | None = None) -> BackupTool:
    tool: type[MariadbBackups] | type[PostgresBackups] = MariadbBackups if engine == "mariadb" else PostgresBackups
    return tool(docker, env, target or default_target(env, engine))


def backup_tool_of(params: Mapping[str, Any], docker: DockerClient, env: Environment) -> BackupTool:
    return backup_tool(docker, env, params["engine"], target_of(params, env))
