"""What there is of each engine."""

from __future__ import annotations

from ansible_collections.echobase.platform.plugins.module_utils.database.login import DatabaseLogin
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import ServerDefinition
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.login import MariadbLogin
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.server import MariadbServer
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.login import PostgresLogin
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.server import PostgresServer
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

SERVER_DEFINITIONS: dict[str, type[ServerDefinition]] = {server.engine: server for server in (MariadbServer, PostgresServer)}
_LOGINS: dict[str, type[DatabaseLogin]] = {"mariadb": MariadbLogin, "postgresql": PostgresLogin}


def application_login(env: Environment, engine: str) -> DatabaseLogin:
    return _LOGINS[engine].of_application(env, env.server(engine).port)
