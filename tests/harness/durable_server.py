"""A database server as module durable_db makes it, in an environment of its own: no other test is in its way."""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import psycopg
import pymysql

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.credentials.certificates import Certificates
from ansible_collections.echobase.platform.plugins.module_utils.credentials.environment_secrets import EnvironmentSecrets
from ansible_collections.echobase.platform.plugins.module_utils.credentials.store import SecretStore
from ansible_collections.echobase.platform.plugins.module_utils.database.backend import Server
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.docker_backend import DockerDatabase
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.ensure import DurableDb, WantedDatabase
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.final_backup import FinalBackup
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Network, environment
from harness.images_under_test import image_tag

PATIENCE_SECONDS = 60


class DurableServer:
    """`number` sets its network and its ports apart from those of other tests."""

    def __init__(self, engine: str, home: Path, name: str, number: int) -> None:
        self.engine = engine
        base = environment("test", str(home))
        self.env = replace(
            base,
            name=name,
            durable_project=f"{name}-durable",
            server_ports={"mariadb": 23000 + number, "postgres": 25000 + number},
            durable_network=Network(f"{name}-durable-network", f"10.244.{number}.0/24"),
        )
        self.names = self.env.server(engine)
        self.docker = docker.from_env()
        # Another one than the collection's.
        self.image = ""
        # What a new definition of it gets.
        self.options: dict[str, Any] = {"memory": "512m", "connections": 50, "encrypted": False, "encrypted_size": "512m"}

    @property
    def backend(self) -> DockerDatabase:
        definition = engine_named(self.engine).definition(env=self.env, image=self.image or image_tag(self.names.service), **self.options)
        return DockerDatabase(self.docker, definition)

    @property
    def console(self) -> ServerConsole:
        return ServerConsole(engine_named(self.engine), self.env)

    def prepare(self) -> str:
        """Does what the roles secrets, tls and networks do, and gives the fingerprint of the keys."""
        secrets = self.secrets().present(check=False)
        Certificates.of_environment(self.env).present(check=False)
        if not self.docker.networks.list(names=[self.env.durable_network.name]):
            pool = docker.types.IPAMPool(subnet=self.env.durable_network.subnet)
            self.docker.networks.create(
                self.env.durable_network.name, ipam=docker.types.IPAMConfig(pool_configs=[pool]), labels={ENVIRONMENT_LABEL: self.env.name}
            )
        return str(secrets.facts["key_fingerprint"])

    def secrets(self) -> EnvironmentSecrets:
        return EnvironmentSecrets(self.env, None, data=lambda: ())

    def ensure(self, state: str = "present", check: bool = False, **wanted: Any) -> Outcome:
        """Brings the database to the wanted state, as module durable_db does."""
        fingerprint = self.prepare()
        database = DurableDb(self.backend, FinalBackup(self.env), self.env.name, wait_timeout=PATIENCE_SECONDS)
        return database.ensure(WantedDatabase(state, key_fingerprint=fingerprint, **wanted), check)

    def password(self, user: str) -> str:
        return SecretStore(Path(self.env.path("secrets.json"))).load()[f"db_{user.removesuffix('_user')}_password"]

    def connect(self, user: str = "app_user", **changes: Any) -> Any:
        if self.engine == "mariadb":
            options = {
                "host": "127.0.0.1",
                "port": self.names.port,
                "user": user,
                "password": changes.pop("password", None) or self.password(user),
                # The others have rights in no database.
                "database": self.env.database if user in ("app_user", "migrate_user", "backup_user") else None,
                "ssl": ssl.create_default_context(cafile=self.env.path("tls", "ca.crt")),
                "autocommit": True,
                "connect_timeout": 5,
            }
            return pymysql.connect(**options | changes)
        options = {
            "host": "127.0.0.1",
            "port": self.names.port,
            "user": user,
            "password": changes.pop("password", None) or self.password(user),
            "dbname": self.env.database,
            "sslmode": "verify-full",
            "sslrootcert": self.env.path("tls", "ca.crt"),
            "autocommit": True,
            "connect_timeout": 5,
        }
        return psycopg.connect(**options | changes)

    def sql(self, user: str, statement: str) -> list[tuple[Any, ...]]:
        with self.connect(user) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def root(self, statement: str) -> list[list[str]]:
        return self.console.query(statement)

    @property
    def folder(self) -> Path:
        """The folder of the volume on this machine."""
        return Path(self.docker.api.inspect_volume(self.names.volume)["Mountpoint"])

    def log(self) -> str:
        return str(self.docker.api.logs(self.names.container).decode(errors="replace"))

    def kill(self, container: str, command: Sequence[str] = ()) -> None:
        """Kills processes by their ids on the host: the container's first one, or those in it whose command begins like this."""
        for process in self.processes(container, command):
            os.kill(process, signal.SIGKILL)

    def processes(self, container: str, command: Sequence[str] = ()) -> list[int]:
        try:
            if not command:
                process = int(self.docker.api.inspect_container(container)["State"]["Pid"])
                return [process] if process else []
            found = self.docker.api.top(container, ps_args="-eo pid,args")["Processes"] or []
        except docker.errors.APIError:
            return []
        return [int(process) for process, line in found if line.startswith(" ".join(command))]

    def remove(self) -> None:
        backend = self.backend
        if backend.observe(False).server is not Server.MISSING:
            self.docker.api.remove_container(self.names.container, force=True, v=True)
        if backend.observe(False).data_fingerprint is not None:
            backend.remove_data()
        for network in self.docker.networks.list(names=[self.env.durable_network.name]):
            network.remove()
        # Left by a test that failed half-way.
        for mount in Path(self.env.path("encrypted")).glob("*/"):
            subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)
        shutil.rmtree(self.env.home, ignore_errors=True)
        self.docker.close()


@contextmanager
def durable_server(engine: str, home: Path, name: str, number: int) -> Iterator[DurableServer]:
    server = DurableServer(engine, home, name, number)
    try:
        yield server
    finally:
        server.remove()
