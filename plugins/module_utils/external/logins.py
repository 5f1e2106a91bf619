"""How the accounts of an external database log in: from this host itself, or by the way that the containers have."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.echobase.platform.plugins.module_utils.database.engine import DatabaseEngine
from ansible_collections.echobase.platform.plugins.module_utils.database.login import DatabaseLogin
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import ExternalDatabase
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment


@dataclass(frozen=True)
class ExternalLogins:
    env: Environment
    database: ExternalDatabase

    @property
    def engine(self) -> DatabaseEngine:
        return engine_named(self.database.engine)

    def direct(self, folder: str, password: str = "") -> DatabaseLogin:
        """`folder` is whose password it is: `app` or `migrate`."""
        return self._login(folder, self.database.address, password)

    def as_containers_do(self, folder: str, password: str = "") -> DatabaseLogin:
        return self._login(folder, self.env.server(self.database.engine).address, password)

    def _login(self, folder: str, address: str, password: str) -> DatabaseLogin:
        database = self.database
        return self.engine.application_login(
            host=database.host,
            port=database.port,
            user=database.app_user if folder == "app" else database.migrate_user,
            database=database.name,
            password_file=self.env.path("secrets", folder, "db_password"),
            ca_file=database.authority,
            address=address,
            password=password,
        )
