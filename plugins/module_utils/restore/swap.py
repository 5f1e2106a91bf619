"""Putting one generation of a database's data in the place of another: the server stops, a link moves, the server starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.base.waiting import wait_until
from ansible_collections.echobase.platform.plugins.module_utils.containers.stop import stop_server
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.database.login import AccessDeniedError, NotReadyError
from ansible_collections.echobase.platform.plugins.module_utils.database.writer_fence import WriterFence
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.trial_server import server_container
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import application_login
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import database_server_lock
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.storage.generations import DataVolume

if TYPE_CHECKING:
    from docker import DockerClient

_READY_SECONDS = 300.0


def ignore_step(_step: str) -> None:
    """For callers that do not need to know how far a run is."""


def published_volume(docker: DockerClient, env: Environment, engine: str) -> DataVolume:
    image = server_container(docker, env, engine)["Image"]
    return DataVolume(docker, env.name, env.server(engine).volume, image)


def ways_on(volume: str) -> str:
    return f"{playbook('restore', restore_confirm=volume)} goes on, {playbook('restore', restore_state='abandoned')} goes back"


@dataclass(frozen=True)
class GenerationSwap:
    """Each step may be done twice, so whoever finds it half done does it again."""

    docker: DockerClient
    env: Environment
    console: ServerConsole
    progress: Progress
    # This is called with the name of each step that is done; tests end the process there.
    reached: Callable[[str], None] = ignore_step
    # The commands that a user is told where the swap ends half-way.
    way_on: str = ""

    def to(self, generation: str) -> None:
        volume = published_volume(self.docker, self.env, self.console.engine.name)
        container = self.console.container
        with database_server_lock(self.env.name):
            self.reached("swapping")
            if volume.generations().current != generation:
                self.progress.say(f"generation {generation} takes over")
                stop_server(self.docker, container)
                self.reached("stopped")
                volume.serve(generation)
            self.reached("swapped")
            self.docker.api.start(container)
            self.reached("started")
        self.open()

    def await_root(self) -> None:
        self._await("its root cannot log in", self.console.is_answering)

    def open(self) -> None:
        self.await_root()
        WriterFence(self.env, self.console).open()
        self.reached("opened")
        self._await("the application cannot log in", self._application_logs_in)

    def _application_logs_in(self) -> bool:
        try:
            application_login(self.env, self.console.engine.name).attempt()
        except NotReadyError:
            return False
        except AccessDeniedError as error:
            raise Refusal(
                f"{self.console.container} refuses the application: {error}", f"run {playbook('setup_durable')}, then this again"
            ) from error
        return True

    def _await(self, otherwise: str, condition: Callable[[], bool]) -> None:
        if not wait_until(condition, _READY_SECONDS):
            raise Refusal(
                f"{self.console.container} is not ready after {_READY_SECONDS:.0f} s: {otherwise}",
                f"see docker logs {self.console.container}; {self.way_on or ways_on(self.env.server(self.console.engine.name).volume)}",
            )
