"""A release at work on a copy of the database: its gateway, its processor and its emulator, without a colour's ports and traffic."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.waiting import looks
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.host.https_client import HttpsClient
from ansible_collections.echobase.platform.plugins.module_utils.migrations.job import ReachableDatabase, hardened

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

# This is no colour's name: a release on a copy must not handle what waits in a colour's outbox.
REHEARSAL_COLOUR = "rehearsal"
_READY_SECONDS = 120.0
_GATEWAY_PORT = 8443
_EMULATOR_PORT = 4566


@dataclass(frozen=True)
class DeployedRelease:
    """`name` is what a user knows it by; the images are those of its containers."""

    name: str
    backend: str
    emulator: str


@dataclass(frozen=True)
class ReleaseOnCopy:
    docker: DockerClient
    env: Environment
    release: DeployedRelease
    database: ReachableDatabase

    @contextmanager
    def serving(self) -> Iterator[HttpsClient]:
        """Gives a client of the release's gateway once that is ready. All of the release is removed in the end."""
        backend, emulator = self.release.backend, self.release.emulator
        with self._container("emulator", emulator, [], "") as cloud:
            address = f"http://{cloud.name}:{_EMULATOR_PORT}"
            with (
                self._container("api-gateway", backend, ["python", "-m", "api_gateway"], address) as gateway,
                self._container("order-processor", backend, ["python", "-m", "order_processor"], address),
            ):
                client = self._client(gateway)
                self._await_ready(gateway, client)
                yield client

    @contextmanager
    def _container(self, service: str, image: str, command: list[str], cloud: str) -> Iterator[Container]:
        secret_folder = self.env.path("secrets", "app" if cloud else "emulator")
        published: dict[str, Any] = {"ports": {f"{_GATEWAY_PORT}/tcp": ("127.0.0.1", None)}} if service == "api-gateway" else {}
        container = self.docker.containers.create(
            image,
            command or None,
            name=f"echobase-{self.env.name}-rehearsal-{service}-{secrets.token_hex(3)}",
            restart_policy={"Name": "on-failure"},
            environment=self._variables(cloud),
            labels={ENVIRONMENT_LABEL: self.env.name},
            network=self.database.network,
            **hardened(self.env, {secret_folder: "/run/secrets", self.env.path("tls", "blue"): "/run/tls"}),
            **published,
        )
        try:
            container.start()
            yield container
        finally:
            container.remove(force=True, v=True)

    def _variables(self, cloud: str) -> dict[str, str]:
        name = self.env.name
        return {
            **self.database.variables(self.env, self.env.database_user),
            "ECHOBASE_ENV": name,
            "ECHOBASE_COLOUR": REHEARSAL_COLOUR,
            "ECHOBASE_RELEASE": self.release.name,
            "ECHOBASE_VERSION": self.release.name,
            "JWT_SECRET_ID": f"echobase/{name}/jwt",
            "JWT_KEY_FILE": "/run/secrets/jwt_key",
            "KMS_KEY_ID": f"alias/echobase-{name}",
            "ORDERS_QUEUE": f"echobase-{name}-{REHEARSAL_COLOUR}-orders",
            "AWS_ENDPOINT_URL": cloud,
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_SHARED_CREDENTIALS_FILE": "/run/secrets/cloud_credentials",
            "AWS_EC2_METADATA_DISABLED": "true",
            "TLS_CERT_FILE": "/run/tls/tls.crt",
            "TLS_KEY_FILE": "/run/tls/tls.key",
        }

    def _client(self, gateway: Container) -> HttpsClient:
        gateway.reload()
        binding = (gateway.ports[f"{_GATEWAY_PORT}/tcp"] or [{"HostPort": "0"}])[0]
        return HttpsClient("127.0.0.1", int(binding["HostPort"]), self.env.path("tls", "ca.crt"))

    def _await_ready(self, gateway: Container, client: HttpsClient) -> None:
        for _look in looks(_READY_SECONDS):
            problem = _problem(client)
            if not problem:
                return
        log = gateway.logs(tail=4).decode(errors="replace").splitlines()
        raise Refusal(
            f"release {self.release.name} does not get ready: {problem}; its last words: {' | '.join(log)}",
            "correct the release or the migration",
        )


def _problem(client: HttpsClient) -> str:
    try:
        answer = client.request("GET", "/ready")
    except Refusal as refusal:
        return refusal.cause
    return "" if answer.status == 200 else f"{answer.status} {answer.body.decode(errors='replace')}"
