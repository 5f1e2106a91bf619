"""The Docker engine of this host with its companions: what is there, what is missing, and how to get it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.containers.daemon import (
    DetachedDaemon,
    start_by_systemd,
    systemd_runs,
)
from ansible_collections.echobase.platform.plugins.module_utils.host.apt_sources import (
    AptSource,
    Distribution,
    as_line,
    read_sources,
    sources_for,
)

# Debian 12 has Compose v1 only; the next release's package needs nothing newer than Debian 12's C library.
COMPOSE_SUITE = "trixie"
COMPOSE_SOURCE = Path("/etc/apt/sources.list.d/echobase-trixie.list")
COMPOSE_PIN = Path("/etc/apt/preferences.d/echobase-trixie")
_PIN = f"Package: *\nPin: release n={COMPOSE_SUITE}\nPin-Priority: 50\n"
_SERVICE_POLICY = Path("/usr/sbin/policy-rc.d")
_QUICK_SECONDS = 10


@dataclass(frozen=True)
class EngineFacts:
    """What this host has; an empty version means that it does not answer, or is not there."""

    engine_version: str
    compose_version: str
    has_daemon: bool
    has_client: bool
    has_mmdebstrap: bool
    # Why the engine does not answer, in its client's words.
    silence: str = ""

    @property
    def missing(self) -> list[str]:
        parts = {
            "engine": bool(self.engine_version) or self.has_daemon,
            "client": self.has_client,
            "compose": bool(self.compose_version),
            "mmdebstrap": self.has_mmdebstrap,
        }
        return [name for name, there in parts.items() if not there]


@dataclass(frozen=True)
class EnginePlan:
    packages: tuple[str, ...]
    # The package source that is added first; only Compose on Debian 12 needs one.
    extra_source: AptSource | None
    starts: bool

    @property
    def is_empty(self) -> bool:
        return not self.packages and not self.starts

    @property
    def steps(self) -> list[str]:
        steps = []
        if self.extra_source:
            steps.append(f"add the package source '{as_line(self.extra_source)}' at priority 50")
        if self.packages:
            steps.append(f"install {', '.join(self.packages)}")
        if self.starts:
            steps.append("start the engine")
        return steps


def gather(environment: Mapping[str, str]) -> EngineFacts:
    version, silence = "", ""
    try:
        version = str(docker_client(timeout=_QUICK_SECONDS).version()["Version"])
    except Refusal as refusal:
        silence = refusal.cause
    path = environment.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    return EngineFacts(
        engine_version=version,
        compose_version=_compose_version(),
        has_daemon=shutil.which("dockerd", path=path) is not None,
        has_client=shutil.which("docker", path=path) is not None,
        has_mmdebstrap=shutil.which("mmdebstrap", path=path) is not None,
        silence=silence,
    )


def plan_engine(facts: EngineFacts, host: Distribution, sources: Sequence[AptSource]) -> EnginePlan:
    packages: list[str] = []
    extra_source = None
    for part in facts.missing:
        if part == "engine":
            packages += ["docker.io", "iptables"]
        elif part == "client":
            # Debian 12 and Ubuntu ship it with the engine.
            packages.append("docker-cli" if _is_debian_13_or_newer(host) else "docker.io")
        elif part == "compose" and host.id == "ubuntu":
            packages.append("docker-compose-v2")
        elif part == "compose" and _is_debian_13_or_newer(host):
            packages.append("docker-compose")
        elif part == "compose":
            packages.append(f"docker-compose/{COMPOSE_SUITE}")
            if not any(source.suite == COMPOSE_SUITE for source in sources):
                extra_source = sources_for(COMPOSE_SUITE, host, list(sources))[0]
        elif part == "mmdebstrap":
            packages.append("mmdebstrap")
    if packages:
        packages.append("ca-certificates")
    return EnginePlan(tuple(dict.fromkeys(packages)), extra_source, starts=not facts.engine_version)


class DockerEngine:
    def __init__(self, progress: Progress, environment: Mapping[str, str], root: Path = Path("/")) -> None:
        self._progress = progress
        self._environment = environment
        self._root = root

    def running(self, check: bool) -> Outcome:
        facts = found = gather(self._environment)
        wanted = self._plan(found)
        if not wanted.is_empty:
            self._refuse_the_impossible(found, wanted)
        if not wanted.is_empty and not check:
            self._apply(wanted)
            facts = gather(self._environment)
        return Outcome(
            changed=not wanted.is_empty,
            before="".join(f"missing: {part}\n" for part in found.missing),
            after="".join(f"{step}\n" for step in wanted.steps),
            facts={"engine_version": facts.engine_version, "compose_version": facts.compose_version, "steps": wanted.steps},
        )

    def _plan(self, facts: EngineFacts) -> EnginePlan:
        if facts.engine_version and not facts.missing:
            return EnginePlan((), None, starts=False)
        return plan_engine(facts, Distribution.of_host(self._root), read_sources(self._root))

    def _refuse_the_impossible(self, facts: EngineFacts, wanted: EnginePlan) -> None:
        if not facts.engine_version and self._environment.get("DOCKER_HOST"):
            raise Refusal(f"DOCKER_HOST is set, but {facts.silence}", "start the engine that it names, or unset it")
        if "Permission denied" in facts.silence:
            raise Refusal(facts.silence, "become root: set ansible_become: true in the inventory")
        what = f"missing on this host: {', '.join(facts.missing)}" if facts.missing else facts.silence
        if os.geteuid() != 0:
            raise Refusal(f"{what}; only root can change that", "run with --become, or as root")
        if wanted.packages and shutil.which("apt-get") is None:
            raise Refusal(
                f"{what}; there is no apt-get to install it with",
                "install Docker Engine 20.10 or newer, Compose v2 and mmdebstrap yourself",
            )

    def _apply(self, wanted: EnginePlan) -> None:
        if wanted.extra_source:
            write_durably(COMPOSE_PIN, _PIN, mode=0o644)
            write_durably(COMPOSE_SOURCE, as_line(wanted.extra_source) + "\n", mode=0o644)
        if wanted.packages:
            self._install(wanted.packages)
        if wanted.starts and not _answers():
            self._progress.say("starting the Docker engine")
            if systemd_runs(self._root):
                start_by_systemd(_answers)
            else:
                DetachedDaemon().start(_answers)

    def _install(self, packages: Sequence[str]) -> None:
        self._progress.say("reading the package lists")
        # Another package source of this host may fail; what matters is whether our packages are found all the same.
        update = self._apt("update")
        self._progress.say(f"installing {', '.join(packages)}")
        with self._no_services_started():
            install = self._apt("install", "--yes", "--no-install-recommends", *packages)
        if install.returncode != 0:
            complaints = filter(None, map(_first_complaint, (update.stderr, install.stderr)))
            raise Refusal(
                f"cannot install {', '.join(packages)}: {'; '.join(complaints) or 'apt-get failed'}",
                "see that this host's package sources answer, then run again; or install Docker Engine, Compose v2 and mmdebstrap yourself",
            )

    def _apt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["apt-get", "--quiet", "--option=DPkg::Lock::Timeout=120", *arguments]
        environment = {**self._environment, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    @contextmanager
    def _no_services_started(self) -> Iterator[None]:
        """Keeps the package from starting services: without systemd it would try its init script, fail, and be left half configured."""
        if systemd_runs(self._root) or _SERVICE_POLICY.exists():
            yield
            return
        write_durably(_SERVICE_POLICY, "#!/bin/sh\nexit 101\n", mode=0o755)
        try:
            yield
        finally:
            _SERVICE_POLICY.unlink(missing_ok=True)


def _answers() -> bool:
    try:
        docker_client(timeout=_QUICK_SECONDS)
    except Refusal:
        return False
    return True


def _first_complaint(said: str) -> str:
    return next((line for line in said.splitlines() if line.startswith(("E:", "W:"))), "")


def _compose_version() -> str:
    try:
        command = ["docker", "compose", "version", "--short"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_QUICK_SECONDS)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return ""
    found = re.match(r"v?(\d+)\.\S+", done.stdout.strip())
    return found[0] if done.returncode == 0 and found and int(found[1]) >= 2 else ""


def _is_debian_13_or_newer(host: Distribution) -> bool:
    return host.id == "debian" and host.codename != "bookworm"
