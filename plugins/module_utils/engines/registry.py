"""All database engines, by name. This is the only file that imports one; everything else asks here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import BackupTool
from ansible_collections.echobase.platform.plugins.module_utils.database.engine import DatabaseEngine
from ansible_collections.echobase.platform.plugins.module_utils.database.login import DatabaseLogin
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.engine import MariaDb
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.engine import PostgreSql
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BackupTarget, default_target, target_of
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

if TYPE_CHECKING:
    from docker import DockerClient

_REGISTERED: dict[str, DatabaseEngine] = {}


def register(engine: DatabaseEngine) -> None:
    """From now on every environment has a place for it, and everything works with it as with the others."""
    _REGISTERED[engine.name] = engine
    ENGINES[engine.name] = engine.place


for _engine in (MariaDb(), PostgreSql()):
    register(_engine)


def engines() -> list[DatabaseEngine]:
    return list(_REGISTERED.values())


def engine_named(name: str) -> DatabaseEngine:
    if name not in _REGISTERED:
        raise Refusal(f"unknown database engine '{name}'", f"choose one of {', '.join(_REGISTERED)}")
    return _REGISTERED[name]


def application_login(env: Environment, engine: str) -> DatabaseLogin:
    return engine_named(engine).application_login.of_application(env, env.server(engine).port)


def backup_tool(docker: DockerClient, env: Environment, engine: str, target: BackupTarget | None = None) -> BackupTool:
    return engine_named(engine).backup_tool(docker, env, target or default_target(env, engine))


def backup_tool_of(params: Mapping[str, Any], docker: DockerClient, env: Environment) -> BackupTool:
    """The backup tool that a module's arguments ask for."""
    return backup_tool(docker, env, params["engine"], target_of(params, env))
