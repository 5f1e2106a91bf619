"""What is done with a colour beside its deployment.

Its accepted work is finished or handed over, by the application's job `drain`; services that read passwords only when they start are
started again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.application.access import password_variables
from ansible_collections.echobase.platform.plugins.module_utils.application.settings import Access, Settings
from ansible_collections.echobase.platform.plugins.module_utils.application.stored import Deployed, StoredDefinitions
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.containers import containers_of
from ansible_collections.echobase.platform.plugins.module_utils.colours.endpoints import unknown_origin
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.containers.one_off import Ended, OneOff
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Colour, Environment

if TYPE_CHECKING:
    from docker.models.containers import Container

JOB = "drain"
NOBODY = "none"
# Beyond the seconds that the job is told, for its start and its end.
_SECONDS_TO_SPARE = 60


@dataclass(frozen=True)
class ColourWork:
    env: Environment
    colour: Colour

    def finish(self, seconds: float, hand_to: str, check: bool) -> Outcome:
        """The colour accepts nothing more, and works off what it has; `hand_to` is the colour that takes what is left, or `none`."""
        deployed = StoredDefinitions(self.env).of(self.colour.name)
        if deployed is None:
            found = containers_of(docker_client(), [self.colour])[self.colour.name]
            return _nothing([f"nothing was worked off: {unknown_origin(self.colour.name)}"] if found else [])
        if not check:
            self._close(deployed)
        if check or JOB not in deployed.definition.settings.jobs:
            return _nothing()
        ended = self._run(deployed, self.colour.name, seconds, hand_to)
        if ended.code == 0:
            return _outcome(ended)
        if hand_to == NOBODY:
            return _nothing([f"{self.colour.name} leaves work behind: {ended.reason}"])
        raise Refusal(
            f"{self.colour.name} did not finish or hand over its work: {ended.reason}",
            f"it takes no more, and was not removed; remove that cause, then run this again, or see {playbook('status')}",
        )

    def adopt(self, check: bool) -> Outcome:
        """Takes what the other colour left behind when it was removed: else it would belong to nobody."""
        deployed = StoredDefinitions(self.env).of(self.colour.name)
        if deployed is None or check or JOB not in deployed.definition.settings.jobs:
            return _nothing()
        ended = self._run(deployed, self.env.other(self.colour.name).name, 0, self.colour.name)
        if ended.code != 0:
            raise Refusal(
                f"{self.colour.name} could not take what the other colour left behind: {ended.reason}",
                "remove that cause, then run this again",
            )
        return _outcome(ended)

    def take_passwords(self, passwords: Sequence[str], anyway: bool, check: bool) -> Outcome:
        """Starts what reads passwords only once again. Refuses what only a new deployment changes, unless that is wanted `anyway`."""
        deployed = StoredDefinitions(self.env).of(self.colour.name)
        told = _access_by_password(deployed.definition.settings) if deployed else {}
        concerned = [told[password] for password in passwords if password in told]
        if deployed is None or not concerned:
            return _nothing()
        warnings = []
        if variables := [variable for access in concerned for variable in password_variables(access)]:
            what = f"{self.colour.name} tells its services a password in {' and '.join(variables)}, which only a new deployment changes"
            if not anyway:
                raise Refusal(
                    f"{what}: they would fail from then on",
                    "have them read a file (`as: {password_file: …}`), or add -e rotate_interrupts=true and deploy again at once",
                )
            warnings = [f"{what}: they fail until you deploy it again ({playbook('deploy')})"]
        containers = self._containers(deployed.definition.settings.reads_once)
        for container in () if check else containers:
            container.restart()
        return Outcome(changed=bool(containers), facts={"told": {}}, warnings=warnings)

    def _run(self, deployed: Deployed, whose: str, seconds: float, hand_to: str) -> Ended:
        variables = {"ECHOBASE_COLOUR": whose, "ECHOBASE_DRAIN_SECONDS": f"{seconds:g}", "ECHOBASE_HAND_TO": hand_to}
        project = OneOff(self.colour.project, file=self._file, seconds=seconds + _SECONDS_TO_SPARE)
        return project.run(self.colour.host(deployed.definition.settings.jobs[JOB]), variables=variables)

    def _close(self, deployed: Deployed) -> None:
        for container in self._containers(deployed.definition.settings.routed):
            container.stop()

    def _containers(self, services: Sequence[str]) -> list[Container]:
        """Those of these services that run."""
        docker = docker_client()
        names = [self.colour.container(service) for service in services]
        return [container for name in names for container in docker.containers.list(filters={"name": f"^/{name}$"})]

    @property
    def _file(self) -> str:
        return self.env.path("compose", f"{self.colour.name}.yml")


def _access_by_password(settings: Settings) -> dict[str, Access | None]:
    """How the application is told each password that it has."""
    database = settings.database
    told: dict[str, Access | None] = {"db_app_password": database, "cache_app_password": settings.cache}
    return {**told, "db_migrate_password": database} if database and database.changes_schema else told


def _nothing(warnings: list[str] | None = None) -> Outcome:
    return Outcome(changed=False, facts={"told": {}}, warnings=warnings or [])


def _outcome(ended: Ended) -> Outcome:
    """The job may say in its last line, as a JSON object, how much it handed over."""
    return Outcome(changed=bool(ended.told.get("handed_over")), facts={"told": ended.told})
