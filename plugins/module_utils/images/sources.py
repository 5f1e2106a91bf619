"""Where the catalogue and the build contexts are read: in a folder of this machine, or in what the controller sent to this host.

The contexts belong to the controller. Of each it first sends the identity alone, from which the tags follow; the files come later, and only
those of images that the host has to build.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.images.context import BuildContext


class ContextsNeeded(Exception):
    """These contexts have to be sent before something can be built."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = sorted(names)
        super().__init__(", ".join(self.names))


class Sources(Protocol):
    """`name` is that of an image, or of the sources of its program; `files` says where they are below the folder of all sources."""

    def identity(self, name: str, files: Mapping[str, str]) -> str: ...

    def context(self, name: str, files: Mapping[str, str]) -> BuildContext: ...

    def need(self, names: Iterable[str]) -> None:
        """Raises ContextsNeeded where the files of some are not here yet."""


class FolderSources:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._contexts: dict[str, BuildContext] = {}

    def identity(self, name: str, files: Mapping[str, str]) -> str:
        return self.context(name, files).identity

    def context(self, name: str, files: Mapping[str, str]) -> BuildContext:
        if name not in self._contexts:
            self._contexts[name] = BuildContext.read(self._root, files)
        return self._contexts[name]

    def need(self, names: Iterable[str]) -> None:
        """They are all here."""


class SentSources:
    """`archive` holds a folder of files for each context that was sent; without one there are only the identities."""

    def __init__(self, identities: Mapping[str, str], archive: Path | None) -> None:
        self._identities = identities
        self._contexts = _contexts_in(archive) if archive else {}
        for name, context in self._contexts.items():
            if context.identity != identities.get(name):
                raise Refusal(
                    f"the build context {name} arrived otherwise than it was sent", "run again; if it recurs, test this host's memory"
                )

    def identity(self, name: str, files: Mapping[str, str]) -> str:
        return self._identities[name]

    def context(self, name: str, files: Mapping[str, str]) -> BuildContext:
        self.need([name])
        return self._contexts[name]

    def need(self, names: Iterable[str]) -> None:
        missing = set(names) - set(self._contexts)
        if missing:
            raise ContextsNeeded(missing)


def _contexts_in(archive: Path) -> dict[str, BuildContext]:
    with tarfile.open(archive) as opened:
        folders = {entry.name.partition("/")[0] for entry in opened}
    found = {}
    for folder in folders:
        with tarfile.open(archive) as opened:
            found[folder] = BuildContext.of_tar(opened, f"{folder}/")
    return found


def as_argument(images: Mapping[str, Any], identities: Mapping[str, str], digests: Mapping[str, str]) -> dict[str, Any]:
    """What the controller tells a host of its catalogue."""
    return {"images": dict(images), "identities": dict(identities), "digests": dict(digests)}
