"""The real backend in throw-away containers: one database, and for each colour an emulator, a gateway and a processor."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import ssl
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pymysql
import pytest
from botocore.config import Config

from ansible_collections.echobase.platform.plugins.module_utils.credentials.certificates import Certificates
from ansible_collections.echobase.platform.plugins.module_utils.credentials.environment_secrets import EnvironmentSecrets
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import AUTHORITY_FILE
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, environment
from harness.cloud_callers import cloud_client, secret_key_in
from harness.images_under_test import image_tag
from harness.waiting import eventually
from orders.credentials import NoSecrets
from orders.database import Database
from orders.settings import DatabaseSettings

LABEL = "io.echobase.test=backend"
DATABASE_PORTS = {"mariadb": 3306, "postgresql": 5432}
DATABASE_IMAGES = {"mariadb": "mariadb", "postgresql": "postgres"}
_HARDENED = [
    "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", "10001:10001",
]  # fmt: skip


def docker(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(["docker", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


def answers_ok(url: str, trust: ssl.SSLContext | bool = True) -> bool:
    try:
        return httpx.get(url, verify=trust, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@dataclass
class Container:
    name: str

    @property
    def logs(self) -> str:
        return subprocess.run(["docker", "logs", self.name], capture_output=True, text=True, check=True).stderr

    def port(self, inside: int) -> int:
        return int(docker("port", self.name, str(inside)).partition("\n")[0].rpartition(":")[2])

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["docker", "exec", self.name, *command], capture_output=True, text=True, check=False)

    def stop(self) -> None:
        docker("stop", "--time", "20", self.name)

    def start(self) -> None:
        docker("start", self.name)

    def remove(self) -> None:
        docker("rm", "--force", "--volumes", self.name)

    def kill(self) -> None:
        """Kills the process from the host, as a crash would: `docker kill` would also switch the restart policy off."""
        process = eventually(lambda: self._process, f"{self.name} runs")
        os.kill(process, signal.SIGKILL)
        # The engine takes a moment to notice.
        eventually(lambda: self._process != process, f"the engine knows that {self.name} was killed")

    @property
    def _process(self) -> int:
        """Gives the container's process id on the host; 0 while it does not run, or waits for its next start."""
        return int(docker("inspect", "-f", "{{.State.Pid}}", self.name, check=False) or 0)


@dataclass
class Backend:
    """`environment` has the names and the folders, below a home of its own; its ports and networks are not used."""

    env: Environment
    prefix: str
    engine: str = "mariadb"
    colours: dict[str, ColourUnderTest] = field(default_factory=dict)

    @property
    def network(self) -> str:
        return f"{self.prefix}-network"

    @property
    def database(self) -> Container:
        return Container(f"{self.prefix}-database")

    @property
    def database_port(self) -> int:
        return self.database.port(DATABASE_PORTS[self.engine])

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.env.path("tls", "ca.crt"))

    def secret(self, *path: str) -> str:
        return Path(self.env.path("secrets", *path)).read_text().strip()

    def start_database(self) -> None:
        secrets, tls = self.env.path("secrets", "db"), self.env.path("tls", "db")
        variables, command, users = {
            "mariadb": (
                {"MARIADB_ROOT_PASSWORD_FILE": "/run/secrets/root_password", "MARIADB_DATABASE": self.env.database},
                ["mariadbd", "--ssl-cert=/run/tls/tls.crt", "--ssl-key=/run/tls/tls.key"],
                "init.sql",
            ),
            "postgresql": (
                {"POSTGRES_PASSWORD_FILE": "/run/secrets/root_password", "POSTGRES_DB": self.env.database},
                [
                    "postgres", "-c", "listen_addresses=*", "-c", "hba_file=/run/hba/pg_hba.conf",
                    "-c", "ssl=on", "-c", "ssl_cert_file=/run/tls/tls.crt", "-c", "ssl_key_file=/run/tls/tls.key",
                ],
                "init-postgresql.sql",
            ),
        }[self.engine]  # fmt: skip
        hba = Path(self.env.path("pg_hba.conf"))
        hba.write_text("local all postgres peer\nhostssl all all all scram-sha-256\n")
        hba.chmod(0o644)
        docker(
            "run", "--detach", "--name", self.database.name, "--label", LABEL, "--restart", "unless-stopped",
            "--network", self.network, "--network-alias", DATABASE_IMAGES[self.engine],
            "--publish", f"127.0.0.1:{_free_port()}:{DATABASE_PORTS[self.engine]}",
            *_as_options(variables),
            "--volume", f"{secrets}:/run/secrets:ro", "--volume", f"{hba}:/run/hba/pg_hba.conf:ro",
            "--volume", f"{secrets}/{users}:/docker-entrypoint-initdb.d/10-users.sql:ro",
            "--volume", f"{tls}:/run/tls:ro",
            image_tag(DATABASE_IMAGES[self.engine]), *command,
        )  # fmt: skip
        eventually(self.database_answers, "the database answers")

    def connect(self, user: str = "migrate_user") -> Any:
        login = {
            "host": "127.0.0.1",
            "port": self.database_port,
            "user": user,
            "password": self.secret("app" if user == self.env.database_user else "migrate", "db_password"),
            "autocommit": True,
            "connect_timeout": 3,
        }
        if self.engine == "postgresql":
            return psycopg.connect(**login, dbname=self.env.database, sslmode="verify-full", sslrootcert=self.env.path("tls", "ca.crt"))
        return pymysql.connect(**login, database=self.env.database, ssl=self.trust)

    def database_answers(self) -> bool:
        try:
            self.connect().close()
        except (pymysql.Error, psycopg.Error, AssertionError, OSError):
            return False
        return True

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            rows = cursor.fetchall() if cursor.description else []
            return [tuple(str(value) if isinstance(value, uuid.UUID) else value for value in row) for row in rows]

    def change_application_password(self, password: str) -> None:
        """Changes the application's password and ends the connections of whoever is logged in."""
        client, statements = {
            "mariadb": (
                'MYSQL_PWD=$(cat /run/secrets/root_password) exec mariadb --user=root --execute "$0"',
                f"ALTER USER app_user@'%' IDENTIFIED BY '{password}'; KILL USER app_user;",
            ),
            "postgresql": (
                'echo "$0" | exec psql --username=postgres --dbname=orders_db --set=ON_ERROR_STOP=1',
                f"ALTER ROLE app_user PASSWORD '{password}';"
                " SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app_user';",
            ),
        }[self.engine]
        done = self.database.execute("sh", "-c", client, statements)
        assert done.returncode == 0, done.stderr

    def migrate(self, *arguments: str) -> dict[str, Any]:
        variables = self._variables("blue") | {"DB_USER": "migrate_user"}
        done = docker(
            "run", "--rm", "--label", LABEL, "--network", self.network, *_HARDENED, *_as_options(variables),
            "--volume", f"{self.env.path('secrets', 'migrate')}:/run/secrets:ro",
            "--volume", f"{self.env.path('tls', 'ca.crt')}:{AUTHORITY_FILE}:ro",
            image_tag("backend"), "python", "-m", "migrations", *arguments,
        )  # fmt: skip
        return dict(json.loads(done))

    def migrations_database(self) -> Database:
        """Gives the database to migrations that run in the test's own process."""
        settings = DatabaseSettings(
            self.engine,
            "localhost",
            self.database_port,
            self.env.database,
            "migrate_user",
            Path(self.env.path("secrets", "migrate", "db_password")),
            Path(self.env.path("tls", "ca.crt")),
            "",
        )
        return Database(settings, NoSecrets(), connections=4, answer_seconds=None)

    def colour(self, name: str) -> ColourUnderTest:
        if name not in self.colours:
            self.colours[name] = ColourUnderTest(self, name)
        return self.colours[name]

    def variables(self, colour: str) -> dict[str, str]:
        return self._variables(colour)

    def _variables(self, colour: str) -> dict[str, str]:
        env = self.env
        return {
            "ECHOBASE_ENV": env.name,
            "ECHOBASE_COLOUR": colour,
            "ECHOBASE_RELEASE": f"0.1.0-{colour}",
            "ECHOBASE_VERSION": "0.1.0",
            "DB_ENGINE": self.engine,
            "DB_HOST": DATABASE_IMAGES[self.engine],
            "DB_PORT": str(DATABASE_PORTS[self.engine]),
            "DB_NAME": env.database,
            "DB_USER": env.database_user,
            "DB_PASSWORD_FILE": "/run/secrets/db_password",
            "DB_CA_FILE": AUTHORITY_FILE,
            "DB_SECRET_ID": f"echobase/{env.name}/database",
            "JWT_SECRET_ID": f"echobase/{env.name}/jwt",
            "JWT_KEY_FILE": "/run/secrets/token_key",
            "KMS_KEY_ID": f"alias/echobase-{env.name}",
            "ORDERS_QUEUE": f"echobase-{env.name}-{colour}-orders",
            "AWS_ENDPOINT_URL": f"http://{colour}-localstack:4566",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_SHARED_CREDENTIALS_FILE": "/run/secrets/cloud_credentials",
            "AWS_EC2_METADATA_DISABLED": "true",
            "TLS_CERT_FILE": "/run/tls/tls.crt",
            "TLS_KEY_FILE": "/run/tls/tls.key",
            "LOGIN_ATTEMPTS_PER_MINUTE": "0",
            "REGISTRATIONS_PER_MINUTE": "0",
            "REQUESTS_PER_MINUTE": "0",
            "BCRYPT_COST": "4",
        }


@dataclass
class ColourUnderTest:
    backend: Backend
    name: str
    # What the processes are told beside the usual.
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def emulator(self) -> Container:
        return Container(f"{self.backend.prefix}-{self.name}-localstack")

    @property
    def gateway(self) -> Container:
        return Container(f"{self.backend.prefix}-{self.name}-api-gateway")

    @property
    def processor(self) -> Container:
        return Container(f"{self.backend.prefix}-{self.name}-order-processor")

    @property
    def url(self) -> str:
        return f"https://localhost:{self.gateway.port(8443)}"

    def start(self) -> None:
        self.start_emulator()
        self.start_gateway()
        self.start_processor()

    def remove(self) -> None:
        for container in (self.processor, self.gateway, self.emulator):
            docker("rm", "--force", "--volumes", container.name, check=False)

    def start_emulator(self) -> None:
        self._run(self.emulator, image="emulator", publish=4566)
        self.await_emulator()

    def cloud(self, service: str, config: Config | None = None) -> Any:
        """Gives a client of the colour's cloud, with the environment's credentials."""
        secret_key = secret_key_in(self.backend.secret("app", "cloud_credentials"))
        return cloud_client(service, f"http://localhost:{self.emulator.port(4566)}", self.backend.env.cloud_access_key, secret_key, config)

    def await_emulator(self) -> None:
        eventually(lambda: answers_ok(f"http://localhost:{self.emulator.port(4566)}/health"), f"the emulator of {self.name} answers")

    def start_gateway(self, **variables: str) -> None:
        self._run(self.gateway, "python", "-m", "api_gateway", publish=8443, variables=variables)
        eventually(lambda: answers_ok(f"{self.url}/health", self.backend.trust), f"the gateway of {self.name} answers")

    def start_processor(self, **variables: str) -> None:
        self._run(self.processor, "python", "-m", "order_processor", variables=variables)

    def drain(self, deadline: float, hand_to: str) -> subprocess.CompletedProcess[str]:
        return self.gateway.execute("python", "-m", "order_processor.drain", "--deadline", str(deadline), "--hand-to", hand_to)

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=self.backend.trust, timeout=30)

    def customer(self) -> Customer:
        return Customer.new(self)

    def unfinished(self) -> int:
        return int(self.backend.sql("SELECT COUNT(*) FROM outbox WHERE colour = %s AND finished_at IS NULL", self.name)[0][0])

    def _run(
        self, container: Container, *command: str, image: str = "backend", publish: int = 0, variables: dict[str, str] | None = None
    ) -> None:
        env = self.backend.env
        secrets = "emulator" if image == "emulator" else "app"
        service = container.name.removeprefix(f"{self.backend.prefix}-")
        docker(
            "run", "--detach", "--name", container.name, "--label", LABEL, "--restart", "unless-stopped",
            "--network", self.backend.network, "--network-alias", service, *_HARDENED,
            *(["--publish", f"127.0.0.1:{_free_port()}:{publish}"] if publish else []),
            *_as_options(self.backend.variables(self.name) | self.extra | (variables or {})),
            "--volume", f"{env.path('secrets', secrets)}:/run/secrets:ro",
            "--volume", f"{env.path('tls', self.name)}:/run/tls:ro",
            "--volume", f"{env.path('tls', 'ca.crt')}:{AUTHORITY_FILE}:ro",
            image_tag(image), *command,
        )  # fmt: skip


@dataclass
class Customer:
    """Somebody who is logged in."""

    client: httpx.Client
    email: str
    password: str
    token: str

    @classmethod
    def new(cls, colour: ColourUnderTest) -> Customer:
        client = colour.client()
        email, password = f"{uuid.uuid4().hex}@example.org", secrets.token_urlsafe(12)
        assert client.post("/api/auth/register", json={"email": email, "password": password}).status_code == 201
        login = client.post("/api/auth/login", json={"email": email, "password": password})
        assert login.status_code == 200, login.text
        return cls(client, email, password, login.json()["token"])

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def at(self, colour: ColourUnderTest) -> Customer:
        """Gives the same session at another address."""
        return Customer(colour.client(), self.email, self.password, self.token)

    def post(self, item: str = "tea", quantity: int = 1, note: str | None = None, key: str | None = None) -> httpx.Response:
        body: dict[str, object] = {"item": item, "quantity": quantity}
        if note is not None:
            body["note"] = note
        return self.client.post("/api/orders", json=body, headers=self.headers | {"Idempotency-Key": key or str(uuid.uuid4())})

    def order(self, item: str = "tea", quantity: int = 1, note: str | None = None, key: str | None = None) -> str:
        answer = self.post(item, quantity, note, key)
        assert answer.status_code == 202, answer.text
        assert answer.json()["status"] == "accepted"
        return str(answer.json()["id"])

    def see(self, order_id: str) -> dict[str, Any]:
        answer = self.client.get(f"/api/orders/{order_id}", headers=self.headers)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def see_processed(self, order_id: str) -> dict[str, Any]:
        def processed() -> dict[str, Any] | None:
            order = self.see(order_id)
            return order if order["status"] == "processed" else None

        return dict(eventually(processed, f"order {order_id} is processed"))


def _free_port() -> int:
    """Finds a free port. It is chosen here, since a port that the engine chooses changes with each start of its container."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _as_options(variables: Mapping[str, str]) -> list[str]:
    return [option for name, value in variables.items() for option in ("--env", f"{name}={value}")]


@contextmanager
def running_backend(home: Path, engine: str = "mariadb") -> Iterator[Backend]:
    """Runs the database with its schema; nothing of a colour runs yet."""
    env = environment("test", str(home))
    Certificates.of_environment(env).present(check=False)
    EnvironmentSecrets(env, None, data=lambda: ()).present(check=False)
    backend = Backend(env, f"zz-backend-{secrets.token_hex(3)}", engine)
    docker("network", "create", "--label", LABEL, backend.network)
    try:
        backend.start_database()
        yield backend
    finally:
        for colour in backend.colours.values():
            colour.remove()
        docker("rm", "--force", "--volumes", backend.database.name, check=False)
        docker("network", "rm", backend.network)


@pytest.fixture(scope="module", params=DATABASE_PORTS)
def empty_backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    with running_backend(tmp_path_factory.mktemp("backend"), request.param) as backend:
        yield backend


@pytest.fixture(scope="module")
def backend(empty_backend: Backend) -> Backend:
    empty_backend.migrate("expand")
    return empty_backend


@pytest.fixture(scope="module")
def blue(backend: Backend) -> ColourUnderTest:
    colour = backend.colour("blue")
    colour.start()
    return colour
