"""The real edge from the role's own templates: on throw-away ports, in a throw-away state folder, before upstreams of the test's choice."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from ansible_collections.echobase.platform.plugins.module_utils.edge_configuration import operator_session_map
from ansible_collections.echobase.platform.plugins.module_utils.edge_pages import page_files
from ansible_collections.echobase.platform.plugins.module_utils.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.topology import as_facts, environment
from integration.throwaway_tls import make_certificates

ROLE = Path(__file__).resolve().parents[2] / "roles" / "edge"
NGINX_UID = 101
OPERATOR_PASSWORD = "correct horse"
OPERATOR_SESSION = "s3ss10n0fth30perat0rs"
# Its hash with cost 4, so that a test is quick.
_HTPASSWD = "operator:$2y$04$ueEvPre.VE8z34JRVmEX3eE7zrm19bk53KJVti0GijtkvHzDMtwcW\n"


@dataclass
class EdgeUnderTest:
    facts: dict[str, Any]
    image: str

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
        variables |= {"edge_hsts": False, "edge_ipv6": Path("/proc/net/if_inet6").exists(), "edge_max_body": "1m"}
        loader = jinja2.FileSystemLoader(ROLE / "templates")
        templates = jinja2.Environment(loader=loader, trim_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
        return templates.get_template(template).render(variables)

    def start(self) -> None:
        self._write_files()
        self.routes.initialise()
        self.compose("up", "--detach", "--no-build", "--pull", "never")
        self.await_ready()

    def stop(self) -> None:
        self.compose("down", "--timeout", "2")

    def compose(self, *arguments: str) -> None:
        command = ["docker", "compose", "--project-name", self.facts["durable_project"], "--file", str(self.home / "compose" / "edge.yml")]
        done = subprocess.run([*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert done.returncode == 0, done.stdout

    def await_ready(self, seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while self.state()["Health"]["Status"] != "healthy":
            assert time.monotonic() < end, self.logs()
            time.sleep(0.1)

    def state(self) -> dict[str, Any]:
        shown = subprocess.run(["docker", "inspect", "--format", "{{json .State}}", self.container], check=True, capture_output=True)
        return dict(json.loads(shown.stdout))

    def logs(self) -> str:
        done = subprocess.run(["docker", "logs", self.container], check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.stdout

    def tls_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca_file))

    def _write_files(self) -> None:
        for folder in ("edge", "routes", "secrets/edge", "compose"):
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        make_certificates(self.home / "tls", [colour["tls_name"] for colour in self.facts["colours"].values()])
        (self.home / "edge" / "nginx.conf").write_text(self.render("nginx.conf.j2"))
        (self.home / "edge" / "ca.crt").write_bytes(self.ca_file.read_bytes())
        pages = self.home / "edge" / "pages"
        pages.mkdir(exist_ok=True)
        for name, content in page_files().items():
            (pages / name).write_text(content)
        secrets = self.home / "secrets" / "edge"
        (secrets / "operators.htpasswd").write_text(_HTPASSWD)
        (secrets / "operator_session.conf").write_text(operator_session_map(self.facts["operator_cookie"], OPERATOR_SESSION))
        for secret in secrets.iterdir():
            os.chown(secret, NGINX_UID, NGINX_UID)
            secret.chmod(0o400)
        (self.home / "compose" / "edge.yml").write_text(self.render("compose.yml.j2"))


def edge_facts(home: Path, name: str, port: int, network_prefix: str) -> dict[str, Any]:
    """The facts of environment test with everything that could meet a real one replaced.

    With network prefix 127.x the colours' addresses are this host's own, so a test can answer there itself.
    """
    return as_facts(environment("test", str(home), network_prefix)) | {
        "durable_project": f"zz-edge-{name}",
        "edge_container": f"zz-edge-{name}",
        "edge_port": port,
        "operators_port": port + 1000,
    }


@contextmanager
def running_edge(facts: dict[str, Any], image: str) -> Iterator[EdgeUnderTest]:
    edge = EdgeUnderTest(facts, image)
    try:
        edge.start()
        yield edge
    finally:
        edge.stop()
