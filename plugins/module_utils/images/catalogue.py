"""The catalogue of images: which there are, what goes into each, and the tag that follows from that."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.images.context import BuildContext
from ansible_collections.echobase.platform.plugins.module_utils.images.official import OfficialImage
from ansible_collections.echobase.platform.plugins.module_utils.images.sources import FolderSources, Sources

REPOSITORY = "echobase"
LABEL = "io.echobase.image"
# The day on which the base was made; images inherit it from theirs.
BUILT_LABEL = "io.echobase.base-built"
# This number is part of every tag: raise it when images are built differently from the same files.
BUILDER_VERSION = "2"


@dataclass(frozen=True)
class Program:
    """What is compiled once a machine, into one file that the image gets: a program, or an archive of files. `compiler` is the image whose
    command `compile` makes it."""

    source: str
    package: str
    compiler: str

    @property
    def context_name(self) -> str:
        return self.source.replace("/", ".")

    @property
    def sources(self) -> dict[str, str]:
        return {self.source: "."}


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
    def sources(self) -> dict[str, str]:
        """The files that its build sees: path below the folder of all sources -> path in the build."""
        return {self.bootstrap: "."} if self.bootstrap else self.context

    @property
    def can_be_built(self) -> bool:
        return bool(self.bootstrap or self.context)


class ImageCatalogue:
    """`base_recipe` identifies how the base image is made on this host: its suite and packages. `refresh` is the day as of which packages
    are wanted; empty means whichever there were when an image was built."""

    def __init__(self, sources: Sources, images: dict[str, Image], base_recipe: str, refresh: str = "") -> None:
        self.sources = sources
        self.images = images
        self.base_recipe = base_recipe
        self.refresh = refresh
        self._tags: dict[str, str] = {}

    @classmethod
    def load(cls, path: Path, base_recipe: str, refresh: str = "") -> ImageCatalogue:
        content = content_of(path)
        return cls.of(content, FolderSources(path.resolve().parent.parent), base_recipe, refresh, str(path))

    @classmethod
    def of(
        cls, content: Mapping[str, Any], sources: Sources, base_recipe: str, refresh: str = "", where: str = "that was sent"
    ) -> ImageCatalogue:
        try:
            images = {name: Image.read(name, entry) for name, entry in content["images"].items()}
        except (KeyError, TypeError, AttributeError) as error:
            raise Refusal(f"the image catalogue {where} is malformed: {error}", "compare it with the one of the collection") from error
        return cls(sources, images, base_recipe, refresh)

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
        return self.sources.context(name, self.image(name).sources)

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
            digest.update(self.sources.identity(name, image.sources).encode())
            self._tags[name] = f"{image.repository}:{digest.hexdigest()[:12]}"
        return self._tags[name]

    def program_context(self, program: Program) -> BuildContext:
        return self.sources.context(program.context_name, program.sources)

    def program_key(self, program: Program) -> str:
        """The content address of what is compiled: the sources with the versions of all modules, and what compiles them, flags included."""
        digest = hashlib.sha256(f"{program.package}\0{self.tag(program.compiler)}\0".encode())
        digest.update(self.sources.identity(program.context_name, program.sources).encode())
        return digest.hexdigest()[:16]

    def identities(self) -> dict[str, str]:
        """The identity of each context, those of programs included, by which somebody else can know the tags without the files."""
        found = {name: self.sources.identity(name, image.sources) for name, image in self.images.items()}
        programs = [image.program for image in self.images.values() if image.program]
        return found | {program.context_name: self.sources.identity(program.context_name, program.sources) for program in programs}

    def named_context(self, name: str) -> BuildContext:
        """One of those that `identities` names."""
        programs = {image.program.context_name: image.program for image in self.images.values() if image.program}
        return self.program_context(programs[name]) if name in programs else self.context(name)

    def tags(self, names: Iterable[str]) -> dict[str, str]:
        return {name: self.tag(name) for name in names}


def content_of(path: Path) -> dict[str, Any]:
    """What the file says, not yet understood."""
    import yaml  # noqa: PLC0415 - only needed where there is a file to read

    try:
        return dict(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise Refusal(f"the image catalogue {path} does not exist", "give the option catalogue the path of images/catalogue.yml") from error
    except (TypeError, ValueError, yaml.YAMLError) as error:
        raise Refusal(f"the image catalogue {path} is malformed: {error}", "compare it with the one of the collection") from error
