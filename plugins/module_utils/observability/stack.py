"""What watches an environment, as its description says: files, volumes, containers. A Compose project of its own."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.waiting import wait_until
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.containers.compose import ComposeFile
from ansible_collections.echobase.platform.plugins.module_utils.containers.described import container_step
from ansible_collections.echobase.platform.plugins.module_utils.containers.ours import listed_containers, our_volume, remove_our_container
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import OBSERVER
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.observability.description import FILES, Description
from ansible_collections.echobase.platform.plugins.module_utils.observability.health import Health

if TYPE_CHECKING:
    from docker import DockerClient

COMPOSE = "compose/observability.yml"
# Programs on this machine learn here where to send what they have to tell.
TELEMETRY = "telemetry.json"
_FILE_MODE, _FOLDER_MODE, _VOLUME_MODE = 0o640, 0o750, 0o2770


@dataclass(frozen=True)
class Plan:
    folders: tuple[Path, ...] = ()
    files: tuple[Path, ...] = ()
    # Files of before that nothing wants any more.
    outlived: tuple[Path, ...] = ()
    volumes: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    # Containers of before that the description does not have any more.
    superfluous: tuple[str, ...] = ()

    def steps(self, home: Path) -> list[str]:
        return [
            *(f"remove {name}" for name in self.superfluous),
            *(f"make volume {name}" for name in self.volumes),
            *(f"give folder {path.relative_to(home)} to those who need it alone" for path in self.folders),
            *(f"write {path.relative_to(home)}" for path in self.files),
            *(f"remove {path.relative_to(home)}" for path in self.outlived),
            *self.containers,
        ]


class ObservabilityStack:
    def __init__(self, docker: DockerClient, env: Environment) -> None:
        self._docker = docker
        self._env = env
        self._home = Path(env.home)
        self._folder = self._home / FILES
        self._compose = ComposeFile(env.observability_project, env.path(COMPOSE))

    def ensure(self, description: Description, health: Health, seconds: int, check: bool) -> Outcome:
        """Returns when all of it answers."""
        for service, path in description.given_files:
            _refuse_unreadable(service, path)
        contents = self._contents(description)
        plan = self._plan(description, contents)
        steps = plan.steps(self._home)
        before, after = self._written, description.compose
        if not check:
            self._apply(plan, contents, seconds)
            self._await(health, seconds)
        is_news = before != after
        return Outcome(bool(steps), before if is_news else "", after if is_news else "", {"steps": steps})

    def remove(self, remove_data: bool, check: bool) -> Outcome:
        """Volumes stay, unless the environment's data go as well."""
        containers = [name for name, found in self._found().items() if found["Labels"].get(ENVIRONMENT_LABEL) == self._env.name]
        volumes = self._volumes() if remove_data else [name for name in self._volumes() if not name.endswith("-data")]
        paths = [path for path in (self._folder, self._home / COMPOSE, self._home / TELEMETRY) if path.exists()]
        steps = [f"remove {name}" for name in (*containers, *volumes, *(str(path.relative_to(self._home)) for path in paths))]
        if not check:
            for name in containers:
                self._remove_container(name)
            for name in volumes:
                self._docker.api.remove_volume(name)
            for path in paths:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        return Outcome(changed=bool(steps), before="".join(f"{step}\n" for step in steps), facts={"steps": steps})

    def _contents(self, description: Description) -> dict[Path, str]:
        """All files, as they are going to be."""
        telemetry = {
            "endpoint": f"https://{self._env.collector_address}:4318",
            "authority": self._env.public_authority_file,
            "environment": self._env.name,
        }
        return {
            **{self._folder / name: content for name, content in description.files.items()},
            self._home / COMPOSE: description.compose,
            self._home / TELEMETRY: f"{json.dumps(telemetry, indent=2)}\n",
        }

    def _plan(self, description: Description, contents: Mapping[Path, str]) -> Plan:
        found = self._found()
        digests = description.digests
        # This comes first, since it refuses what is not ours.
        steps = [container_step(self._env.name, name, digest, found.get(name)) for name, digest in digests.items()]
        folders = {parent for path in contents for parent in path.parents if self._folder in (parent, *parent.parents)}
        kept = set(contents)
        return Plan(
            folders=tuple(folder for folder in sorted(folders | {self._folder / "rules"}) if not _is_given(folder)),
            files=tuple(path for path, content in contents.items() if not self._is_as_wanted(path, content)),
            outlived=tuple(path for path in sorted(self._folder.rglob("*")) if path.is_file() and path not in kept),
            volumes=tuple(name for name in description.volumes if our_volume(self._docker, self._env.name, name) is None),
            containers=tuple(step for step in steps if step),
            superfluous=tuple(name for name in found if name not in digests),
        )

    def _apply(self, plan: Plan, contents: Mapping[Path, str], seconds: int) -> None:
        for name in plan.superfluous:
            self._remove_container(name)
        for name in plan.volumes:
            self._make_volume(name)
        for folder in plan.folders:
            folder.mkdir(parents=True, exist_ok=True)
            os.chown(folder, 0, OBSERVER)
            folder.chmod(_FOLDER_MODE)
        for path in plan.files:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write(path, contents[path])
        for path in plan.outlived:
            path.unlink()
        if plan.containers:
            self._compose.up_and_wait(seconds)

    def _write(self, path: Path, content: str) -> None:
        if self._folder in path.parents:
            # A single file is mounted as what it was: another one in its place would not be seen, so its service is made anew.
            write_durably(path, content, mode=_FILE_MODE, owner=(0, OBSERVER))
        else:
            write_durably(path, content, mode=0o600)

    def _is_as_wanted(self, path: Path, content: str) -> bool:
        try:
            return path.read_text(encoding="utf-8") == content
        except FileNotFoundError:
            return False

    def _await(self, health: Health, seconds: int) -> None:
        problems: dict[str, str] = {}

        def is_well() -> bool:
            problems.clear()
            problems.update(health.problems(self._docker))
            return not problems

        if not wait_until(is_well, seconds, interval=0.5):
            name, problem = next(iter(problems.items()))
            raise Refusal(
                f"{name} is not ready after {seconds} s: {problem}", f"see `docker logs {name}`; nothing else of the environment needs it"
            )

    def _make_volume(self, name: str) -> None:
        volume = self._docker.api.create_volume(name, labels={ENVIRONMENT_LABEL: self._env.name})
        folder = Path(volume["Mountpoint"])
        os.chown(folder, OBSERVER, OBSERVER)
        # Root without its powers writes there by its group.
        folder.chmod(_VOLUME_MODE)

    def _volumes(self) -> list[str]:
        listed = self._docker.api.volumes(filters={"label": f"{ENVIRONMENT_LABEL}={self._env.name}"})["Volumes"] or []
        return sorted(volume["Name"] for volume in listed if volume["Name"].startswith(f"{self._env.observability_prefix}-"))

    def _remove_container(self, name: str) -> None:
        self._docker.api.stop(name)
        remove_our_container(self._docker, self._env.name, name)

    def _found(self) -> dict[str, Mapping[str, Any]]:
        return listed_containers(self._docker, f"^/{self._env.observability_prefix}-")

    @property
    def _written(self) -> str:
        try:
            return (self._home / COMPOSE).read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""


def _refuse_unreadable(service: str, path: Path) -> None:
    """The engine would make a folder of a name that is not there."""
    if not path.is_file():
        raise Refusal(f"{path}, which {service} is to read, is not there", "make that file, or correct the option that names it")
    found = path.stat()
    readers = {found.st_uid: stat.S_IRUSR}.get(OBSERVER, stat.S_IROTH | (stat.S_IRGRP if found.st_gid == OBSERVER else 0))
    if not found.st_mode & readers:
        raise Refusal(f"{path} is closed to user {OBSERVER}, as whom {service} runs", f"chgrp {OBSERVER} {path} && chmod g+r {path}")


def _is_given(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    found = folder.stat()
    return (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (0, OBSERVER, _FOLDER_MODE)
