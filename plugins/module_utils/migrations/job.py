"""The job of a release that moves a schema, run once in a container of its own against one database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.application.access import Server
from ansible_collections.echobase.platform.plugins.module_utils.application.colour_project import ColourPlace
from ansible_collections.echobase.platform.plugins.module_utils.application.stored import Deployed
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.job_service import SERVICE, command_of, job_project, place_of
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL, found_or_none
from ansible_collections.echobase.platform.plugins.module_utils.containers.one_off import Ended, OneOff
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import MIGRATE_USER
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import external_database
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

if TYPE_CHECKING:
    from docker import DockerClient

# It speaks the protocol of docs/operate/migrations.md: it tells what is applied and pending, and does one branch at a time.
SCHEMA = "schema"
# Containers of this kind that have ended were left by a module that was killed.
_JOB_LABEL = "io.echobase.job"
_JOB = "migrations"


@dataclass(frozen=True)
class ReachableDatabase:
    """A database of the environment, and the network on which its host name means it."""

    engine: str
    host: str
    port: int
    network: str
    # Host name of the replica that backfills wait for; empty where there is none.
    replica: str = ""
    # It is the one that customers' data are in, wherever it is, and not a copy of it.
    is_live: bool = False

    @classmethod
    def live(cls, env: Environment, engine: str, *, has_replica: bool = False) -> ReachableDatabase:
        external = external_database(env)
        if external is not None:
            return cls(external.engine, external.host, external.port, env.durable_network.name, is_live=True)
        server = env.server(engine)
        replica = env.replica(engine).container if has_replica else ""
        return cls(engine, server.container, server.container_port, env.durable_network.name, replica, is_live=True)

    def told_to(self, place: ColourPlace) -> ColourPlace:
        """The same place with this database instead of the environment's own."""
        database, migrator = self._as(place, place.database, place.env.database_user), self._as(place, place.migrator, MIGRATE_USER)
        return replace(place, database=database, migrator=migrator)

    def _as(self, place: ColourPlace, account: Server | None, user: str) -> Server | None:
        """A copy is on a server of our own, with our own accounts and authority, whatever the live database has."""
        if account is None or self.is_live:
            return account and replace(account, replica=self.replica)
        return Server(
            self.engine,
            self.host,
            self.port,
            user,
            place.env.database,
            self.replica,
            account.password_file,
            account.folder,
            account.password,
        )


@dataclass(frozen=True)
class MigrationJob:
    docker: DockerClient
    env: Environment
    release: Deployed
    database: ReachableDatabase
    # Which of the release's jobs: one that speaks the protocol, or a plain command.
    job: str = SCHEMA

    def run(self, *arguments: str) -> dict[str, Any]:
        """Gives what the job answered; its complaint becomes a Refusal. A plain command answers nothing, and its exit code decides."""
        self._sweep()
        self._refuse_without_image()
        # There is no time limit here, since the migrations have a patience of their own.
        ended = self._ended([*command_of(self.release, self.job), *arguments] if arguments else [])
        if ended.code != 0:
            raise Refusal(
                ended.reason,
                f"nothing is lost: remove that cause, then run this again, which goes on; {playbook('migrate')} shows how far it came",
            )
        if self.job == SCHEMA and not ended.told:
            raise Refusal(f"the job {SCHEMA} answered no JSON object", "its last line has to be one: docs/operate/migrations.md")
        return ended.told

    def _ended(self, arguments: Sequence[str]) -> Ended:
        place = place_of(self.env, self.release, self.database.engine)
        place = self.database.told_to(replace(place, colour=replace(place.colour, project=f"echobase-{self.env.name}-{_JOB}")))
        text = job_project(self.release, place, self.job, self.database.network)
        ended = OneOff(place.colour.project, text, labels={_JOB_LABEL: _JOB}).run(SERVICE, arguments)
        if ended.code != 0 and f"network {self.database.network}" in ended.complaint:
            raise Refusal(f"the migrations cannot start: {ended.reason}", f"run {playbook('setup_durable')} first")
        return ended

    def _refuse_without_image(self) -> None:
        image = self.release.images[self.release.definition.settings.jobs[self.job]]
        if found_or_none(lambda: self.docker.images.get(image)) is None:
            raise Refusal(f"there is no image {image}", f"{playbook('deploy')} makes it")

    def _sweep(self) -> None:
        labels = [f"{ENVIRONMENT_LABEL}={self.env.name}", f"{_JOB_LABEL}={_JOB}"]
        for container in self.docker.containers.list(all=True, filters={"label": labels, "status": ["exited", "dead", "created"]}):
            found_or_none(lambda container=container: container.remove(v=True))  # type: ignore[misc]
