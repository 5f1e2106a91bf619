"""Images as one archive, from one engine to another: what the other has of their layers is left out.

An engine that loads an archive looks for each layer first among its own, by what lies below it. So a layer may be missing in the archive
where the other engine has it on just those below it.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

_PIECE = 1 << 20


@dataclass(frozen=True)
class SavedImage:
    """One image of an archive as `docker save` writes it: the files of its layers, and what each layer is known by."""

    config: str
    tags: Sequence[str]
    files: Sequence[str]
    layers: Sequence[str]


def saved_images(archive: tarfile.TarFile) -> list[SavedImage]:
    manifest = json.loads(_text(archive, "manifest.json"))
    return [
        SavedImage(
            config=entry["Config"],
            tags=entry["RepoTags"] or [],
            files=entry["Layers"],
            layers=json.loads(_text(archive, entry["Config"]))["rootfs"]["diff_ids"],
        )
        for entry in manifest
    ]


def files_to_leave_out(images: Iterable[SavedImage], there: Iterable[Sequence[str]]) -> set[str]:
    """`there` are the layers, from the lowest, of each image that the other engine has."""
    known = {tuple(layers[:count]) for layers in there for count in range(1, len(layers) + 1)}
    needed: set[str] = set()
    there_already: set[str] = set()
    for image in images:
        for number, file in enumerate(image.files, start=1):
            (there_already if tuple(image.layers[:number]) in known else needed).add(file)
    return there_already - needed


def write_without(source: Path, left_out: set[str], target: IO[bytes]) -> None:
    """The archive without these files, unless another one is a link to them."""
    with tarfile.open(source) as archive:
        entries = archive.getmembers()
        linked = {_target(entry) for entry in entries if (entry.issym() or entry.islnk()) and entry.name not in left_out}
        with tarfile.open(fileobj=target, mode="w") as smaller:
            for entry in entries:
                if entry.name not in left_out or entry.name in linked:
                    smaller.addfile(entry, archive.extractfile(entry) if entry.isreg() else None)


def checksum(stream: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := stream.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


def layers_of(images: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """Of what an engine says of each of its images, as `inspect` does."""
    return [list(image["RootFS"].get("Layers") or ()) for image in images]


def _target(entry: tarfile.TarInfo) -> str:
    if entry.islnk():
        return entry.linkname
    parts: list[str] = []
    for part in PurePosixPath(entry.name).parent.joinpath(entry.linkname).parts:
        if part == ".." and parts:
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def _text(archive: tarfile.TarFile, name: str) -> bytes:
    return cast(IO[bytes], archive.extractfile(name)).read()
