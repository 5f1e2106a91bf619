"""The durable cache of environment test as role cache makes it, with a throw-away state folder and a network of its own."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from docker import DockerClient

from ansible_collections.echobase.platform.plugins.module_utils.cache.accounts import ADMIN_USER
from ansible_collections.echobase.platform.plugins.module_utils.cache.connection import CacheConnection
from ansible_collections.echobase.platform.plugins.module_utils.cache.server import COMPOSE
from ansible_collections.echobase.platform.plugins.module_utils.containers.compose import PLACEHOLDER
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from harness.database_under_test import absent_as_none, succeeded
from harness.images_under_test import image_tag
from harness.module_runner import run_module
from harness.role_run import RoleRun, run_roles

PREFIX = "10.243"


class CacheUnderTest:
    def __init__(self, home: Path, docker: DockerClient) -> None:
        self.home = home
        self.docker = docker
        self.env = environment("test", str(home), PREFIX)
        self.cache = self.env.cache
        self._where = {"environment": "test", "home": str(home)}

    def prepare(self) -> None:
        """Makes network, secrets and certificates, as their roles do."""
        succeeded(run_module("networks", self._where | {"network_prefix": PREFIX}))
        self.renew()
        succeeded(run_module("certificates", self._where | {"network_prefix": PREFIX}))

    def renew(self, *passwords: str) -> None:
        succeeded(run_module("environment_secrets", self._where | {"renew": list(passwords)}))

    def run(self, *arguments: str, **variables: object) -> RoleRun:
        known = {
            "echobase_env": "test",
            "echobase_home": str(self.home),
            "echobase_network_prefix": PREFIX,
            "cache_image": image_tag("redis"),
            "ansible_python_interpreter": sys.executable,
        }
        return run_roles(self.home / "cache.yml", ["echobase.platform.cache"], known | variables, *arguments)

    @property
    def described(self) -> str:
        """The Compose file that the role wrote, as it gave it to the module."""
        written = Path(self.env.path(COMPOSE)).read_text()
        return re.sub(r'(io\.echobase\.configuration: )"\w+"', rf'\1"{PLACEHOLDER}"', written)

    def ensure(self, check: bool = False, compose: str = "", **changes: Any) -> dict[str, Any]:
        arguments = {"network_prefix": PREFIX, "compose": compose or self.described, "ready_seconds": 20}
        return run_module("durable_cache", self._where | arguments | changes, check=check)

    def reach(self, state: str, check: bool = False, **changes: Any) -> dict[str, Any]:
        return run_module("durable_cache", self._where | {"network_prefix": PREFIX, "state": state} | changes, check=check)

    def application(self) -> CacheConnection:
        return CacheConnection.of_environment(self.env, self.env.database_user, "app", "cache_password")

    def user(self, name: str) -> CacheConnection:
        password = {ADMIN_USER: "admin_password"}.get(name, "monitor_password")
        return CacheConnection.of_environment(self.env, name, "cache", password)

    def ask(self, *words: str) -> object:
        """A question of the application."""
        with self.application() as connection:
            return connection.ask(*words)

    def inspect(self) -> dict[str, Any]:
        return absent_as_none(lambda: self.docker.api.inspect_container(self.cache.container)) or {}

    @property
    def started(self) -> str:
        return str(self.inspect()["State"]["StartedAt"])

    @property
    def log(self) -> str:
        return str(self.docker.api.logs(self.cache.container).decode())

    def remove(self) -> None:
        if self.inspect():
            self.docker.api.remove_container(self.cache.container, force=True)
        if absent_as_none(lambda: self.docker.api.inspect_volume(self.cache.volume)):
            self.docker.api.remove_volume(self.cache.volume)
        run_module("networks", self._where | {"network_prefix": PREFIX, "state": "absent"})
