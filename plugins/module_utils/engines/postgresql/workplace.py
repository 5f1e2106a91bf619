"""Where pgBackRest runs for an environment: in its server's container while that runs, else in a throw-away one of the same image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.containers.limits import DATA_JOB_PROCESSES, LARGE_TEMPORARY, in_memory
from ansible_collections.echobase.platform.plugins.module_utils.containers.ours import needed_container, our_container
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.pgbackrest import CONFIGURATION_FOLDER, PgBackrest
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.recovery import PostgresRecovery
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.session import PostgresSession
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BackupTarget
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import DATABASE, user_and_group
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.types import Mount

# A container whose owner was killed ends by itself after this time.
_LIFETIME_SECONDS = 3600


@dataclass(frozen=True)
class PostgresWorkplace:
    docker: DockerClient
    env: Environment
    target: BackupTarget

    def has_server(self) -> bool:
        return our_container(self.docker, self.env.name, self._name) is not None

    def is_live(self) -> bool:
        state = self._server()["State"]
        return bool(state["Running"] and not state["Restarting"] and not state["Paused"])

    def live(self) -> PgBackrest:
        name = self._name
        if not self.is_live():
            raise Refusal(f"{name} does not run", f"{playbook('setup_durable')} starts it")
        return PgBackrest(self.docker, name)

    def session(self) -> PostgresSession:
        return PostgresSession(self.live().container, self.env.database)

    @contextmanager
    def tool(self) -> Iterator[PgBackrest]:
        """The tool, for questions that the repository alone can answer."""
        if self.is_live():
            yield self.live()
            return
        container = self.docker.containers.run(
            self._server()["Config"]["Image"],
            [str(_LIFETIME_SECONDS)],
            entrypoint="sleep",
            detach=True,
            auto_remove=True,
            user=user_and_group(DATABASE),
            labels={ENVIRONMENT_LABEL: self.env.name},
            network_mode=self._network,
            cap_drop=["ALL"],
            read_only=True,
            tmpfs={"/tmp": in_memory(LARGE_TEMPORARY)},
            mem_limit=self._server()["HostConfig"]["Memory"] or None,
            pids_limit=DATA_JOB_PROCESSES,
            mounts=self._mounts(),
        )
        try:
            yield PgBackrest(self.docker, str(container.id))
        finally:
            container.remove(force=True, v=True)

    def recovery(self, volume: str) -> PostgresRecovery:
        return PostgresRecovery(
            docker=self.docker,
            environment=self.env.name,
            image=self._server()["Config"]["Image"],
            name=f"{self._name}-restore",
            mounts=self._mounts(volume),
            network=self._network,
            memory=self._server()["HostConfig"]["Memory"],
        )

    def last_words(self, since: int | None = None) -> str:
        """The last complaint of the tool where the server itself called it."""
        log = self.docker.api.logs(self._name, tail=400, since=since).decode(errors="replace").splitlines()
        return next((line.partition("ERROR: [")[2].partition("]: ")[2] for line in reversed(log) if "ERROR: [" in line), "")

    @property
    def _name(self) -> str:
        return self.env.server("postgresql").container

    @property
    def _network(self) -> str:
        return "bridge" if self.target.is_remote else "none"

    def _server(self) -> dict[str, Any]:
        return needed_container(self.docker, self.env.name, self._name)

    def _mounts(self, volume: str = "") -> list[Mount]:
        from docker.types import Mount  # noqa: PLC0415 - see docker_client

        names = self.env.server("postgresql")
        mounts = [
            Mount(CONFIGURATION_FOLDER, self.env.path(names.service), "bind", read_only=True),
            Mount("/run/secrets", self.env.path("secrets", "db"), "bind", read_only=True),
        ]
        if not self.target.is_remote:
            mounts.append(Mount("/backups", self.target.location, "bind"))
        if volume:
            mounts.append(Mount(names.data_mount, volume, "volume"))
        return mounts
