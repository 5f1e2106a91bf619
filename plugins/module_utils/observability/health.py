"""Whether what watches an environment answers. The makers' own images have nothing inside that could ask, so this machine does."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.containers.ours import listed_containers
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import COLLECTOR_TLS_NAME, Environment
from ansible_collections.echobase.platform.plugins.module_utils.host.https_client import HttpsClient, NoAnswerError
from ansible_collections.echobase.platform.plugins.module_utils.observability.log_store import LOG_STORES

if TYPE_CHECKING:
    from docker import DockerClient

# Those without an address of their own are asked at the one that they have now: port and path.
_ELSEWHERE: Mapping[str, tuple[int, str]] = {
    "collector": (13133, "/"),
    "container-reader": (13133, "/"),
    "node-exporter": (9100, "/"),
    "database-exporter": (9104, "/"),
    "replica-exporter": (9104, "/"),
    "cache-exporter": (9121, "/health"),
    "environment-exporter": (9469, "/metrics"),
}
# A path of each tool that answers with 200 once it can do its work.
_PATHS: Mapping[str, str] = {
    "prometheus": "/prometheus/-/ready",
    "alertmanager": "/alertmanager/-/ready",
    "jaeger": "/jaeger/api/services",
    "grafana": "/grafana/api/health",
    "console": "/console/",
    **{store.service: store.health_path for store in LOG_STORES.values()},
}
_PATIENCE = 5


class Health:
    """Of these services; what cannot be asked is well while it runs."""

    def __init__(self, env: Environment, services: Collection[str]) -> None:
        self._env = env
        self._services = services

    def problems(self, docker: DockerClient) -> dict[str, str]:
        """What is wrong with which container; empty when all is well."""
        containers = listed_containers(docker, f"^/{self._env.observability_prefix}-")
        names = {service: self._env.observability_container(service) for service in self._services}
        found = {name: self._problem(service, containers.get(name)) for service, name in names.items()}
        return {name: problem for name, problem in found.items() if problem}

    def _problem(self, service: str, container: Mapping[str, Any] | None) -> str:
        if container is None:
            return "it is gone"
        if container["State"] != "running":
            return str(container["Status"])
        if service in _PATHS:
            tool = self._env.tools[service]
            return self._asked(tool.address, tool.port, tool.tls_name, _PATHS[service])
        if service in _ELSEWHERE:
            port, path = _ELSEWHERE[service]
            address = container["NetworkSettings"]["Networks"][self._env.observability_network.name]["IPAddress"]
            return self._asked(address, port, COLLECTOR_TLS_NAME, path)
        return ""

    def _asked(self, address: str, port: int, name: str, path: str) -> str:
        client = HttpsClient(address, port, self._env.path("tls", "ca.crt"), timeout=_PATIENCE, tls_name=name)
        try:
            answer = client.ask("GET", path)
        except NoAnswerError as error:
            return f"no answer ({error})"
        return "" if answer.status == 200 else f"it answers {path} with {answer.status}"
