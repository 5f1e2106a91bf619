"""The real edge from the role's own templates: on throw-away ports, in a throw-away state folder, before upstreams of the test's choice."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import yaml

from ansible_collections.echobase.platform.plugins.module_utils.application.edge_routes import routes_at
from ansible_collections.echobase.platform.plugins.module_utils.application.settings import BLOCK, Settings, SettingsReader
from ansible_collections.echobase.platform.plugins.module_utils.credentials.certificates import DESK_TLS_NAME
from ansible_collections.echobase.platform.plugins.module_utils.edge.log_folder import EdgeLogFolder
from ansible_collections.echobase.platform.plugins.module_utils.edge.pages import page_files
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import as_facts, environment
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from harness.throwaway_tls import make_certificates
from harness.waiting import eventually

CHECKOUT = Path(__file__).resolve().parents[2]
ROLE = CHECKOUT / "roles" / "edge"
ORDER_SYSTEM = CHECKOUT / "apps" / "orders" / "compose.yml"


@dataclass
class EdgeUnderTest:
    facts: dict[str, Any]
    image: str
    # The role's own variables, where a test wants other values.
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return Path(self.facts["home"])

    @property
    def container(self) -> str:
        return str(self.facts["edge_container"])

    @property
    def port(self) -> int:
        return int(self.facts["edge_port"])

    @property
    def operators_port(self) -> int:
        return int(self.facts["operators_port"])

    @property
    def ca_file(self) -> Path:
        return self.home / "tls" / "ca.crt"

    @property
    def routes(self) -> NginxRoutes:
        return NginxRoutes(self.home / "routes")

    def render(self, template: str) -> str:
        variables: dict[str, Any] = {"ansible_managed": "rendered by a test", "edge_topology": self.facts, "edge_image": self.image}
        templated = {
            "edge_ipv6": Path("/proc/net/if_inet6").exists(),
            "edge_telemetry": True,
            "edge_own_certificate": False,
            "edge_routes": order_system_at(self.facts),
        }
        variables = _role_defaults() | variables | templated | self.options
        loader = jinja2.FileSystemLoader(ROLE / "templates")
        templates = jinja2.Environment(loader=loader, trim_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
        return templates.get_template(template).render(variables)

    def start(self) -> None:
        self._write_files()
        self.routes.initialise()
        self.compose("up", "--detach", "--no-build", "--pull", "never")
        self.await_ready()

    @contextmanager
    def reconfigured(self, **options: Any) -> Iterator[None]:
        """Gives the running nginx other values of the role's variables for as long as the block lasts."""
        before = self.options
        self._reload(before | options)
        try:
            yield
        finally:
            self._reload(before)

    def stop(self) -> None:
        self.compose("down", "--timeout", "2")

    def compose(self, *arguments: str) -> None:
        files = [f"--file={self.home}/compose/{name}" for name in ("edge-sockets.yml", "edge.yml")]
        command = ["docker", "compose", "--project-name", self.facts["durable_project"], *files, *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert done.returncode == 0, done.stdout

    def await_ready(self, seconds: float = 20) -> None:
        eventually(lambda: self.state()["Health"]["Status"] == "healthy", self.logs, seconds, interval=0.1)

    def state(self) -> dict[str, Any]:
        shown = subprocess.run(["docker", "inspect", "--format", "{{json .State}}", self.container], check=True, capture_output=True)
        return dict(json.loads(shown.stdout))

    def logs(self) -> str:
        done = subprocess.run(["docker", "logs", self.container], check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.stdout

    def access_log(self) -> list[dict[str, Any]]:
        """Reads what is written so far. nginx keeps lines back for a second, and writes into the old log for a moment after a rotation."""
        logs = sorted((self.home / "edge-log").glob("access.log*"), reverse=True)
        return [json.loads(line) for log in logs for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def logged(self, trace_id: str) -> dict[str, Any]:
        return self.logged_requests({trace_id})[trace_id]

    def logged_requests(self, trace_ids: Collection[str], seconds: float = 20) -> dict[str, dict[str, Any]]:
        """Awaits the line of each of these requests."""
        # Makes nginx write what it keeps back, and open the file anew, as after a rotation.
        os.kill(self.state()["Pid"], signal.SIGUSR1)
        found: dict[str, dict[str, Any]] = {}

        def all_are_there() -> bool:
            found.update({line["trace_id"]: line for line in self.access_log() if line["trace_id"] in trace_ids})
            return len(found) == len(trace_ids)

        eventually(all_are_there, "the access log tells of each request", seconds)
        return found

    def tls_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca_file))

    def _reload(self, options: dict[str, Any]) -> None:
        self.options = options
        (self.home / "edge" / "nginx.conf").write_text(self.render("nginx.conf.j2"))
        before = self._workers()
        os.kill(self.state()["Pid"], signal.SIGHUP)
        eventually(lambda: not self._workers() & before, self.logs, 20)

    def _workers(self) -> set[str]:
        """Gives the workers that take new connections."""
        listing = subprocess.run(["docker", "top", self.container, "-eo", "pid,args"], check=True, capture_output=True, text=True).stdout
        return {line.split()[0] for line in listing.splitlines() if line.endswith("nginx: worker process")}

    def _write_files(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        EdgeLogFolder(self.home / "edge-log").converge()
        for folder in ("edge", "edge-sockets", "routes", "compose"):
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        names = [colour["tls_name"] for colour in self.facts["colours"].values()]
        names += [DESK_TLS_NAME, *(f"{name}.echobase.internal" for name in ("collector", *self.facts["tools"]))]
        make_certificates(self.home / "tls", names)
        (self.home / "edge" / "nginx.conf").write_text(self.render("nginx.conf.j2"))
        (self.home / "edge" / "ca.crt").write_bytes(self.ca_file.read_bytes())
        pages = self.home / "edge" / "pages"
        pages.mkdir(exist_ok=True)
        for name, content in page_files().items():
            (pages / name).write_text(content)
        (self.home / "compose" / "edge.yml").write_text(self.render("compose.yml.j2"))
        (self.home / "compose" / "edge-sockets.yml").write_text(self.render("sockets.yml.j2"))


def _role_defaults() -> dict[str, Any]:
    return dict(yaml.safe_load((ROLE / "defaults" / "main.yml").read_text()))


def routes_of(facts: dict[str, Any], settings: Mapping[str, Settings]) -> dict[str, Any]:
    """What role edge gets for these definitions of the colours."""
    return routes_at({name: colour["edge_addresses"] for name, colour in facts["colours"].items()}, settings)


def order_system_at(facts: dict[str, Any], **options: Any) -> dict[str, Any]:
    """`options`: of all its routes, where a test wants others."""
    settings = _order_system()
    settings = replace(settings, routes=tuple(replace(route, **options) for route in settings.routes))
    return routes_of(facts, dict.fromkeys(facts["colours"], settings))


def routes_settings(services: Collection[str], **block: Any) -> Settings:
    """An application of the test's own: its services, and its block x-echobase."""
    reader = SettingsReader(block, list(services))
    settings = reader.read()
    assert not reader.problems, reader.problems
    return settings


@cache
def _order_system() -> Settings:
    project = yaml.safe_load(ORDER_SYSTEM.read_text())
    return routes_settings(project["services"], **project[BLOCK])


def edge_facts(home: Path, name: str, port: int, network_prefix: str) -> dict[str, Any]:
    """The facts of environment test with everything that could meet a real one replaced.

    With network prefix 127.x the colours' addresses are this host's own, so a test can answer there itself.
    """
    return as_facts(environment("test", str(home), network_prefix)) | {
        "durable_project": f"zz-edge-{name}",
        "edge_container": f"zz-edge-{name}",
        "edge_next_container": f"zz-edge-{name}-next",
        "sockets_container": f"zz-edge-{name}-sockets",
        "edge_port": port,
        "operators_port": port + 1000,
    }


@contextmanager
def running_edge(facts: dict[str, Any], image: str, **options: Any) -> Iterator[EdgeUnderTest]:
    edge = EdgeUnderTest(facts, image, options)
    try:
        edge.start()
        yield edge
    finally:
        edge.stop()
