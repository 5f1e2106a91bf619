"""The volume that a durable database has its data in: plain, or a folder of an encrypted file system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.containers.limits import SMALL_JOB
from ansible_collections.echobase.platform.plugins.module_utils.containers.ours import our_volume, remove_our_container
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import ServerDefinition
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES
from ansible_collections.echobase.platform.plugins.module_utils.storage.encrypted_folder import EncryptedFolder

if TYPE_CHECKING:
    from docker import DockerClient

_KEY_FINGERPRINT_LABEL = "io.echobase.key-fingerprint"


class DatabaseVolume:
    def __init__(self, docker: DockerClient, server: ServerDefinition) -> None:
        self._docker = docker
        self._server = server
        self._env = server.env
        self.name = server.names.volume
        self._folder = EncryptedFolder(server.env, server.env.server(server.engine).service, server.encrypted_bytes)

    def key_fingerprint(self) -> str | None:
        """The fingerprint of the keys that the data were made with; None where there are no data."""
        volume = self._inspect()
        return None if volume is None else str(volume["Labels"].get(_KEY_FINGERPRINT_LABEL, ""))

    def others(self) -> tuple[str, ...]:
        """The volumes of this environment's databases of other engines."""
        names = [self._env.server(engine).volume for engine in ENGINES if engine != self._server.engine]
        found = {volume.name: volume.attrs["Labels"] or {} for volume in self._docker.volumes.list() if volume.name in names}
        return tuple(name for name, labels in sorted(found.items()) if labels.get(ENVIRONMENT_LABEL) == self._env.name)

    def is_closed(self) -> bool:
        """Whether it is locked, or smaller than wanted."""
        return self.is_encrypted() and (not self._folder.is_open() or self._folder.is_too_small())

    def is_encrypted(self) -> bool:
        return self._is_encrypted(self._inspect())

    def open(self) -> None:
        self._folder.open()

    def troubles(self) -> list[str]:
        volume = self._inspect()
        if not self._is_encrypted(volume):
            return []
        kept = f"volume {self.name} is encrypted and stays so, whatever durable_db_encryption_at_rest says"
        return [*([] if self._server.encrypted else [kept]), *filter(None, [self._folder.shortage()])]

    def refuse_in_clear(self) -> None:
        """Refuses a plain volume for a server that does not encrypt by itself, where encryption was asked for."""
        volume = self._inspect()
        if self._needs_encryption and volume is not None and not self._is_encrypted(volume):
            raise Refusal(
                f"volume {self.name} exists and is not encrypted, which durable_db_encryption_at_rest=required asks for",
                "durable_db_encryption_at_rest=off in the inventory keeps it as it is; only a new volume can be made an encrypted one",
            )

    def create(self, key_fingerprint: str) -> None:
        """Makes the volume with the file on which the image's entrypoint initialises it; Docker copies that from the image.

        A container that is made and never started does both in one call, so a run that is killed leaves both or neither.
        """
        from docker.types import DriverConfig, Mount  # noqa: PLC0415 - see docker_client

        options = {}
        if self._needs_encryption:
            self._folder.open()
            self._folder.make_folder(self.name)
            options = self._folder.driver_options(self.name)
        labels = {ENVIRONMENT_LABEL: self._env.name, _KEY_FINGERPRINT_LABEL: key_fingerprint}
        place = Mount(self._server.names.data_mount, self.name, "volume", labels=labels, driver_config=DriverConfig("local", options))
        self._remove_maker()
        self._docker.api.create_container(
            self._server.image,
            name=self._maker,
            labels={ENVIRONMENT_LABEL: self._env.name},
            host_config=self._docker.api.create_host_config(mounts=[place], network_mode="none", **SMALL_JOB),
        )
        self._remove_maker()

    def remove(self) -> None:
        """Removes the folder first: where that is interrupted, the volume still tells that something is left to do."""
        self._remove_maker()
        if self._is_encrypted(self._inspect()):
            self._folder.remove_folder(self.name)
        self._docker.api.remove_volume(self.name)

    @property
    def _maker(self) -> str:
        return f"{self.name}-new"

    def _remove_maker(self) -> None:
        remove_our_container(self._docker, self._env.name, self._maker)

    @property
    def _needs_encryption(self) -> bool:
        return self._server.encrypted and engine_named(self._server.engine).encryption is None

    def _is_encrypted(self, volume: dict[str, Any] | None) -> bool:
        return volume is not None and self._folder.holds(volume["Options"])

    def _inspect(self) -> dict[str, Any] | None:
        return our_volume(self._docker, self._env.name, self.name)
