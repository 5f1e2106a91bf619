"""Another password for the administrator of a durable database, while it serves.

At no moment is the password that is kept one that the server refuses: for a while it takes both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.ours import our_container
from ansible_collections.echobase.platform.plugins.module_utils.credentials.environment_secrets import EnvironmentSecrets
from ansible_collections.echobase.platform.plugins.module_utils.credentials.secret_kinds import FIRST_ROOT_PASSWORD, KINDS
from ansible_collections.echobase.platform.plugins.module_utils.database.accounts import NEXT_ROOT_PASSWORD
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.running_server import RunningServer
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engines
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import database_server_lock
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.restore.journal import GenerationJournal
from ansible_collections.echobase.platform.plugins.module_utils.restore.swap import ignore_step
from ansible_collections.echobase.platform.plugins.module_utils.rotation.kinds import ROOT_PASSWORD

if TYPE_CHECKING:
    from docker import DockerClient


@dataclass(frozen=True)
class RootPasswordRotation:
    """Each step may be done twice: whoever finds it half-done runs all of it again."""

    docker: DockerClient
    env: Environment
    engine: str
    secrets: EnvironmentSecrets
    # This is called with the name of each step that is done; tests end the process there.
    reached: Callable[[str], None] = ignore_step

    def run(self, check_mode: bool) -> Outcome:
        GenerationJournal(self.env).refuse_under_way()
        servers = list(self._running())
        for server in servers:
            self._refuse_unfit(server)
        container = self.env.server(self.engine).container
        if container not in [server.container for server in servers] or ROOT_PASSWORD not in self.secrets.known():
            raise Refusal(f"{container} does not run, and has to take the password", f"run {playbook('setup_durable')} first")
        if not check_mode:
            with database_server_lock(self.env.name):
                self._rotate(servers)
        return Outcome(changed=True)

    def _rotate(self, servers: list[RunningServer]) -> None:
        known = self.secrets.known()
        following = known.get(NEXT_ROOT_PASSWORD) or KINDS[ROOT_PASSWORD].generate()
        self.secrets.change({NEXT_ROOT_PASSWORD: following})
        self.reached("kept")
        self._apply(servers)
        self.reached("both taken")
        first = known.get(FIRST_ROOT_PASSWORD, known[ROOT_PASSWORD])
        self.secrets.change({ROOT_PASSWORD: following, FIRST_ROOT_PASSWORD: first}, dropped=[NEXT_ROOT_PASSWORD])
        self.reached("changed")
        self._apply(servers)

    def _apply(self, servers: list[RunningServer]) -> None:
        for server in servers:
            server.apply_accounts()

    def _running(self) -> Iterator[RunningServer]:
        """Gives the servers that run. While data move from one engine to the other there are two of them, and one password."""
        for engine in engines():
            server = RunningServer(self.docker, self.env, engine, self.env.server(engine.name).container)
            container = self._container(server)
            if container is not None and container["State"]["Running"]:
                yield server

    def _refuse_unfit(self, server: RunningServer) -> None:
        name = server.container
        container = self._container(server)
        if container and not server.engine.takes_new_root_password(container["Config"]["Cmd"]):
            raise Refusal(
                f"{name} was made by a version that could not rotate {ROOT_PASSWORD}, and would not serve data of before again",
                f"run {playbook('setup_durable', durable_db_recreate='always')}, which restarts it, then this again",
            )
        if not ServerConsole(server.engine, self.env).is_answering():
            raise Refusal(
                f"{name} does not let its administrator in",
                f"run {playbook('setup_durable', durable_db_state='stopped')}, then {playbook('setup_durable')}:"
                " it starts with the password that is kept",
            )

    def _container(self, server: RunningServer) -> dict[str, Any] | None:
        return our_container(self.docker, self.env.name, server.container)
