"""A durable MariaDB in a container of this machine's Docker engine."""

from __future__ import annotations

import shutil
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ansible_collections.echobase.platform.plugins.module_utils.database_backend import DatabaseBackend, Observed, Server
from ansible_collections.echobase.platform.plugins.module_utils.database_login import (
    AccessDeniedError,
    CertificateRejectedError,
    DatabaseLogin,
    Login,
    NotReadyError,
)
from ansible_collections.echobase.platform.plugins.module_utils.docker_compose import ComposeFile
from ansible_collections.echobase.platform.plugins.module_utils.docker_host import CONFIGURATION_LABEL, ENVIRONMENT_LABEL, refuse_foreign
from ansible_collections.echobase.platform.plugins.module_utils.durable_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.errors import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.mariadb_server import (
    KEY_FINGERPRINT_LABEL,
    ROOT_PASSWORD_FILE,
    SERVICE,
    MariadbServer,
)
from ansible_collections.echobase.platform.plugins.module_utils.port_holder import port_holder

if TYPE_CHECKING:
    from docker import DockerClient

# `restart: unless-stopped` brings a server back after a crash; one that died this often while we waited will not come up.
_HOPELESS_RESTARTS = 4
_RUNNING = ("running", "restarting", "paused")
_STARTABLE = ("created", "exited")
# Runs a client as root. The password comes by a pipe of the shell, so it is in no argument and in no environment.
_AS_ROOT = (
    """exec "$0" --defaults-extra-file=<(printf '[client]\\nuser=root\\npassword="%s"\\n' """
    f""""$(sed 's/[\\\\"]/\\\\&/g' {ROOT_PASSWORD_FILE})") "$@" """
)


class DockerDatabase(DatabaseBackend):
    """`server.image` may be empty: then it is the one that was used last."""

    def __init__(self, docker: DockerClient, server: MariadbServer) -> None:
        self._docker = docker
        self._env = server.env
        self._compose_file = Path(self._env.path("compose", "durable-mariadb.yml"))
        self._my_cnf = Path(self._env.path("mariadb", "my.cnf"))
        self._server = server if server.image else replace(server, image=self._last_image())
        self._login = DatabaseLogin.of_application(self._env)

    @property
    def data_name(self) -> str:
        return self._env.mariadb_volume

    @property
    def server_name(self) -> str:
        return self._env.mariadb_container

    @property
    def endpoint(self) -> dict[str, Any]:
        return {"port": self._env.mariadb_port, "address": self._env.mariadb_address}

    @property
    def configuration(self) -> dict[str, Any]:
        return {"compose": self._server.compose, "my_cnf": self._server.my_cnf.splitlines()}

    def observe(self, with_login: bool) -> Observed:
        container = self._container()
        server = _server_state(container)
        drifted = container is not None and container["Config"]["Labels"].get(CONFIGURATION_LABEL) != self._server.digest
        observed = Observed(
            server=server,
            data_fingerprint=self._data_fingerprint(),
            keys=any(path.exists() or path.is_symlink() for path in self._key_paths),
            drifted=drifted,
            broken=container is not None and server is Server.STOPPED and self._is_broken(container),
            configuration=self._written_configuration(),
        )
        if server is not Server.RUNNING:
            port = self._env.mariadb_port
            holder = port_holder(port, self._docker)
            return replace(observed, missing=self._missing(), port_conflict=holder and f"port {port} is taken by {holder}")
        if drifted:
            observed = replace(observed, missing=self._missing())
        return self._with_login(observed) if with_login else observed

    def create_data(self, key_fingerprint: str) -> None:
        self._docker.api.create_volume(
            self.data_name,
            labels={ENVIRONMENT_LABEL: self._env.name, KEY_FINGERPRINT_LABEL: key_fingerprint},
        )

    def write_configuration(self) -> None:
        import yaml  # noqa: PLC0415 - comes with Ansible

        compose = yaml.safe_dump(self._server.compose, sort_keys=False, explicit_start=True)
        for path, content in ((self._my_cnf, self._server.my_cnf), (self._compose_file, compose)):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_durably(path, content, mode=0o644)
            except OSError as error:
                raise Refusal(f"cannot write {path}: {error.strerror}", "make that possible, then run this again") from error

    def create_server(self) -> None:
        ComposeFile(self._env.durable_project, str(self._compose_file)).up(SERVICE, force_recreate=True)

    def start_server(self) -> None:
        self._docker.api.start(self.server_name)

    def reload_certificate(self) -> None:
        try:
            list(self._as_root("mariadb", "--execute", "FLUSH SSL"))
        except Refusal as refusal:
            # A folder that was made anew is another one than the server has mounted.
            raise Refusal(refusal.cause, "durable_db_state=stopped and then present makes it read the one that is there now") from refusal

    def stop_server(self) -> None:
        self._docker.api.stop(self.server_name)

    def remove_server(self) -> None:
        self._docker.api.remove_container(self.server_name)

    def remove_data(self) -> None:
        self._docker.api.remove_volume(self.data_name)

    def remove_keys(self) -> None:
        for path in self._key_paths:
            if path.is_symlink():
                shutil.rmtree(path.resolve(), ignore_errors=True)
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def await_ready(self, timeout: float) -> Login:
        deadline = time.monotonic() + timeout
        hopeless = self._restarts() + _HOPELESS_RESTARTS
        reloaded = False
        while True:
            try:
                return self._login.attempt()
            except AccessDeniedError as error:
                raise Refusal(
                    f"{self.server_name} refuses {self._env.database_user}: {error}",
                    f"restore the secrets.json that volume {self.data_name} was made with",
                ) from error
            except CertificateRejectedError as error:
                reason = str(error)
                if not reloaded:
                    self.reload_certificate()
                    reloaded = True
            except NotReadyError as error:
                reason = str(error)
            status = (self._container() or {"State": {"Status": "gone"}})["State"]["Status"]
            if status not in _RUNNING:
                raise self._not_ready(f"is {status}")
            if self._restarts() >= hopeless:
                raise self._not_ready("keeps dying")
            if time.monotonic() > deadline:
                raise self._not_ready(f"is not ready after {timeout:.0f} s ({reason})")
            # A TCP server has no event to wait for but an answer.
            time.sleep(0.2)

    def dump(self, stream: BinaryIO) -> None:
        content = ("--all-databases", "--routines", "--events", "--triggers", "--hex-blob", "--flush-privileges")
        for chunk in self._as_root("mariadb-dump", "--single-transaction", *content):
            stream.write(chunk)

    @property
    def _key_paths(self) -> tuple[Path, ...]:
        return (Path(self._env.path("secrets")), Path(self._env.path("secrets.json")))

    def _container(self) -> dict[str, Any] | None:
        container: dict[str, Any] | None = _or_none(lambda: self._docker.api.inspect_container(self.server_name))
        if container:
            refuse_foreign("container", self.server_name, container["Config"]["Labels"], self._env.name)
        return container

    def _restarts(self) -> int:
        container = self._container()
        return int(container["RestartCount"]) if container else 0

    def _data_fingerprint(self) -> str | None:
        volume = _or_none(lambda: self._docker.api.inspect_volume(self.data_name))
        if volume is None:
            return None
        refuse_foreign("volume", self.data_name, volume["Labels"], self._env.name)
        return str(volume["Labels"].get(KEY_FINGERPRINT_LABEL, ""))

    def _is_broken(self, container: dict[str, Any]) -> bool:
        """It died half-made, or its network was made anew since, which leaves it attached to nothing."""
        network = _or_none(lambda: self._docker.api.inspect_network(self._env.durable_network.name))
        endpoint = container["NetworkSettings"]["Networks"].get(self._env.durable_network.name) or {}
        attached = bool(network) and endpoint.get("NetworkID") in ("", network["Id"])
        return container["State"]["Status"] not in _STARTABLE or not attached

    def _missing(self) -> tuple[str, ...]:
        missing = []
        image = self._server.image
        if not image:
            missing.append("the name of its image")
        elif _or_none(lambda: self._docker.images.get(image)) is None:
            missing.append(f"image {image}")
        network = self._env.durable_network
        if _or_none(lambda: self._docker.api.inspect_network(network.name)) is None:
            missing.append(f"network {network.name}")
        files = [
            ("secrets", "db", "root_password"),
            ("secrets", "db", "init.sql"),
            ("secrets", "app", "db_password"),
            ("tls", "ca.crt"),
            ("tls", "db", "tls.crt"),
            ("tls", "db", "tls.key"),
        ]
        return (*missing, *(path for parts in files if not Path(path := self._env.path(*parts)).exists()))

    def _last_image(self) -> str:
        container = self._container()
        if container:
            return str(container["Config"]["Image"])
        compose = self._written_configuration().get("compose", {})
        return str(compose.get("services", {}).get(SERVICE, {}).get("image", ""))

    def _written_configuration(self) -> dict[str, Any]:
        import yaml  # noqa: PLC0415 - comes with Ansible

        try:
            return {"compose": yaml.safe_load(self._compose_file.read_text()), "my_cnf": self._my_cnf.read_text().splitlines()}
        except FileNotFoundError:
            return {}

    def _with_login(self, observed: Observed) -> Observed:
        try:
            login = self._login.attempt()
        except CertificateRejectedError:
            return replace(observed, certificate_outdated=True)
        except (NotReadyError, AccessDeniedError):
            return observed
        return replace(observed, login=login, certificate_outdated=login.certificate != self._certificate_on_disk())

    def _certificate_on_disk(self) -> bytes:
        chain = Path(self._env.path("tls", "db", "tls.crt")).read_text()
        end = "-----END CERTIFICATE-----"
        return ssl.PEM_cert_to_DER_cert(chain[: chain.index(end)] + end)

    def _as_root(self, *command: str) -> Iterator[bytes]:
        """Yields what the client prints; refuses in the end when it failed."""
        api = self._docker.api
        run = api.exec_create(self.server_name, ["bash", "-c", _AS_ROOT, *command])["Id"]
        complaints = b""
        for output, complaint in api.exec_start(run, stream=True, demux=True):
            complaints += complaint or b""
            if output:
                yield output
        if api.exec_inspect(run)["ExitCode"] != 0:
            reason = complaints.decode(errors="replace").strip().rpartition("\n")[2]
            raise Refusal(f"{command[0]} failed in {self.server_name}: {reason}", f"see docker logs {self.server_name}")

    def _not_ready(self, problem: str) -> Refusal:
        log = self._docker.api.logs(self.server_name, tail=200).decode(errors="replace").splitlines()
        telling = [line for line in log if "[ERROR]" in line or "ERROR:" in line or line.startswith("[entrypoint]")] or log
        return Refusal(f"{self.server_name} {problem}; its last words: {' | '.join(telling[-4:])}", f"see docker logs {self.server_name}")


def _server_state(container: dict[str, Any] | None) -> Server:
    if container is None:
        return Server.MISSING
    return Server.RUNNING if container["State"]["Status"] in _RUNNING else Server.STOPPED


def _or_none(inspect: Callable[[], Any]) -> Any:
    from docker.errors import NotFound  # noqa: PLC0415 - see docker_client

    try:
        return inspect()
    except NotFound:
        return None
