"""The catalogue of images: which there are, what goes into each, and the tag that follows from that."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.images.context import BuildContext
from ansible_collections.echobase.platform.plugins.module_utils.images.official import OfficialImage

REPOSITORY = "echobase"
LABEL = "io.echobase.image"
# The day on which the base was made; images inherit it from theirs.
BUILT_LABEL = "io.echobase.base-built"
# This number is part of every tag: raise it when images are built differently from the same files.
BUILDER_VERSION = "1"


@dataclass(frozen=True)
class Program:
    """What is compiled once a machine, into one file that the image gets: a program, or an archive of files. `compiler` is the image whose
    command `compile` makes it."""

    source: str
    package: str
    compiler: str


@dataclass(frozen=True)
class Image:
    """Without `official` it is always built; with nothing else it is only ever its makers'."""

    name: str
    parents: dict[str, str] = field(default_factory=dict)
    context: dict[str, str] = field(default_factory=dict)
    bootstrap: str = ""
    arguments: dict[str, str] = field(default_factory=dict)
    # Such an image is not among all images: it is built only where it is named.
    on_demand: bool = False
    program: Program | None = None
    official: OfficialImage | None = None

    @classmethod
    def read(cls, name: str, entry: dict[str, Any]) -> Image:
        nested: dict[str, Any] = {}
        if "program" in entry:
            nested["program"] = Program(**entry["program"])
        if "official" in entry:
            nested["official"] = OfficialImage(**entry["official"])
        return cls(**{"name": name, **entry, **nested})

    @property
    def repository(self) -> str:
        return f"{REPOSITORY}/{self.name}"

    @property
    def can_be_built(self) -> bool:
        return bool(self.bootstrap or self.context)


class ImageCatalogue:
    """`base_recipe` identifies how the base image is made on this host: its suite and packages. `refresh` is the day as of which packages
    are wanted; empty means whichever there were when an image was built."""

    def __init__(self, root: Path, images: dict[str, Image], base_recipe: str, refresh: str = "") -> None:
        self.root = root
        self.images = images
        self.base_recipe = base_recipe
        self.refresh = refresh
        self._contexts: dict[str, BuildContext] = {}
        self._tags: dict[str, str] = {}

    @classmethod
    def load(cls, path: Path, base_recipe: str, refresh: str = "") -> ImageCatalogue:
        import yaml  # noqa: PLC0415 - only needed here, and absent on a bare managed host

        try:
            content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise Refusal(
                f"the image catalogue {path} does not exist", "give the option catalogue the path of images/catalogue.yml"
            ) from error
        try:
            images = {name: Image.read(name, entry) for name, entry in content["images"].items()}
            return cls(
                root=path.resolve().parent.parent,
                images=images,
                base_recipe=base_recipe,
                refresh=refresh,
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise Refusal(f"the image catalogue {path} is malformed: {error}", "compare it with the one of the collection") from error

    @cached_property
    def names(self) -> list[str]:
        return list(self.images)

    @property
    def usual_names(self) -> list[str]:
        return [name for name, image in self.images.items() if not image.on_demand]

    @property
    def built_names(self) -> list[str]:
        return [name for name, image in self.images.items() if image.can_be_built]

    def image(self, name: str) -> Image:
        if name not in self.images:
            raise Refusal(f"unknown image '{name}'", f"choose from {', '.join(self.names)}")
        return self.images[name]

    def context(self, name: str) -> BuildContext:
        if name not in self._contexts:
            image = self.image(name)
            sources = {image.bootstrap: "."} if image.bootstrap else image.context
            self._contexts[name] = BuildContext.read(self.root, sources)
        return self._contexts[name]

    def tag(self, name: str) -> str:
        """The content address: it changes when, and only when, something that goes into the image does."""
        if name not in self._tags:
            image = self.image(name)
            digest = hashlib.sha256(f"{name}\0{BUILDER_VERSION}\0".encode())
            if self.refresh:
                # Every image stands on a base that is made anew, so that no layer of before is reused either.
                digest.update(f"refresh={self.refresh}\0".encode())
            if image.bootstrap:
                digest.update(self.base_recipe.encode())
            for argument, parent in sorted(image.parents.items()):
                digest.update(f"{argument}={self.tag(parent)}\0".encode())
            for argument, value in sorted(image.arguments.items()):
                digest.update(f"{argument}={value}\0".encode())
            if image.program:
                digest.update(f"program={self.program_key(image.program)}\0".encode())
            self.context(name).hash_into(digest)
            self._tags[name] = f"{image.repository}:{digest.hexdigest()[:12]}"
        return self._tags[name]

    def program_context(self, program: Program) -> BuildContext:
        return BuildContext.read(self.root, {program.source: "."})

    def program_key(self, program: Program) -> str:
        """The content address of what is compiled: the sources with the versions of all modules, and what compiles them, flags included."""
        digest = hashlib.sha256(f"{program.package}\0{self.tag(program.compiler)}\0".encode())
        self.program_context(program).hash_into(digest)
        return digest.hexdigest()[:16]

    def tags(self, names: Iterable[str]) -> dict[str, str]:
        return {name: self.tag(name) for name in names}
