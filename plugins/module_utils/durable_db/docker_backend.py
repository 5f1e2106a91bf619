"""A durable database in a container of this machine's Docker engine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.waiting import looks
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import CONFIGURATION_LABEL, found_or_none
from ansible_collections.echobase.platform.plugins.module_utils.containers.compose import ComposeFile
from ansible_collections.echobase.platform.plugins.module_utils.containers.ours import our_container, our_network
from ansible_collections.echobase.platform.plugins.module_utils.containers.stop import stop_server
from ansible_collections.echobase.platform.plugins.module_utils.database.backend import DatabaseBackend, Observed, Server
from ansible_collections.echobase.platform.plugins.module_utils.database.drift import differences
from ansible_collections.echobase.platform.plugins.module_utils.database.login import (
    AccessDeniedError,
    CertificateRejectedError,
    Login,
    NotReadyError,
)
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import ServerDefinition
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.running_server import RunningServer
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import application_login, engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import local_backups
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import DATABASE
from ansible_collections.echobase.platform.plugins.module_utils.host.port_holder import port_holder
from ansible_collections.echobase.platform.plugins.module_utils.storage.generations import DataVolume
from ansible_collections.echobase.platform.plugins.module_utils.storage.volume import DatabaseVolume

if TYPE_CHECKING:
    from docker import DockerClient

# `restart: unless-stopped` brings a server back after a crash; a server that died this often while we waited will not come up.
_HOPELESS_RESTARTS = 4
_RUNNING = ("running", "restarting", "paused")
_STARTABLE = ("created", "exited")


class _AccountsOutdatedError(NotReadyError):
    """Other accounts are wanted than the database has."""


class DockerDatabase(DatabaseBackend):
    """`server.image` may be empty: then the image is the one that was used last."""

    def __init__(self, docker: DockerClient, server: ServerDefinition) -> None:
        self._docker = docker
        self._env = server.env
        self._names = server.names
        self._compose_file = Path(self._env.path("compose", f"durable-{self._names.service}.yml"))
        self._folder = Path(self._env.path(self._names.service))
        self._server = server
        if not server.image:
            self._server = replace(server, image=self._last_image())
        self._volume = DatabaseVolume(docker, self._server)
        self._login = application_login(self._env, server.engine)
        self._running = RunningServer(docker, self._env, engine_named(server.engine), self._names.container)

    @property
    def data_name(self) -> str:
        return self._volume.name

    @property
    def server_name(self) -> str:
        return self._names.container

    @property
    def image(self) -> str:
        return self._server.image

    @property
    def definition(self) -> ServerDefinition:
        """The definition of the server. Its image is empty only if none was ever used."""
        return self._server

    @property
    def endpoint(self) -> dict[str, Any]:
        return {"engine": self._names.engine, "port": self._names.port, "address": self._names.address}

    @property
    def configuration(self) -> dict[str, Any]:
        return self._server.picture

    @property
    def dump_trailer(self) -> bytes:
        return self._running.engine.client.dump_trailer

    def observe(self, present: bool) -> Observed:
        if present:
            self._volume.refuse_in_clear()
        container = self._container()
        server = _server_state(container)
        written = self._written_configuration()
        drift = self._drift(container, written) if container else ()
        others = self._volume.others()
        observed = Observed(
            server=server,
            data_fingerprint=self._volume.key_fingerprint(),
            data_closed=self._volume.is_closed(),
            keys=any(path.exists() or path.is_symlink() for path in self._key_paths),
            keys_needed_by=(*(f"volume {name}" for name in others), *local_backups(self._env)),
            companions=bool(self._companions()),
            drift=drift,
            files_outdated=not drift and (written != self.configuration or not Path(self._server.backups_folder).is_dir()),
            broken=container is not None and self._is_broken(container),
            other_major=self._other_major(container) if present else "",
            configuration=written,
            others=others,
            troubles=tuple(self._volume.troubles()),
        )
        if server is not Server.RUNNING:
            port = self._names.port
            holder = port_holder(port, self._docker)
            return replace(observed, missing=self._missing(), port_conflict=holder and f"port {port} is taken by {holder}")
        if drift or observed.broken:
            observed = replace(observed, missing=self._missing())
        return self._with_login(observed) if present else observed

    def create_data(self, key_fingerprint: str) -> None:
        self._volume.create(key_fingerprint)

    def open_data(self) -> None:
        self._volume.open()

    def write_configuration(self) -> None:
        import yaml  # noqa: PLC0415 - comes with Ansible

        compose = yaml.safe_dump(self._server.compose, sort_keys=False, explicit_start=True)
        contents = {self._folder / name: content for name, content in self._server.files.items()}
        path = Path(self._server.backups_folder)
        try:
            _make_backups_folder(path)
            for path, content in (contents | {self._compose_file: compose}).items():
                path.parent.mkdir(parents=True, exist_ok=True)
                write_durably(path, content, mode=0o644)
        except OSError as error:
            raise Refusal(
                f"cannot write {path}: {error.strerror}", f"check owner, mode and disk of {path.parent} (df -h), then run this again"
            ) from error

    def create_server(self) -> None:
        ComposeFile(self._env.durable_project, str(self._compose_file)).up(self._names.service, force_recreate=True)

    def start_server(self) -> None:
        self._docker.api.start(self.server_name)
        for name in self._companions():
            self._docker.api.start(name)

    def reload_certificate(self) -> None:
        self._running.reload_certificate()

    def apply_accounts(self) -> None:
        self._running.apply_accounts()

    def stop_server(self) -> None:
        # The companions stop first: what they still have to do takes a server that runs.
        for name in self._companions():
            self._docker.api.stop(name)
        stop_server(self._docker, self.server_name)

    def remove_server(self) -> None:
        for name in self._companions():
            self._docker.api.stop(name)
            # The nameless volume that the image's VOLUME gives a companion goes with it; a named one stays whatever is said here.
            self._docker.api.remove_container(name, v=True)
        if self._container():
            self._docker.api.remove_container(self.server_name)

    def remove_data(self) -> None:
        self._volume.remove()

    def remove_keys(self) -> None:
        for path in self._key_paths:
            if path.is_symlink():
                shutil.rmtree(path.resolve(), ignore_errors=True)
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def await_ready(self, timeout: float) -> Login:
        hopeless = self._restarts() + _HOPELESS_RESTARTS
        repairs: dict[type[NotReadyError], Callable[[], None]] = {
            CertificateRejectedError: self.reload_certificate,
            _AccountsOutdatedError: self.apply_accounts,
        }
        for _look in looks(timeout):
            try:
                return self._login_after(repairs)
            except NotReadyError as error:
                reason = str(error)
            status = (self._container() or {"State": {"Status": "gone"}})["State"]["Status"]
            if status not in _RUNNING:
                raise self._not_ready(f"is {status}")
            if self._restarts() >= hopeless:
                raise self._not_ready("keeps dying")
        raise self._not_ready(f"is not ready after {timeout:.0f} s ({reason})")

    def _login_after(self, repairs: dict[type[NotReadyError], Callable[[], None]]) -> Login:
        """Logs in after repairing what is in the way. Each repair is tried once, when its problem shows, and is taken out of `repairs`."""
        while True:
            try:
                return self._wanted_login()
            except NotReadyError as error:
                repair = repairs.pop(type(error), None)
                if repair is None:
                    raise
            repair()

    def dump(self, stream: BinaryIO) -> None:
        self._running.dump(stream)

    @property
    def _key_paths(self) -> tuple[Path, ...]:
        return tuple(Path(self._env.path(name)) for name in ("secrets", "secrets.json", "key-fingerprints.json", "operator-line.json"))

    def _container(self) -> dict[str, Any] | None:
        return our_container(self._docker, self._env.name, self.server_name)

    def _companions(self) -> list[str]:
        return [name for name in self._server.companions if our_container(self._docker, self._env.name, name) is not None]

    def _restarts(self) -> int:
        container = self._container()
        return int(container["RestartCount"]) if container else 0

    def _drift(self, container: dict[str, Any], written: dict[str, Any]) -> tuple[str, ...]:
        lines = []
        if container["Config"]["Labels"].get(CONFIGURATION_LABEL) != self._server.digest:
            lines = differences(written, self.configuration) if written else []
            lines = lines or ["it was made from files that are no longer there"]
        image = found_or_none(lambda: self._docker.images.get(self._server.image)) if self._server.image else None
        # An image was built anew under the same name.
        if image is not None and container["Config"]["Image"] == self._server.image and container["Image"] != image.id:
            lines.append(f"content of the image: {container['Image']} -> {image.id}")
        return tuple(lines)

    def _other_major(self, container: dict[str, Any] | None) -> str:
        """Says why an image of another major must not get at the data. This takes a container, so it is asked only for a new image."""
        image = self._server.image
        if not image or (container and container["Config"]["Image"] == image):
            return ""
        if found_or_none(lambda: self._docker.images.get(image)) is None:
            return ""
        if self._volume.key_fingerprint() is None or self._volume.is_closed():
            return ""
        of_image, of_data = DataVolume(self._docker, self._env.name, self._volume.name, image).majors()
        if "" in (of_image, of_data) or of_image == of_data:
            return ""
        return f"volume {self._volume.name} holds data of {self._names.engine} {of_data}, and image {image} is of {of_image}"

    def _network(self) -> dict[str, Any] | None:
        return our_network(self._docker, self._env.name, self._env.durable_network.name)

    def _is_broken(self, container: dict[str, Any]) -> bool:
        """Whether the container died half-made, or is attached to a network that was made anew since and so to nothing."""
        network = self._network()
        endpoint = container["NetworkSettings"]["Networks"].get(self._env.durable_network.name) or {}
        attached = network is not None and endpoint.get("NetworkID") in ("", network["Id"])
        return container["State"]["Status"] not in (*_STARTABLE, *_RUNNING) or not attached

    def _missing(self) -> tuple[str, ...]:
        missing = []
        image = self._server.image
        if not image:
            missing.append("the name of its image")
        elif found_or_none(lambda: self._docker.images.get(image)) is None:
            missing.append(f"image {image}")
        if self._network() is None:
            missing.append(f"network {self._env.durable_network.name}")
        return (*missing, *(path for path in self._server.needed_files if not Path(path).exists()))

    def _last_image(self) -> str:
        container = self._container()
        if container:
            return str(container["Config"]["Image"])
        return str(self._written_configuration().get("image", ""))

    def _written_configuration(self) -> dict[str, Any]:
        import yaml  # noqa: PLC0415 - comes with Ansible

        try:
            compose = yaml.safe_load(self._compose_file.read_text())
            return self._server.picture_of(compose, {name: (self._folder / name).read_text() for name in self._server.files})
        except FileNotFoundError:
            return {}

    def _with_login(self, observed: Observed) -> Observed:
        try:
            return replace(observed, login=self._wanted_login())
        except CertificateRejectedError:
            return replace(observed, certificate_outdated=True)
        except _AccountsOutdatedError:
            return replace(observed, accounts_outdated=True)
        except (NotReadyError, Refusal):
            return observed

    def _wanted_login(self) -> Login:
        """The application's login; an error says that accounts or certificate are not the wanted ones."""
        try:
            login = self._login.attempt()
        except AccessDeniedError as error:
            if self._running.accounts_file.exists() and self._running.applied_accounts() != self._running.wanted_accounts():
                raise _AccountsOutdatedError(str(error)) from error
            raise Refusal(
                f"{self.server_name} refuses {self._env.database_user}: {error}",
                f"bring {self._env.path('secrets.json')} back as it was when volume {self.data_name} was made,"
                f" then run {playbook('setup_durable')}",
            ) from error
        if login.accounts != self._running.wanted_accounts():
            raise _AccountsOutdatedError("its accounts are not the wanted ones")
        if login.certificate != self._running.certificate_on_disk():
            raise CertificateRejectedError("it still shows its old certificate")
        return login

    def _not_ready(self, problem: str) -> Refusal:
        log = self._docker.api.logs(self.server_name, tail=200).decode(errors="replace").splitlines()
        telling = [line for line in log if self._server.says_what_is_wrong(line)] or log
        return Refusal(f"{self.server_name} {problem}; its last words: {' | '.join(telling[-4:])}", f"see docker logs {self.server_name}")


def _server_state(container: dict[str, Any] | None) -> Server:
    if container is None:
        return Server.MISSING
    return Server.RUNNING if container["State"]["Status"] in _RUNNING else Server.STOPPED


def _make_backups_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(parents=True)
        os.chown(folder, DATABASE, DATABASE)
        folder.chmod(0o700)
