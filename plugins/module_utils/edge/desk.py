"""The operators' desk: its folders, its Compose file, its container."""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.compose import ComposeError, ComposeFile
from ansible_collections.echobase.platform.plugins.module_utils.containers.described import DescribedContainers
from ansible_collections.echobase.platform.plugins.module_utils.edge.container import EdgeContainer
from ansible_collections.echobase.platform.plugins.module_utils.edge.log_folder import EdgeLogFolder
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import APPLICATION
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

if TYPE_CHECKING:
    from docker import DockerClient

COMPOSE = "compose/desk.yml"
_SESSIONS = "desk"
_SESSIONS_MODE = 0o700
_LOG = "edge-log"


class OperatorsDesk:
    def __init__(self, env: Environment, container: EdgeContainer) -> None:
        self._env = env
        self._home = Path(env.home)
        self._container = container
        self._sessions = self._home / _SESSIONS
        self._log = EdgeLogFolder(self._home / _LOG)

    def described(self, docker: DockerClient, compose: str) -> DescribedContainers:
        file = ComposeFile(self._env.durable_project, self._env.path(COMPOSE))
        return DescribedContainers(docker, self._env.name, file, compose, [self._env.desk_container])

    def ensure(self, described: DescribedContainers, seconds: int, check: bool) -> Outcome:
        folders = [f"give folder {folder} to those who need it alone" for folder in self._outdated_folders()]
        if folders and not check:
            self._lay_folders()
        try:
            outcome = described.ensure(seconds, check)
        except ComposeError:
            if not self._container.exists():
                raise
            raise Refusal(
                f"{self._container.name} is not healthy after {seconds} s: {self._container.last_words()}",
                f"see `docker logs {self._container.name}`",
            ) from None
        return replace(outcome, changed=outcome.changed or bool(folders), facts={"steps": folders + outcome.facts["steps"]})

    def remove(self, check: bool) -> Outcome:
        """Sessions go with it. A container of that name that is not ours stays."""
        is_there = self._container.is_ours()
        names = [name for name in (COMPOSE, _SESSIONS) if (self._home / name).exists()]
        steps = [f"remove {name}" for name in (*([self._container.name] if is_there else []), *names)]
        if not check:
            # Compose is not used for this: `down` would take the whole project, and the database with it.
            if is_there:
                self._container.remove()
            (self._home / COMPOSE).unlink(missing_ok=True)
            shutil.rmtree(self._sessions, ignore_errors=True)
        return Outcome(changed=bool(steps), before="".join(f"{step}\n" for step in steps), facts={"steps": steps})

    def _outdated_folders(self) -> list[str]:
        return [*([] if _is_private(self._sessions) else [_SESSIONS]), *([_LOG] if self._log.outdated() else [])]

    def _lay_folders(self) -> None:
        self._sessions.mkdir(parents=True, exist_ok=True)
        os.chown(self._sessions, APPLICATION, APPLICATION)
        self._sessions.chmod(_SESSIONS_MODE)
        self._log.converge()


def _is_private(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    found = folder.stat()
    return (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (APPLICATION, APPLICATION, _SESSIONS_MODE)
