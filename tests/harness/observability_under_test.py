"""What watches environment test, on networks of its own: the real role, asked as Prometheus, Jaeger and the log store are asked."""

from __future__ import annotations

import ssl
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from ansible_collections.echobase.platform.plugins.module_utils.credentials.certificates import Certificates
from ansible_collections.echobase.platform.plugins.module_utils.credentials.environment_secrets import EnvironmentSecrets
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from ansible_collections.echobase.platform.plugins.module_utils.host.https_client import HttpsClient
from ansible_collections.echobase.platform.plugins.module_utils.observability.log_store import LOG_STORES, LogStore, Record
from harness.images_under_test import image_tag
from harness.role_run import RoleRun, run_roles

PREFIX = "10.243"
IMAGES = ("collector", "prometheus", "alertmanager", "jaeger", "victorialogs", "exporters", "nginx", "backend")
SERVICE = {"service.name": "api-gateway", "service.instance.id": "one", "echobase.colour": "blue", "echobase.release": "0.1.0-aa"}
_COLLECTOR = "collector.echobase.internal"


class ObservabilityUnderTest:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = environment("test", str(folder), PREFIX)
        self.home = Path(self.env.home)
        Certificates.of_environment(self.env).present(check=False)
        EnvironmentSecrets(self.env, None, data=lambda: ()).present(check=False)
        for name in ("edge-log", "routes", "metrics"):
            (self.home / name).mkdir(exist_ok=True)

    def run(self, *arguments: str, role: str = "observability", **variables: object) -> RoleRun:
        known = {
            "echobase_env": "test",
            "echobase_home": str(self.folder),
            "echobase_network_prefix": PREFIX,
            "observability_images": {name: image_tag(name) for name in IMAGES},
            "ansible_python_interpreter": sys.executable,
        }
        return run_roles(self.folder / "observability.yml", [f"echobase.platform.{role}"], known | variables, *arguments)

    def container(self, service: str) -> str:
        return self.env.observability_container(service)

    @property
    def containers(self) -> list[str]:
        return docker("ps", "-a", "--filter", f"name=^{self.env.observability_prefix}-", "--format", "{{.Names}}").split()

    @property
    def volumes(self) -> list[str]:
        return docker("volume", "ls", "--filter", f"name=^{self.env.observability_prefix}-", "--format", "{{.Name}}").split()

    def send(self, signal: str, content: Mapping[str, Any], port: int = 4318) -> httpx.Response:
        """Sends by OTLP as a program on this machine does. `signal` is traces, metrics or logs."""
        url = f"https://{self.env.collector_address}:{port}/v1/{signal}"
        return self._client.post(url, json=content, extensions={"sni_hostname": _COLLECTOR})

    def ask(self, tool: str, path: str, **params: Any) -> httpx.Response:
        """Asks a tool as the edge does, which expects the tool's own name in the certificate."""
        place = self.env.tools[tool]
        url = f"https://{place.address}:{place.port}/{tool}{path}"
        return self._client.get(url, params=params, extensions={"sni_hostname": place.tls_name})

    def post(self, tool: str, path: str, content: Any) -> httpx.Response:
        place = self.env.tools[tool]
        url = f"https://{place.address}:{place.port}/{tool}{path}"
        return self._client.post(url, json=content, extensions={"sni_hostname": place.tls_name})

    def trace(self, trace_id: str) -> list[dict[str, Any]]:
        """The spans of a trace, each with its resource's attributes among its own."""
        answer = self.ask("jaeger", f"/api/v3/traces/{trace_id}")
        if answer.status_code == 404:
            return []
        found = []
        for resource in answer.json()["result"]["resourceSpans"]:
            shared = _plain(resource["resource"].get("attributes", []))
            spans = [span for scope in resource["scopeSpans"] for span in scope["spans"]]
            found += [span | {"attributes": shared | _plain(span.get("attributes", []))} for span in spans]
        return found

    def series(self, query: str) -> list[tuple[dict[str, str], float]]:
        answer = self.ask("prometheus", "/api/v1/query", query=query).json()
        return [(one["metric"], float(one["value"][1])) for one in answer["data"]["result"]]

    def exemplars(self, query: str) -> list[dict[str, str]]:
        now = time.time()
        answer = self.ask("prometheus", "/api/v1/query_exemplars", query=query, start=now - 3600, end=now + 60).json()
        return [exemplar["labels"] for one in answer["data"] for exemplar in one["exemplars"]]

    @cached_property
    def log_store(self) -> LogStore:
        running = self.containers
        return next(store for store in LOG_STORES.values() if self.container(store.service) in running)

    def logs(self, filters: Mapping[str, str], limit: int = 100, since: timedelta = timedelta(hours=1)) -> list[Record]:
        tool = self.env.tools[self.log_store.service]
        client = HttpsClient(tool.address, tool.port, str(self.home / "tls" / "ca.crt"), tls_name=tool.tls_name)
        return self.log_store.query(client, filters, since, limit)

    @cached_property
    def _client(self) -> httpx.Client:
        return httpx.Client(verify=ssl.create_default_context(cafile=str(self.home / "tls" / "ca.crt")), timeout=10)

    def remove(self) -> None:
        self.run(observability_state="absent", observability_remove_data=True)
        self.run(role="networks", networks_state="absent")


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def printed(container: str, lines: int = 200) -> str:
    """What a container said last, on either stream."""
    command = ["docker", "logs", "--tail", str(lines), container]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout


def _plain(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {one["key"]: next(iter(one["value"].values())) for one in attributes}
