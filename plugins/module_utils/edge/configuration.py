"""The edge and its files on the host: a configuration goes live only after the edge's own nginx has accepted it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.compose import PLACEHOLDER
from ansible_collections.echobase.platform.plugins.module_utils.edge.log_folder import EdgeLogFolder
from ansible_collections.echobase.platform.plugins.module_utils.edge.pages import page_files
from ansible_collections.echobase.platform.plugins.module_utils.edge.servers import (
    COMPOSE,
    SOCKETS_COMPOSE,
    EdgeServers,
    EdgeStep,
    edge_steps,
)
from ansible_collections.echobase.platform.plugins.module_utils.edge.trial import NginxTrial
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes

_EDGE = "edge"
_NEXT = "edge-next"
_SOCKETS = "edge-sockets"
_LOG = "edge-log"
_CERTIFICATE = "tls/edge/tls.crt"
# How a listening address of the sixth version begins, in nginx's configuration and in that of the sockets.
_ANY_IPV6 = "[::]:"


@dataclass(frozen=True)
class EdgeFile:
    name: str
    content: str

    @property
    def is_for_nginx(self) -> bool:
        return self.name.startswith(f"{_EDGE}/")

    @property
    def is_read_when_starting(self) -> bool:
        return self.is_for_nginx and not self.name.startswith(f"{_EDGE}/pages/")


@dataclass(frozen=True)
class Changes:
    outdated: list[EdgeFile]
    steps: tuple[EdgeStep, ...] = ()
    lays_table: bool = False
    hides_log: bool = False

    def __bool__(self) -> bool:
        return bool(self.outdated or self.steps or self.lays_table or self.hides_log)

    @property
    def described(self) -> list[str]:
        return [
            *(f"write {file.name}" for file in self.outdated),
            *(["lay the empty routing table"] if self.lays_table else []),
            *([f"let nobody but the operators' desk read {_LOG}"] if self.hides_log else []),
            *(step.value for step in self.steps),
        ]


@dataclass(frozen=True)
class WantedEdge:
    """What the edge should be. Its Compose files have a placeholder for the digest."""

    configuration: str
    compose: str
    sockets_compose: str

    def without_ipv6(self) -> WantedEdge:
        """Whoever wrote them may not know the host: each such address stands on a line of its own."""
        return replace(self, configuration=_without_ipv6(self.configuration), sockets_compose=_without_ipv6(self.sockets_compose))


class EdgeConfiguration:
    def __init__(self, env: Environment, servers: EdgeServers, trial: NginxTrial) -> None:
        self._env = env
        self._home = Path(env.home)
        self._servers = servers
        self._trial = trial
        self._routes = NginxRoutes(env.path("routes"))
        self._log = EdgeLogFolder(self._home / _LOG)

    def ensure(self, wanted: WantedEdge, check: bool) -> Outcome:
        missing = [name for name in (_CERTIFICATE, "tls/ca.crt") if not (self._home / name).exists()]
        if missing and not check:
            raise Refusal(f"{self._env.path(missing[0])} does not exist", f"run {playbook('setup_durable')} first")
        self._servers.refuse_obstacles()
        nginx_files = self._nginx_files(wanted.configuration)
        digest = self._digest(wanted.compose, nginx_files)
        sockets_digest = digest_of([wanted.sockets_compose])
        files = [
            EdgeFile(COMPOSE, wanted.compose.replace(PLACEHOLDER, digest)),
            EdgeFile(SOCKETS_COMPOSE, wanted.sockets_compose.replace(PLACEHOLDER, sockets_digest)),
            *nginx_files,
        ]
        changes = Changes(
            outdated=[file for file in files if self._read(file.name) != file.content],
            steps=edge_steps(self._servers.observe(digest, sockets_digest)),
            lays_table=not self._routes.exists(),
            hides_log=bool(self._log.outdated()),
        )
        before = {file.name: self._read(file.name) for file in changes.outdated}
        if {EdgeStep.START, EdgeStep.REPLACE} & set(changes.steps) and not missing and self._trial.is_possible():
            self._try(nginx_files)
        if not check and changes:
            self._apply(changes, nginx_files)
        return Outcome(
            changed=bool(changes),
            before="".join(_shown(file.name, before[file.name]) for file in changes.outdated),
            after="".join(_shown(file.name, file.content) for file in changes.outdated),
            facts={"steps": changes.described},
        )

    def remove(self, check: bool) -> Outcome:
        """Removes the edge's containers and configuration. Its logs and the routing table stay."""
        containers = [container for container in self._servers.all if container.exists()]
        for container in containers:
            container.refuse_foreign()
        names = [name for name in (COMPOSE, SOCKETS_COMPOSE, _EDGE, _NEXT, _SOCKETS) if (self._home / name).exists()]
        steps = [f"remove {name}" for name in (*(container.name for container in containers), *names)]
        if not check:
            for container in containers:
                container.remove()
            for name in names:
                self._delete(name)
        return Outcome(changed=bool(steps), before="".join(f"{step}\n" for step in steps), facts={"steps": steps})

    def _nginx_files(self, configuration: str) -> list[EdgeFile]:
        return [
            EdgeFile(f"{_EDGE}/nginx.conf", configuration),
            EdgeFile(f"{_EDGE}/ca.crt", self._read("tls/ca.crt")),
            *(EdgeFile(f"{_EDGE}/pages/{name}", content) for name, content in page_files().items()),
        ]

    def _digest(self, compose: str, files: Iterable[EdgeFile]) -> str:
        read = (f"{file.name}\0{file.content}" for file in files if file.is_read_when_starting)
        return digest_of([compose, self._read(_CERTIFICATE), *read])

    def _try(self, files: list[EdgeFile]) -> None:
        candidate = self._home / ".edge-candidate"
        try:
            self._write_copy(files, candidate)
            complaint = self._trial.complaint({candidate: "/edge", self._home / "tls" / "edge": "/tls"})
        finally:
            shutil.rmtree(candidate, ignore_errors=True)
        if complaint:
            raise Refusal(
                f"nginx refuses the edge's new configuration: {complaint}",
                "the edge goes on with its old one; correct the option of role edge or the file in roles/edge/templates/nginx",
            )

    def _apply(self, changes: Changes, nginx_files: list[EdgeFile]) -> None:
        self._write(file for file in changes.outdated if not file.is_for_nginx)
        if changes.lays_table:
            self._routes.initialise()
        self._log.converge()
        (self._home / _SOCKETS).mkdir(mode=0o700, exist_ok=True)

        def write_for_nginx() -> None:
            self._write(file for file in changes.outdated if file.is_for_nginx)

        def start() -> None:
            write_for_nginx()
            self._servers.start_edge()

        actions: dict[EdgeStep, Callable[[], None]] = {
            EdgeStep.HOLD: self._servers.hold_sockets,
            EdgeStep.START: start,
            EdgeStep.SERVE_NEXT: lambda: self._serve_next(nginx_files),
            EdgeStep.REPLACE: lambda: self._servers.replace_edge(write_for_nginx),
            EdgeStep.DISMISS_NEXT: self._dismiss_next,
        }
        for step in changes.steps:
            actions[step]()
        if not {EdgeStep.START, EdgeStep.REPLACE} & set(changes.steps):
            # Pages, which nginx reads when they are asked for.
            write_for_nginx()
        if not self._servers.edge.runs():
            # The edge had to give up sockets that it could not share, so it is started here.
            self._servers.start_edge()
        # An nginx of an earlier version may have begun a new log meanwhile, which everybody could read.
        self._log.converge()

    def _serve_next(self, files: list[EdgeFile]) -> None:
        if self._servers.next.is_ready():
            # A run that was killed left this container behind. It serves, whatever it was made from.
            return
        self._servers.next.remove()
        self._write_copy(files, self._home / _NEXT)
        self._servers.serve_next()

    def _dismiss_next(self) -> None:
        self._servers.dismiss_next()
        self._delete(_NEXT)

    def _write_copy(self, files: list[EdgeFile], folder: Path) -> None:
        """A copy of the edge's folder, for another nginx."""
        shutil.rmtree(folder, ignore_errors=True)
        for file in files:
            path = folder / Path(file.name).relative_to(_EDGE)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.content, encoding="utf-8")

    def _write(self, files: Iterable[EdgeFile]) -> None:
        for file in files:
            path = self._home / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(path, file.content, mode=0o644)

    def _read(self, name: str) -> str:
        try:
            return (self._home / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def _delete(self, name: str) -> None:
        path = self._home / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def digest_of(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0\0".join(parts).encode()).hexdigest()


def _shown(name: str, content: str) -> str:
    return f"# {name}\n{content}\n" if content else ""


def _without_ipv6(content: str) -> str:
    return "".join(line for line in content.splitlines(keepends=True) if _ANY_IPV6 not in line)
