"""Everything that the build of one image sees, read once, so that what is hashed is what is built."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal

# Tools make these in a working copy; they are never part of a build.
LEFT_OUT = {
    "node_modules",
    "dist",
    "coverage",
    "__pycache__",
    ".git",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".venv",
    ".vite",
}
LEFT_OUT_SUFFIXES = {".pyc", ".tsbuildinfo"}


@dataclass(frozen=True)
class ContextFile:
    content: bytes
    executable: bool = False

    @property
    def mode(self) -> int:
        """Only the executable bit travels: the rest of a mode is the umask of whoever checked the files out."""
        return 0o755 if self.executable else 0o644


class BuildContext:
    def __init__(self, files: Mapping[str, ContextFile]) -> None:
        self._files = dict(sorted(files.items()))

    @classmethod
    def read(cls, root: Path, sources: Mapping[str, str]) -> BuildContext:
        """`sources` maps a file or folder below `root` to its place in the context."""
        files: dict[str, ContextFile] = {}
        for source, destination in sources.items():
            for path, name in _files_of(root / source, PurePosixPath(destination)):
                files[str(name)] = ContextFile(path.read_bytes(), bool(path.stat().st_mode & 0o100))
        return cls(files)

    @classmethod
    def of_tar(cls, archive: tarfile.TarFile, folder: str) -> BuildContext:
        """What `write_tar` put into that folder."""
        files: dict[str, ContextFile] = {}
        for entry in archive:
            if entry.isfile() and entry.name.startswith(folder):
                content = archive.extractfile(entry)
                files[entry.name.removeprefix(folder)] = ContextFile(content.read() if content else b"", bool(entry.mode & 0o100))
        return cls(files)

    def __contains__(self, name: str) -> bool:
        return name in self._files

    @property
    def identity(self) -> str:
        """A hash over all of it: two contexts with the same one are the same."""
        digest = hashlib.sha256()
        for name, file in self._files.items():
            digest.update(f"{name}\0{file.mode:o}\0{len(file.content)}\0".encode())
            digest.update(file.content)
        return digest.hexdigest()

    @property
    def size(self) -> int:
        return sum(len(file.content) for file in self._files.values())

    def write_tar(self, stream: IO[bytes], extra: Mapping[str, ContextFile], folder: str = "") -> None:
        """`extra` files are there for the build and no part of the context's identity. `folder` is where the others are put."""
        with tarfile.open(fileobj=stream, mode="w") as archive:
            self.add_to(archive, folder)
            BuildContext(extra).add_to(archive)

    def add_to(self, archive: tarfile.TarFile, folder: str = "") -> None:
        for name, file in self._files.items():
            entry = tarfile.TarInfo(f"{folder}{name}")
            entry.size = len(file.content)
            entry.mode = file.mode
            archive.addfile(entry, io.BytesIO(file.content))


def _files_of(source: Path, destination: PurePosixPath) -> Iterator[tuple[Path, PurePosixPath]]:
    if source.is_file():
        yield source, destination
        return
    if not source.is_dir():
        raise Refusal(f"{source}, a part of a build context, does not exist", "restore it from version control")
    for path in sorted(source.rglob("*")):
        inside = path.relative_to(source)
        if LEFT_OUT.intersection(inside.parts) or path.suffix in LEFT_OUT_SUFFIXES or not path.is_file():
            continue
        yield path, destination / inside.as_posix()
