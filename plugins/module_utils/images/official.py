"""What its makers publish: the image's name at a registry, its version, and how this host refers to it."""

from __future__ import annotations

import re
from dataclasses import dataclass

# The engine leaves these out when it lists images.
_UNSPOKEN = ("docker.io/library/", "docker.io/")


@dataclass(frozen=True)
class OfficialImage:
    """`image` begins with the registry's address."""

    image: str
    version: str

    def at(self, registry: str) -> OfficialImage:
        """The same image at somebody's own registry, which has it under the same path. Empty leaves it where it is."""
        return OfficialImage(f"{registry}/{self.path}", self.version) if registry else self

    @property
    def registry(self) -> str:
        return self.image.partition("/")[0]

    @property
    def path(self) -> str:
        return self.image.partition("/")[2]

    @property
    def tag(self) -> str:
        return f"{self.image}:{self.version}"

    def by(self, digest: str) -> str:
        return f"{self.image}@{digest}"

    def as_engine_lists_it(self, digest: str) -> str:
        return as_engine_lists(self.by(digest))

    def mark(self, digest: str) -> str:
        """The tag that we give to what we pulled: it says that the image is here because of us."""
        return f"{self.version}-{digest.removeprefix('sha256:')[:12]}"


def as_engine_lists(reference: str) -> str:
    """An image's name as the engine tells it, without what it takes for granted."""
    for unspoken in _UNSPOKEN:
        if reference.startswith(unspoken):
            return reference.removeprefix(unspoken)
    return reference


def is_mark(tag: str) -> bool:
    return re.fullmatch(r".+-[0-9a-f]{12}", tag) is not None
