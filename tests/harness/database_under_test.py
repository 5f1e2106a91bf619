"""The durable database of environment test as a user of the module has it, with a throw-away state folder."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pymysql
from docker import DockerClient
from docker.errors import NotFound

from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, environment
from harness.images_under_test import image_tag
from harness.module_runner import RunningModule, run_module
from harness.waiting import eventually

PREFIX = "10.241"
REFUSED = (pymysql.err.Error, psycopg.Error, OSError)


class DatabaseUnderTest:
    def __init__(self, home: Path, docker: DockerClient, engine: str, major: str = "", prefix: str = PREFIX) -> None:
        self.home = home
        self.prefix = prefix
        self.docker = docker
        self.engine = engine
        self.major = major or engine_named(engine).newest_major
        self.key_fingerprint = ""
        self.env: Environment = environment("test", str(home), prefix)
        self.names = self.env.server(engine)
        self.container = self.names.container
        self.volume = self.names.volume

    @property
    def image(self) -> str:
        return image_tag(engine_named(self.engine).image_of_major(self.major))

    def arguments(self, state: str = "present", **changes: Any) -> dict[str, Any]:
        arguments = {
            "environment": "test",
            "home": str(self.home),
            "network_prefix": self.prefix,
            "engine": self.engine,
            "state": state,
            "image": self.image,
            "key_fingerprint": self.key_fingerprint,
            "memory": "512m",
            # What PostgreSQL has its volume encrypted by is tested by test_encryption_at_rest.
            "encryption_at_rest": "required" if self.engine == "mariadb" else "off",
        }
        return arguments | changes

    def prepare(self) -> None:
        """Makes secrets and certificates, as the roles secrets and tls do."""
        arguments = {"environment": "test", "home": str(self.home)}
        secrets = succeeded(run_module("environment_secrets", arguments))
        self.key_fingerprint = str(secrets["key_fingerprint"])
        succeeded(run_module("certificates", arguments | {"network_prefix": self.prefix}))

    def secret(self, *name: str) -> str:
        return Path(self.env.path("secrets", *name)).read_text().strip()

    def ensure(self, state: str = "present", check: bool = False, **changes: Any) -> dict[str, Any]:
        return run_module("durable_db", self.arguments(state, **changes), check=check)

    def begin(self, **changes: Any) -> RunningModule:
        return RunningModule("durable_db", self.arguments(**changes))

    def info(self) -> dict[str, Any]:
        arguments = self.arguments()
        for name in ("state", "key_fingerprint"):
            del arguments[name]
        return succeeded(run_module("durable_db_info", arguments))

    def connect(self, user: str = "app_user", password: str | None = None, encrypted: bool = True) -> Any:
        password = self.secret("app", "db_password") if password is None else password
        if self.engine == "postgresql":
            return psycopg.connect(
                host="127.0.0.1",
                port=self.names.port,
                user=user,
                password=password,
                dbname=self.env.database,
                sslmode="verify-full" if encrypted else "disable",
                sslrootcert=self.env.path("tls", "ca.crt"),
                connect_timeout=5,
                # A server that died without a word is noticed as soon as one that is slow.
                tcp_user_timeout=10000,
                autocommit=True,
            )
        return pymysql.connect(
            host="127.0.0.1",
            port=self.names.port,
            user=user,
            password=password,
            database=self.env.database,
            ssl=ssl.create_default_context(cafile=self.env.path("tls", "ca.crt")) if encrypted else None,
            ssl_disabled=not encrypted,
            connect_timeout=5,
            read_timeout=10,
            autocommit=True,
        )

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Runs a statement as the user of the migrations, who may make tables."""
        with self.connect("migrate_user", self.secret("migrate", "db_password")) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall()) if cursor.description else []

    def setting(self, name: str) -> str:
        [row] = self.query(f"SHOW {name}" if self.engine == "postgresql" else f"SHOW VARIABLES LIKE '{name}'")
        return str(row[-1])

    def restore(self, statements: bytes) -> None:
        """Loads what a final backup holds, as an operator would."""
        client = {
            "mariadb": 'exec mariadb --defaults-extra-file=<(echo [client]; echo "password=$(</run/secrets/root_password)") --user=root',
            "postgresql": "exec psql --username=postgres --dbname=postgres --quiet",
        }[self.engine]
        subprocess.run(
            ["docker", "exec", "-i", self.container, "bash", "-c", client], input=statements, check=True, stdout=subprocess.DEVNULL
        )

    def inspect(self) -> dict[str, Any] | None:
        return absent_as_none(lambda: self.docker.api.inspect_container(self.container))

    def inspect_volume(self) -> dict[str, Any] | None:
        return absent_as_none(lambda: self.docker.api.inspect_volume(self.volume))

    @property
    def log(self) -> str:
        return str(self.docker.api.logs(self.container).decode())

    def kill(self) -> None:
        """Kills the server by its process id on the host: `docker kill` would suppress the restart policy."""
        pids: list[int] = []
        # Process 0 stands for one that does not run, and to kill(2) for the caller's own group.
        eventually(lambda: pids.append(self.host_pid()) or pids[-1] > 0, "the server's process", interval=0.005)  # type: ignore[func-returns-value]
        os.kill(pids[-1], signal.SIGKILL)

    def host_pid(self) -> int:
        inspected = self.inspect()
        return int(inspected["State"]["Pid"]) if inspected else 0

    def remove(self) -> None:
        if self.inspect():
            self.docker.api.remove_container(self.container, force=True)
        if self.inspect_volume():
            self.docker.api.remove_volume(self.volume)


def absent_as_none(inspect: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    try:
        return inspect()
    except NotFound:
        return None


def succeeded(answer: dict[str, Any]) -> dict[str, Any]:
    assert "failed" not in answer, answer["msg"]
    return answer


def copy(source: Path, folder: Path) -> None:
    """Copies a folder with owners and modes."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "--archive", source, folder], check=True)
