"""What is to watch an environment: a Compose file whose services each carry a digest of what they are made from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.containers.client import CONFIGURATION_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

if TYPE_CHECKING:
    from docker import DockerClient

# These placeholders stand for the group that may ask the container engine, and for the version of the engine's language.
_ENGINE_GROUP, _ENGINE_API = "@engine_group@", "@engine_api@"
_ENGINE_SOCKET = Path("/var/run/docker.sock")
# The newest that the collector speaks.
_NEWEST_API = (1, 44)
FILES = "observability"
# A service is made anew when one of these changes. The certificate in tls/observability is not among them: whoever uses it reads it again.
_WATCHED = (FILES, "secrets/observability", "tls/ca.crt")
# What is mounted here from outside of the environment's state is a file that a user named.
_GIVEN = ("/etc/observability/", "/run/secrets/")


@dataclass(frozen=True)
class Engine:
    """What has to be known of the container engine by whoever asks it."""

    group: int = 0
    api: str = "1.44"

    @classmethod
    def of(cls, docker: DockerClient) -> Engine:
        group = _ENGINE_SOCKET.stat().st_gid if _ENGINE_SOCKET.exists() else 0
        spoken = tuple(int(part) for part in str(docker.api.api_version).split("."))
        return cls(group, ".".join(map(str, min(spoken, _NEWEST_API))))


@dataclass(frozen=True)
class Description:
    """`files` are those below the folder `observability` of the environment's state, by their path in there."""

    env: Environment
    text: str
    files: Mapping[str, str]
    engine: Engine

    @cached_property
    def services(self) -> Mapping[str, Mapping[str, Any]]:
        return {name: self._with_digest(service) for name, service in self._given["services"].items()}

    @cached_property
    def digests(self) -> dict[str, str]:
        """The digest of each container, by the container's name."""
        return {service["container_name"]: service["labels"][CONFIGURATION_LABEL] for service in self.services.values()}

    @property
    def given_files(self) -> list[tuple[str, Path]]:
        """The files that a user named in options, each with the service that is to read it."""
        found = []
        for name, service in self._given["services"].items():
            for mount in service.get("volumes", ()):
                source, _colon, rest = str(mount).partition(":")
                if rest.startswith(_GIVEN) and not self._is_of_state(source):
                    found.append((name, Path(source)))
        return found

    @property
    def volumes(self) -> list[str]:
        """The volumes that hold what was recorded: they outlive the services."""
        return [volume["name"] for volume in self._given["volumes"].values() if volume.get("external")]

    @cached_property
    def compose(self) -> str:
        import yaml  # noqa: PLC0415 - comes with Ansible

        # Compose has its own labels beside ours; what templates shared is written out.
        content = {key: value for key, value in self._given.items() if not key.startswith("x-")} | {"services": self.services}
        return str(yaml.dump(content, Dumper=_plain_dumper(), sort_keys=False, explicit_start=True, width=10_000))

    @cached_property
    def _given(self) -> dict[str, Any]:
        import yaml  # noqa: PLC0415 - comes with Ansible

        text = self.text.replace(_ENGINE_GROUP, str(self.engine.group)).replace(_ENGINE_API, self.engine.api)
        return dict(yaml.safe_load(text))

    def _with_digest(self, service: Mapping[str, Any]) -> dict[str, Any]:
        digest = hashlib.sha256(json.dumps(service, sort_keys=True).encode())
        for source in _sources(service):
            for name, content in self._read(source):
                digest.update(f"\0{name}\0".encode() + content)
        return {**service, "labels": {**service.get("labels", {}), CONFIGURATION_LABEL: digest.hexdigest()}}

    def _read(self, source: str) -> Iterable[tuple[str, bytes]]:
        """Gives the files that a mount shows, as they are going to be: of the environment's state, and those that a user named."""
        if source in {str(path) for _service, path in self.given_files}:
            yield source, Path(source).read_bytes() if Path(source).is_file() else b""
            return
        if not self._is_of_state(source):
            return
        path = os.path.relpath(source, self.env.home)
        if path.startswith(f"{FILES}/"):
            inside = path.removeprefix(f"{FILES}/")
            yield from sorted((name, text.encode()) for name, text in self.files.items() if name == inside or name.startswith(f"{inside}/"))
            return
        found = Path(source)
        for file in sorted(found.iterdir()) if found.is_dir() else [found]:
            yield file.name, file.read_bytes() if file.is_file() else b""

    def _is_of_state(self, source: str) -> bool:
        return os.path.relpath(source, self.env.home).startswith(_WATCHED)


def _sources(service: Mapping[str, Any]) -> list[str]:
    return [source for mount in service.get("volumes", ()) if (source := str(mount).partition(":")[0]).startswith("/")]


def _plain_dumper() -> type:
    import yaml  # noqa: PLC0415 - comes with Ansible

    class Plain(yaml.SafeDumper):
        """Writes what was shared as often as it is used: somebody may read the file."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    return Plain
