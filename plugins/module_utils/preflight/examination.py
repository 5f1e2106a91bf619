"""Looks at the host, and gives everything that stands in the way at once."""

from __future__ import annotations

import getpass
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.byte_size import byte_size
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.containers.neighbours import Neighbours
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.host.apt_sources import Distribution
from ansible_collections.echobase.platform.plugins.module_utils.host.engine_socket import EngineSocket, NoEngineError
from ansible_collections.echobase.platform.plugins.module_utils.host.managed_python import insufficient
from ansible_collections.echobase.platform.plugins.module_utils.host.port_holder import holder_among
from ansible_collections.echobase.platform.plugins.module_utils.host.tcp_sockets import listening_at, open_in
from ansible_collections.echobase.platform.plugins.module_utils.preflight import checks
from ansible_collections.echobase.platform.plugins.module_utils.preflight.problem import NEEDED, OF_THE_CONTROLLER, Problem

_PLUGIN_FOLDERS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
_DOCKER_DATA = "/var/lib/docker"


@dataclass(frozen=True)
class Needs:
    """How much there has to be, as Docker writes sizes: where nothing of the environment runs yet, and where it does."""

    first_disk: str = "5g"
    disk: str = "1g"
    first_memory: str = "1500m"
    memory: str = "256m"


@dataclass
class Examination:
    """`env` is None where the inventory describes none, which whoever asks has told already."""

    purpose: str
    env: Environment | None
    # The folder above the environments'.
    home: str = "/"
    public_names: Sequence[str] = ()
    # The lowest version of each Python package, and the interpreter that role managed_python makes.
    packages: Mapping[str, str] = field(default_factory=dict)
    managed: str = ""
    needs: Needs = Needs()
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    root: Path = Path("/")

    def problems(self) -> list[Problem]:
        checks_here = [check for check in NEEDED[self.purpose] if check not in OF_THE_CONTROLLER]
        return [problem for check in checks_here for problem in getattr(self, f"_{check}")()]

    def _host(self) -> list[Problem]:
        try:
            return checks.host(Distribution.of_host(self.root))
        except Refusal as refusal:
            return [Problem("host", refusal.cause, refusal.remedy)]

    def _root(self) -> list[Problem]:
        return checks.root(os.geteuid(), getpass.getuser())

    def _python(self) -> list[Problem]:
        return checks.python(sys.executable, self.managed, insufficient(self.packages))

    def _engine(self) -> list[Problem]:
        if not self._socket.can_be_asked:
            return []
        try:
            return checks.engine(self._socket.ask("/version"))
        except NoEngineError as silence:
            is_installed = shutil.which("dockerd", path=f"{self.environment.get('PATH', '')}:/usr/sbin:/usr/local/sbin") is not None
            return checks.no_engine(silence, getpass.getuser(), is_installed, self.purpose == "setup")

    def _compose(self) -> list[Problem]:
        own = Path(self.environment.get("DOCKER_CONFIG") or Path.home() / ".docker", "cli-plugins")
        folders = [own, *(self.root / folder.lstrip("/") for folder in _PLUGIN_FOLDERS)]
        return checks.compose(any((folder / "docker-compose").exists() for folder in folders), self.purpose == "setup")

    def _disk(self) -> list[Problem]:
        wanted, option = (self.needs.first_disk, "preflight_first_disk") if self._is_first else (self.needs.disk, "preflight_disk")
        free: dict[int, tuple[str, int]] = {}
        for folder in (self.home, _DOCKER_DATA):
            place = _existing(self.root / folder.lstrip("/"))
            # Folders on one file system have its room together.
            free.setdefault(place.stat().st_dev, (folder, shutil.disk_usage(place).free))
        return checks.disk(dict(free.values()), byte_size(wanted, option), option)

    def _memory(self) -> list[Problem]:
        wanted, option = (self.needs.first_memory, "preflight_first_memory") if self._is_first else (self.needs.memory, "preflight_memory")
        lines = (self.root / "proc/meminfo").read_text(encoding="ascii").splitlines()
        available = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
        return checks.memory(available, byte_size(wanted, option), option)

    def _ports(self) -> list[Problem]:
        if self.env is None:
            return []
        try:
            Neighbours(self.env, self._owned_subnets).refuse_collisions()
        except Refusal as refusal:
            # That explains every port which that environment has.
            return [Problem("ports", refusal.cause, refusal.remedy)]
        return checks.ports(self.env.ports, self._holders(self.env.ports))

    def _names(self) -> list[Problem]:
        return checks.names(self.public_names)

    @cached_property
    def _socket(self) -> EngineSocket:
        return EngineSocket(self.environment)

    @cached_property
    def _containers(self) -> list[dict[str, Any]]:
        try:
            return list(self._socket.ask("/containers/json")) if self._socket.can_be_asked else []
        except NoEngineError:
            return []

    @property
    def _owned_subnets(self) -> list[tuple[str, str]]:
        """The subnets of the engine's networks, each with the environment that it belongs to."""
        try:
            networks = list(self._socket.ask("/networks")) if self._socket.can_be_asked else []
        except NoEngineError:
            return []
        return [
            (owner, part["Subnet"])
            for network in networks
            if (owner := (network.get("Labels") or {}).get(ENVIRONMENT_LABEL))
            for part in (network.get("IPAM") or {}).get("Config") or []
            if "." in part.get("Subnet", "")
        ]

    @cached_property
    def _own_containers(self) -> list[dict[str, Any]]:
        name = self.env.name if self.env else ""
        return [container for container in self._containers if (container.get("Labels") or {}).get(ENVIRONMENT_LABEL) == name]

    @property
    def _is_first(self) -> bool:
        return self.purpose == "setup" and not self._own_containers

    def _holders(self, wanted: Mapping[str, int]) -> dict[int, str]:
        """Who listens at these ports, without what is the environment's own."""
        listening = listening_at(wanted.values())
        if not listening:
            return {}
        published = {
            mapping["PublicPort"]: container for container in self._containers for mapping in container["Ports"] if "PublicPort" in mapping
        }
        own = [container["Id"] for container in self._own_containers]
        # What runs on the host's own network publishes nothing.
        own_sockets = open_in(self._processes(own)) if any(port not in published for port in listening) else set()
        holders = {}
        for port, inodes in listening.items():
            container = published.get(port)
            if container is not None and container["Id"] not in own:
                holders[port] = f"container {container['Names'][0].lstrip('/')}"
            elif container is None and not inodes & own_sockets:
                holders[port] = holder_among(inodes)
        return holders

    def _processes(self, containers: Sequence[str]) -> list[str]:
        processes: list[str] = []
        for container in containers:
            try:
                described = self._socket.ask(f"/containers/{container}/json")
            except NoEngineError:
                continue
            if described["HostConfig"]["NetworkMode"] == "host":
                processes += _with_children(str(described["State"]["Pid"]))
        return processes


def _with_children(process: str) -> list[str]:
    """Gives a process and all that it started, and they."""
    try:
        files = Path("/proc", process, "task").glob("*/children")
        children = [child for file in files for child in file.read_text(encoding="ascii").split()]
    except OSError:
        children = []
    return [process, *(one for child in children for one in _with_children(child))]


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())
