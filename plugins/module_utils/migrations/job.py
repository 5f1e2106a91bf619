"""The migrations of a release, run in a container of its own image against one database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.containers.limits import SMALL_JOB, SMALL_TEMPORARY, in_memory
from ansible_collections.echobase.platform.plugins.module_utils.database.accounts import MIGRATE_USER
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import APPLICATION, AUTHORITY_FILE, user_and_group
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

# Containers of this kind that have ended were left by a module that was killed.
_JOB_LABEL = "io.echobase.job"
_JOB = "migrations"


@dataclass(frozen=True)
class ReachableDatabase:
    """A database of the environment, its certificate and accounts, and the network on which its host name means it."""

    engine: str
    host: str
    port: int
    network: str
    # Host name of the replica that backfills wait for; empty where there is none.
    replica: str = ""

    @classmethod
    def live(cls, env: Environment, engine: str, *, has_replica: bool = False) -> ReachableDatabase:
        server = env.server(engine)
        replica = env.replica(engine).container if has_replica else ""
        return cls(engine, server.container, server.container_port, env.durable_network.name, replica)

    def variables(self, env: Environment, user: str) -> dict[str, str]:
        """Gives the environment variables that every process of a release expects."""
        return {
            "DB_ENGINE": self.engine,
            "DB_HOST": self.host,
            "DB_PORT": str(self.port),
            "DB_NAME": env.database,
            "DB_USER": user,
            "DB_PASSWORD_FILE": "/run/secrets/db_password",
            "DB_CA_FILE": AUTHORITY_FILE,
            "DB_SECRET_ID": f"echobase/{env.name}/database",
            **({"DB_REPLICA_HOST": self.replica} if self.replica else {}),
        }


@dataclass(frozen=True)
class MigrationJob:
    docker: DockerClient
    env: Environment
    image: str
    database: ReachableDatabase

    def run(self, *arguments: str) -> dict[str, Any]:
        """Gives what `python -m migrations` answered; its complaint becomes a Refusal."""
        self._sweep()
        container = self._created(arguments)
        try:
            code, answer, complaint = self._ended(container)
        finally:
            container.remove(force=True, v=True)
        if code != 0:
            last = complaint.rpartition("\n")[2] or f"exit code {code}"
            raise Refusal(
                last, f"nothing is lost: remove that cause, then run this again, which goes on; {playbook('migrate')} shows how far it came"
            )
        return dict(json.loads(answer.rpartition("\n")[2]))

    def _ended(self, container: Container) -> tuple[int, str, str]:
        from docker.errors import APIError  # noqa: PLC0415 - see docker_client

        try:
            container.start()
        except APIError as error:
            raise Refusal(f"the migrations cannot start: {error.explanation}", f"run {playbook('setup_durable')} first") from error
        # There is no time limit here, since the migrations have a patience of their own.
        code = int(container.wait(timeout=None)["StatusCode"])
        answer, complaint = (container.logs(stdout=out, stderr=not out).decode(errors="replace").strip() for out in (True, False))
        return code, answer, complaint

    def _created(self, arguments: tuple[str, ...]) -> Container:
        from docker.errors import APIError, ImageNotFound  # noqa: PLC0415 - see docker_client

        try:
            # Unlike `run`, this never asks a registry for an image that only we can make.
            return self.docker.containers.create(
                self.image,
                ["python", "-m", "migrations", *arguments],
                init=True,
                environment=self.database.variables(self.env, MIGRATE_USER),
                labels={ENVIRONMENT_LABEL: self.env.name, _JOB_LABEL: _JOB},
                network=self.database.network,
                **hardened(self.env, {self.env.path("secrets", "migrate"): "/run/secrets"}),
            )
        except ImageNotFound as error:
            raise Refusal(f"there is no image {self.image}", f"{playbook('deploy')} makes it") from error
        except APIError as error:
            raise Refusal(f"the migrations cannot start: {error.explanation}", f"run {playbook('setup_durable')} first") from error

    def _sweep(self) -> None:
        labels = [f"{ENVIRONMENT_LABEL}={self.env.name}", f"{_JOB_LABEL}={_JOB}"]
        for container in self.docker.containers.list(all=True, filters={"label": labels, "status": ["exited", "dead", "created"]}):
            container.remove(v=True)


def hardened(env: Environment, folders: Mapping[str, str]) -> dict[str, Any]:
    """Options of a container as the Compose project of a colour has them; it reads these folders and the authority's certificate."""
    from docker.types import Mount  # noqa: PLC0415 - see docker_client

    mounts = {env.path("tls", "ca.crt"): AUTHORITY_FILE, **folders}
    return {
        "user": user_and_group(APPLICATION),
        "read_only": True,
        "tmpfs": {"/tmp": in_memory(SMALL_TEMPORARY)},
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        **SMALL_JOB,
        # A missing source is an error; a volume of that name would be an empty folder instead.
        "mounts": [Mount(target, source, "bind", read_only=True) for source, target in mounts.items()],
    }
