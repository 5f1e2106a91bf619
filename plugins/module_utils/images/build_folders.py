"""The folders that an application's images are built from: those of this machine, or what the controller sent of them."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.images.sources import ContextsNeeded

# Raise it when images are built differently from the same files.
_BUILDER_VERSION = "1"


class BuildFolders(Protocol):
    """`service` is the one whose `build:` section is asked about."""

    def address(self, service: str, build: Mapping[str, Any]) -> str:
        """A hash over everything that goes into the build."""

    def need(self, services: Mapping[str, Mapping[str, Any]]) -> None:
        """Raises ContextsNeeded where the files of some are not here yet."""

    def section(self, service: str, build: Mapping[str, Any]) -> dict[str, Any]:
        """The section with the folders as they are on this machine."""


class OwnFolders:
    def address(self, service: str, build: Mapping[str, Any]) -> str:
        return content_address(f"services.{service}.build", build)

    def need(self, services: Mapping[str, Mapping[str, Any]]) -> None:
        """They are all here."""

    def section(self, service: str, build: Mapping[str, Any]) -> dict[str, Any]:
        return dict(build)


class SentFolders:
    """`addresses` are those of all services; `root` has a folder for each one whose files were sent, as `write_folders` wrote them."""

    def __init__(self, addresses: Mapping[str, str], root: Path | None) -> None:
        self._addresses = addresses
        self._root = root

    def address(self, service: str, build: Mapping[str, Any]) -> str:
        return self._addresses[service]

    def need(self, services: Mapping[str, Mapping[str, Any]]) -> None:
        missing = [service for service in services if not (self._root and (self._root / service).is_dir())]
        if missing:
            raise ContextsNeeded(missing)
        for service, build in services.items():
            if content_address(f"services.{service}.build", self.section(service, build)) != self._addresses[service]:
                raise Refusal(
                    f"services.{service}.build: its files arrived otherwise than they were sent",
                    "leave them alone while a deployment reads them, and run again",
                )

    def section(self, service: str, build: Mapping[str, Any]) -> dict[str, Any]:
        folder = cast(Path, self._root) / service
        places = {name: str(folder / str(number)) for number, name in enumerate(_contexts(build))}
        further = {name: places[name] for name in build.get("additional_contexts") or {}}
        return {**build, "context": places[""], **({"additional_contexts": further} if further else {})}


def _contexts(build: Mapping[str, Any]) -> dict[str, str]:
    """The folders by the names that the build has for them; the usual one has none."""
    return {"": str(build.get("context")), **{name: str(one) for name, one in (build.get("additional_contexts") or {}).items()}}


def write_folders(archive: tarfile.TarFile, service: str, build: Mapping[str, Any]) -> None:
    """What the build sees, under the service's name."""
    for number, context in enumerate(_contexts(build).values()):
        root = Path(context)
        for relative in ("", *_files_of(root, build)):
            archive.add(root / relative, f"{service}/{number}/{relative}".rstrip("/"), recursive=False, filter=_as_nobodys)


def _as_nobodys(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    # Sockets and devices are no part of a build.
    return entry if entry.isfile() or entry.isdir() or entry.issym() else None


def _files_of(root: Path, build: Mapping[str, Any]) -> Iterator[str]:
    from docker.utils.build import exclude_paths  # noqa: PLC0415 - see docker_client

    ignored = root / ".dockerignore"
    patterns = (
        [line.strip() for line in ignored.read_text(encoding="utf-8").splitlines() if line.strip() and not line.startswith("#")]
        if ignored.is_file()
        else []
    )
    yield from sorted(exclude_paths(str(root), patterns, dockerfile=str(build.get("dockerfile") or "Dockerfile")))


def content_address(where: str, build: Mapping[str, Any]) -> str:
    """A hash over everything that goes into a build: files, Dockerfile, arguments, target."""
    digest = hashlib.sha256(f"{_BUILDER_VERSION}\0".encode())
    settings = {key: value for key, value in build.items() if key not in ("context", "additional_contexts")}
    digest.update(json.dumps(settings, sort_keys=True, default=str).encode())
    for context in _contexts(build).values():
        root = Path(context)
        if "://" in context:
            raise Refusal(
                f"{where}: the context {context} is somewhere else",
                "check it out, and name its folder: a release is known by its content",
            )
        if not root.is_dir():
            raise Refusal(f"{where}.context: there is no folder {root}", "correct the path in the Compose file")
        for relative in _files_of(root, build):
            path = root / relative
            if path.is_symlink():
                digest.update(f"{relative}\0link\0{path.readlink()}\0".encode())
            elif path.is_file():
                content = path.read_bytes()
                digest.update(f"{relative}\0{path.stat().st_mode & 0o100:o}\0{len(content)}\0".encode())
                digest.update(content)
    return digest.hexdigest()[:12]
