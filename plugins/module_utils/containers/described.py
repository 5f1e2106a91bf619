"""Containers that one Compose file describes, and what it takes to have them as it says.

Each carries a digest of the file that it was made from, so one question to the engine tells whether all is as it should be. Compose itself
needs seconds to find that out.
"""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import CONFIGURATION_LABEL, refuse_foreign
from ansible_collections.echobase.platform.plugins.module_utils.containers.compose import PLACEHOLDER, ComposeFile
from ansible_collections.echobase.platform.plugins.module_utils.containers.ours import listed_containers

if TYPE_CHECKING:
    from docker import DockerClient

_FILE_MODE = 0o600
_HEALTH = re.compile(r"\((?:health: )?(\w+)\)$")


def health_in(status: str) -> str:
    """The engine lists "Up 3 minutes (healthy)" or "Up 1 second (health: starting)"; an exit code in parentheses comes first, not last."""
    found = _HEALTH.search(status)
    return found.group(1) if found else "none"


def container_step(environment: str, name: str, digest: str, found: Mapping[str, Any] | None) -> str:
    """What it takes to have the container as it is described; empty when it is. `found` is the engine's summary of it."""
    if found is None:
        return f"make {name}"
    refuse_foreign("container", name, found["Labels"], environment)
    if found["Labels"].get(CONFIGURATION_LABEL) != digest:
        return f"make {name} anew"
    return "" if found["State"] == "running" else f"start {name}"


def _is_well(summary: Mapping[str, Any]) -> bool:
    """A container without a health check is well when it runs."""
    health = health_in(summary["Status"])
    return health == "healthy" or (health == "none" and summary["State"] == "running")


class DescribedContainers:
    """`text` has a placeholder for its own digest, in a label of each container that it describes.

    With `waits=False` nobody waits for the health that the engine tells, which is late by the pause between two checks: the caller asks.
    """

    def __init__(
        self, docker: DockerClient, environment: str, file: ComposeFile, text: str, names: Sequence[str], *, waits: bool = True
    ) -> None:
        self._docker = docker
        self._environment = environment
        self._file = file
        self._path = Path(file.path)
        self._names = names
        self._waits = waits
        self._digest = hashlib.sha256(text.encode()).hexdigest()
        self._content = text.replace(PLACEHOLDER, self._digest)

    def ensure(self, seconds: int, check: bool) -> Outcome:
        """Returns when all of them are healthy, or at least run."""
        before, found = self._written, self._found()
        steps = self._steps(found)
        if not check and (steps or (self._waits and not self._are_healthy(found))):
            self._converge(seconds)
        is_news = before != self._content
        return Outcome(
            changed=bool(steps), before=before if is_news else "", after=self._content if is_news else "", facts={"steps": steps}
        )

    @property
    def _written(self) -> str:
        """The description on disk; it is empty when there is none."""
        try:
            return self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    @property
    def _is_written(self) -> bool:
        return self._written == self._content and stat.S_IMODE(self._path.stat().st_mode) == _FILE_MODE

    def _steps(self, found: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """The steps that are needed: what has to be written, made, made anew, or started."""
        steps = [] if self._is_written else [f"write {self._path.name}"]
        return steps + [step for name in self._names if (step := container_step(self._environment, name, self._digest, found.get(name)))]

    def _are_healthy(self, found: Mapping[str, Mapping[str, Any]]) -> bool:
        return all(name in found and _is_well(found[name]) for name in self._names)

    def _converge(self, seconds: int) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if not self._is_written:
            write_durably(self._path, self._content, mode=_FILE_MODE)
        if self._waits:
            self._file.up_and_wait(seconds)
        else:
            self._file.up_all()

    def _found(self) -> dict[str, Mapping[str, Any]]:
        return dict(listed_containers(self._docker, *(f"^/{name}$" for name in self._names)))
