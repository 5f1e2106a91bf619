"""A durable database of either engine in an environment that no other test uses, made by the collection's own classes."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pymysql
from docker import DockerClient

from ansible_collections.echobase.platform.plugins.module_utils.backups.notification import Notification
from ansible_collections.echobase.platform.plugins.module_utils.backups.retention import Retention
from ansible_collections.echobase.platform.plugins.module_utils.backups.run import BackupRun, Take, WantedBackup
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.credentials.certificates import Certificates
from ansible_collections.echobase.platform.plugins.module_utils.credentials.environment_secrets import EnvironmentSecrets
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import BackupTool
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import ServerDefinition
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.docker_backend import DockerDatabase
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.ensure import DurableDb, WantedDatabase
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.final_backup import FinalBackup
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import backup_tool, engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, Network, environment
from ansible_collections.echobase.platform.plugins.module_utils.storage.generations import DataVolume
from harness.application_under_test import store_definition
from harness.images_under_test import image_tag

# A backup's own notes are smaller.
_DATA_BYTES = 20_000
_ORDERS = {
    "mariadb": "CREATE TABLE orders_db.orders (id VARCHAR(36) PRIMARY KEY, created_at DATETIME(6) DEFAULT NOW(6), status VARCHAR(16))",
    "postgresql": "SET ROLE migrate_user;"
    " CREATE TABLE orders (id VARCHAR(36) PRIMARY KEY, created_at TIMESTAMPTZ DEFAULT clock_timestamp(), status VARCHAR(16))",
}


@dataclass
class DurableUnderTest:
    docker: DockerClient
    engine: str
    env: Environment
    key_fingerprint: str = ""
    # Which it is made of; empty for the newest.
    major: str = ""

    @classmethod
    def prepared(cls, docker: DockerClient, engine: str, home: Path, index: int) -> DurableUnderTest:
        """`index` sets its names, ports and addresses apart."""
        name = f"zz-e{index}-{engine}"
        subnet = f"10.243.{index}"
        env = replace(
            environment("test", str(home), "10.243"),
            name=name,
            home=f"{home}/{name}",
            durable_project=name,
            server_ports={"mariadb": 33980 + index, "postgres": 33990 + index},
            durable_network=Network(f"{name}-network", f"{subnet}.0/24"),
        )
        Path(env.home).mkdir(mode=0o755, parents=True)
        Certificates.of_environment(env).present(check=False)
        # It tells what of the data was acknowledged.
        store_definition(env)
        secrets = EnvironmentSecrets(env, None, data=lambda: ()).present(check=False)
        return cls(docker, engine, env, secrets.facts["key_fingerprint"])

    def create(self) -> None:
        network = self.env.durable_network
        self.docker.api.create_network(
            network.name,
            labels={ENVIRONMENT_LABEL: self.env.name},
            ipam={"Driver": "default", "Config": [{"Subnet": network.subnet}]},
        )
        self.ensure("present")
        self.console.query(_ORDERS[self.engine])
        self.tool.prepare()

    def ensure(self, state: str, **wanted: Any) -> Outcome:
        database = DurableDb(DockerDatabase(self.docker, self.definition()), FinalBackup(self.env), self.env.name, wait_timeout=120)
        return database.ensure(WantedDatabase(state=state, key_fingerprint=self.key_fingerprint, **wanted), check_mode=False)

    def image(self, major: str) -> str:
        return image_tag(engine_named(self.engine).image_of_major(major))

    def definition(self, major: str | None = None) -> ServerDefinition:
        image = self.image(self.major if major is None else major)
        return engine_named(self.engine).definition(env=self.env, image=image, memory="512m", encrypted=False)

    @property
    def names(self) -> Any:
        return self.env.server(self.engine)

    @property
    def console(self) -> ServerConsole:
        return ServerConsole(engine_named(self.engine), self.env)

    @property
    def tool(self) -> BackupTool:
        return backup_tool(self.docker, self.env, self.engine)

    @property
    def volume(self) -> DataVolume:
        return DataVolume(self.docker, self.env.name, self.names.volume, self.image(self.major))

    def back_up(
        self, take: Take = "auto", *, verify: bool = True, retention: Retention | None = None, notify: str = "", check: bool = False
    ) -> Outcome:
        run = BackupRun(
            docker=self.docker,
            env=self.env,
            engine=self.engine,
            tool=self.tool,
            retention=retention or Retention(keep_full=5, keep_days=14, full_every_days=7),
            notification=Notification(notify),
            progress=Progress(None),
        )
        return run.run(WantedBackup(take, verify=verify, expire=True), check)

    @contextlib.contextmanager
    def application(self) -> Iterator[Any]:
        """Connects as the application does."""
        password = Path(self.env.path("secrets", "app", "db_password")).read_text().strip()
        ca_file = self.env.path("tls", "ca.crt")
        login: dict[str, Any] = {"host": "127.0.0.1", "port": self.names.port, "user": "app_user", "password": password, "autocommit": True}
        connection: Any
        if self.engine == "mariadb":
            connection = pymysql.connect(**login, database="orders_db", ssl=ssl.create_default_context(cafile=ca_file))
        else:
            connection = psycopg.connect(**login, dbname="orders_db", sslmode="verify-full", sslrootcert=ca_file)
        with contextlib.closing(connection):
            yield connection

    def accept(self, *orders: str) -> None:
        with self.application() as connection, connection.cursor() as cursor:
            for order in orders:
                cursor.execute("INSERT INTO orders (id, status) VALUES (%s, 'accepted')", (order,))

    def accept_until_refused(self, accepted: list[str]) -> None:
        try:
            with self.application() as connection, connection.cursor() as cursor:
                while True:
                    order = f"late-{len(accepted)}"
                    cursor.execute("INSERT INTO orders (id, status) VALUES (%s, 'accepted')", (order,))
                    accepted.append(order)
        except (pymysql.Error, psycopg.Error):
            return

    def orders(self) -> list[str]:
        with self.application() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id FROM orders ORDER BY created_at, id")
            return [row[0] for row in cursor.fetchall()]

    def moment_between(self) -> str:
        """Gives a moment by the server's clock, far enough from the commits around it for either engine's log to tell them apart."""
        moment, wait = {
            "mariadb": ("DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%fZ')", "SELECT SLEEP(0.5)"),
            "postgresql": (
                "to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
                "SELECT pg_sleep(0.5)",
            ),
        }[self.engine]
        self.console.query(wait)
        found = self.console.query(f"SELECT {moment}")[0][0]
        self.console.query(wait)
        return found

    def repository_files(self) -> set[Path]:
        return {path for path in Path(self.env.path("backups", self.engine)).rglob("*") if path.is_file()}

    def damage(self, backup: str, before: set[Path]) -> None:
        """Damages a backup's data on the disk, and nothing of the log. `before` has the files from before it was taken."""
        new = self.repository_files() - before
        named = [path for path in new if backup in path.parts and path.stat().st_size > _DATA_BYTES]
        for path in named or [max(new, key=lambda path: path.stat().st_size)]:
            path.chmod(0o600)
            with path.open("r+b") as stream:
                stream.seek(path.stat().st_size // 2)
                stream.write(b"damaged" * 100)

    def flip_a_bit(self, backup: str) -> None:
        """Flips a bit in the middle of the largest file that belongs to that backup alone."""
        path = max((path for path in self.repository_files() if backup in path.parts), key=lambda path: path.stat().st_size)
        path.chmod(0o600)
        with path.open("r+b") as stream:
            stream.seek(path.stat().st_size // 2)
            (byte,) = stream.read(1)
            stream.seek(-1, 1)
            stream.write(bytes([byte ^ 1]))

    def leftovers(self) -> list[str]:
        """Gives the containers and volumes that trials and restores have left."""
        mine = {"label": f"{ENVIRONMENT_LABEL}={self.env.name}"}
        names = [container.name for container in self.docker.containers.list(all=True, filters=mine)]
        names += [volume.name for volume in self.docker.volumes.list(filters=mine)]
        return [name for name in names if "trial" in name or "restore" in name]

    def lose(self) -> None:
        """Removes the environment's containers and all their data, as a loss of the machine would."""
        mine = {"label": f"{ENVIRONMENT_LABEL}={self.env.name}"}
        for container in self.docker.containers.list(all=True, filters=mine):
            container.remove(force=True, v=True)
        for volume in self.docker.volumes.list(filters=mine):
            volume.remove(force=True)

    def remove(self) -> None:
        self.lose()
        mine = {"label": f"{ENVIRONMENT_LABEL}={self.env.name}"}
        for network in self.docker.networks.list(filters=mine):
            network.remove()
