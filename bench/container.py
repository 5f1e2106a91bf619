"""A container of a benchmark: on the host's network, removed when the benchmark ends."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client

PREFIX = "zz-bench-"
# Seconds that no command takes.
_PATIENCE = 180


@dataclass
class Container:
    name: str
    image: str
    command: Sequence[str]
    # Folder or file of this machine -> path in the container, read-only.
    reads: Mapping[Path, str] = field(default_factory=dict)
    # The same, writable: for a socket that both sides use.
    shares: Mapping[Path, str] = field(default_factory=dict)
    # Cores it may use, such as "0"; empty means all.
    cores: str = ""
    # Another container's, or the host's.
    network: str = "host"

    @property
    def full_name(self) -> str:
        return PREFIX + self.name

    def start(self) -> None:
        self.stop()
        line = ["run", "--detach", "--name", self.full_name, "--network", self.network]
        line += ["--cpuset-cpus", self.cores] if self.cores else []
        for path, inside in self.reads.items():
            line += ["--volume", f"{path}:{inside}:ro"]
        for path, inside in self.shares.items():
            line += ["--volume", f"{path}:{inside}"]
        docker(*line, self.image, *self.command)

    def stop(self) -> None:
        remove(self.full_name)

    def run(self, *command: str) -> str:
        return docker("exec", self.full_name, *command)

    def signal(self, name: str) -> None:
        docker_client().api.kill(self.full_name, name)

    def logs(self) -> str:
        return docker("logs", "--tail", "20", self.full_name)


def docker(*arguments: str) -> str:
    done = subprocess.run(
        ["docker", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=_PATIENCE, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"docker {' '.join(arguments)} failed: {done.stdout.strip()}")
    return done.stdout


def remove(name: str) -> None:
    subprocess.run(["docker", "rm", "--force", "--volumes", name], capture_output=True, check=False)


def remove_leftovers() -> None:
    """Of a run that was killed."""
    for name in docker("ps", "--all", "--format", "{{.Names}}").split():
        if name.startswith(PREFIX):
            remove(name)


def pin(name: str, cores: str) -> None:
    docker("update", "--cpuset-cpus", cores, name)


def cpu_seconds(name: str) -> float:
    """All CPU time that the container's processes have used, as the kernel accounts for it."""
    used = docker_client().api.stats(name, stream=False, one_shot=True)["cpu_stats"]["cpu_usage"]["total_usage"]
    return float(used) / 1e9


def memory_bytes(name: str) -> int:
    """What the container's processes hold, as `docker stats` tells it: files that the kernel would give back at once are left out."""
    memory = docker_client().api.stats(name, stream=False, one_shot=True)["memory_stats"]
    files = memory["stats"].get("total_inactive_file", memory["stats"].get("inactive_file", 0))
    return int(memory["usage"]) - int(files)
