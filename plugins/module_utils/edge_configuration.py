"""The edge's files on the host: a configuration goes live only after the edge's own nginx has accepted it."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.durable_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.edge_container import EdgeContainer
from ansible_collections.echobase.platform.plugins.module_utils.edge_pages import page_files
from ansible_collections.echobase.platform.plugins.module_utils.errors import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.topology import Environment

NGINX_UID = 101
_COMPOSE = "compose/edge.yml"
_SESSION = "secrets/edge/operator_session.conf"
_CERTIFICATE = "tls/edge/tls.crt"
# What nginx read when it last loaded; a reload that never came about is noticed by it.
_LOADED = "edge/loaded"


@dataclass(frozen=True)
class EdgeFile:
    name: str
    content: str
    is_secret: bool = False

    @property
    def is_read_when_loading(self) -> bool:
        return self.name.startswith(("edge/", "secrets/")) and not self.name.startswith("edge/pages/")


@dataclass(frozen=True)
class Plan:
    outdated: list[EdgeFile]
    loads: bool
    reloads: bool
    lays_table: bool

    @property
    def changes(self) -> bool:
        return bool(self.outdated) or self.loads or self.lays_table

    @property
    def steps(self) -> list[str]:
        steps = [f"write {file.name}" for file in self.outdated]
        if self.reloads:
            steps.append("reload the running edge gracefully")
        if self.lays_table:
            steps.append("lay the empty routing table")
        return steps


class EdgeConfiguration:
    def __init__(self, env: Environment, container: EdgeContainer) -> None:
        self._env = env
        self._home = Path(env.home)
        self._container = container
        self._routes = NginxRoutes(env.path("routes"))

    def ensure(self, configuration: str, compose: str, check: bool) -> Outcome:
        missing = [name for name in (_CERTIFICATE, "tls/ca.crt", "secrets/operator_session") if not (self._home / name).exists()]
        if missing and not check:
            raise Refusal(
                f"{self._env.path(missing[0])} does not exist", "run the roles secrets and tls first, as playbooks/setup_durable.yml does"
            )
        self._container.refuse_obstacles([self._env.edge_port, self._env.operators_port])
        files = self._files(configuration, compose)
        fingerprint = self._fingerprint(files)
        plan = self._plan(files, fingerprint)
        before = {file.name: self._read(file.name) for file in plan.outdated}
        if plan.loads and not missing and self._container.image_exists():
            self._test([file for file in files if file.is_read_when_loading])
        if not check:
            self._apply(plan, fingerprint)
        return Outcome(
            changed=plan.changes,
            before="".join(_shown(file, before[file.name]) for file in plan.outdated),
            after="".join(_shown(file, file.content) for file in plan.outdated),
            facts={"steps": plan.steps, "reloaded": plan.reloads},
        )

    def remove(self, check: bool) -> Outcome:
        present = [name for name in (_COMPOSE, "edge", _SESSION) if (self._home / name).exists()]
        steps = ["remove the container"] * self._container.exists() + [f"remove {name}" for name in present]
        if not check:
            self._container.remove()
            for name in present:
                path = self._home / name
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
        return Outcome(changed=bool(steps), before="".join(f"{step}\n" for step in steps), facts={"steps": steps, "reloaded": False})

    def _files(self, configuration: str, compose: str) -> list[EdgeFile]:
        session = self._read("secrets/operator_session").strip()
        return [
            EdgeFile(_COMPOSE, compose),
            EdgeFile("edge/nginx.conf", configuration),
            EdgeFile("edge/ca.crt", self._read("tls/ca.crt")),
            EdgeFile(_SESSION, operator_session_map(self._env.operator_cookie, session), is_secret=True),
            *(EdgeFile(f"edge/pages/{name}", content) for name, content in page_files().items()),
        ]

    def _fingerprint(self, files: list[EdgeFile]) -> str:
        digest = hashlib.sha256(self._read(_CERTIFICATE).encode())
        for file in files:
            if file.is_read_when_loading:
                digest.update(f"\0{file.name}\0{file.content}".encode())
        return digest.hexdigest()

    def _plan(self, files: list[EdgeFile], fingerprint: str) -> Plan:
        loads = self._read(_LOADED) != fingerprint
        return Plan(
            outdated=[file for file in files if self._read(file.name) != file.content],
            loads=loads,
            # Another image means another container, which loads the configuration by itself.
            reloads=loads and self._container.runs_wanted_image(),
            lays_table=not self._routes.exists(),
        )

    def _test(self, files: list[EdgeFile]) -> None:
        candidate = self._home / ".edge-candidate"
        shutil.rmtree(candidate, ignore_errors=True)
        candidate.mkdir(mode=0o700)
        try:
            for file in files:
                path = candidate / file.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(file.content, encoding="utf-8")
                path.chmod(0o600)
            complaint = self._container.test(
                {candidate / "edge": "/edge", candidate / "secrets" / "edge": "/run/secrets", self._home / "tls" / "edge": "/tls"}
            )
        finally:
            shutil.rmtree(candidate)
        if complaint:
            raise Refusal(
                f"nginx refuses the edge's new configuration: {complaint}",
                "the edge keeps its old one; mend the template or the option at fault",
            )

    def _apply(self, plan: Plan, fingerprint: str) -> None:
        for file in plan.outdated:
            path = self._home / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            if file.is_secret:
                write_durably(path, file.content, mode=0o400, owner=(NGINX_UID, NGINX_UID))
            else:
                write_durably(path, file.content, mode=0o644)
        if plan.lays_table:
            self._routes.initialise()
        if plan.reloads:
            self._container.reload()
        if plan.loads:
            write_durably(self._home / _LOADED, fingerprint, mode=0o644)

    def _read(self, name: str) -> str:
        try:
            return (self._home / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""


def operator_session_map(cookie: str, session: str) -> str:
    """What nginx needs to know an operator by the cookie that a login gave out."""
    return (
        f'map $cookie_{cookie} $operator_realm {{\n    "{session}" off;\n    default "echobase operators";\n}}\n'
        f'map "" $operator_session {{\n    default "{session}";\n}}\n'
    )


def _shown(file: EdgeFile, content: str) -> str:
    return f"# {file.name}\n{'(secret)' if file.is_secret and content else content}\n" if content else ""
