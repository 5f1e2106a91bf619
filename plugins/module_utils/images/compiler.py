"""Compiles programs in a throw-away container, so that no host needs Go, and keeps the result in the machine's cache.

Modules and compiled packages lie in a volume while programs are compiled: several programs share most of them, and a run that was cut off
is continued by the next one rather than begun again. When all is compiled the volume goes: it is some gigabytes that nobody needs any more.
A volume rather than a folder of the host: its files belong to whoever the engine runs as, and the engine can remove them.
"""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import programs_lock
from ansible_collections.echobase.platform.plugins.module_utils.images.context import BuildContext, ContextFile
from ansible_collections.echobase.platform.plugins.module_utils.images.log import BuildLog
from ansible_collections.echobase.platform.plugins.module_utils.images.mirrors import go_environment
from ansible_collections.echobase.platform.plugins.module_utils.images.programs import ProgramCache

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

COMPILES_LABEL = "io.echobase.compiles"
_CERTIFICATES = "/host-ca.crt"
# One core's worth is 1024: whatever else the machine does goes first.
_CPU_SHARES = 64
# The linker of the largest program takes 2.3 GB.
_MEMORY = "4g"
_PROCESSES = 1024
_COPY_SIZE = 1 << 20


@dataclass(frozen=True)
class Job:
    """One program to compile. `image` is the tag of what compiles it."""

    name: str
    key: str
    package: str
    image: str
    sources: BuildContext


class Compiler:
    def __init__(self, cache: ProgramCache, client: DockerClient, progress: Progress, certificates: bytes) -> None:
        self._cache = cache
        self._client = client
        self._progress = progress
        self._certificates = certificates

    @property
    def volume(self) -> str:
        return f"echobase-compiling-{self._cache.identity}"

    def compile(self, jobs: Iterable[Job]) -> None:
        """One after the other: each takes all cores anyway, and the linker of one takes two gigabytes of memory."""
        self._cache.folder.mkdir(parents=True, exist_ok=True)
        with programs_lock(self._cache.lock, lambda: self._progress.say("waiting for another run that is compiling programs")):
            self.remove_leftovers()
            for job in jobs:
                if not self._cache.has(job.key, job.name):
                    self._compile(job)
                self._cache.tidy(job.name)
            self.remove_caches()

    def remove_leftovers(self) -> None:
        """The containers of a run that was killed: they would go on compiling for nobody."""
        for container in self._client.containers.list(all=True, filters={"label": f"{COMPILES_LABEL}={self._cache.identity}"}):
            container.remove(force=True)

    def remove_caches(self) -> None:
        """Unless another run is compiling."""
        from docker.errors import APIError  # noqa: PLC0415 - see docker_client

        try:
            self._client.volumes.get(self.volume).remove()
        except APIError as error:
            if error.status_code not in (404, 409):
                raise

    def _compile(self, job: Job) -> None:
        log = BuildLog(job.name, self._progress, verb="compiling")
        with self._container(job) as container:
            with tempfile.TemporaryFile() as archive:
                job.sources.write_tar(archive, {_CERTIFICATES.lstrip("/"): ContextFile(self._certificates)}, folder="program/")
                archive.seek(0)
                container.put_archive("/", archive)
            container.start()
            for piece in container.logs(stream=True, follow=True):
                log.add(piece.decode(errors="replace"))
            log.close()
            if container.wait()["StatusCode"] != 0:
                lines = "".join(f"\n  {line}" for line in log.lines)
                raise Refusal(
                    f"program {job.name} could not be compiled{lines}\n",
                    "if it is not the network, correct what it is compiled from; then run again, which goes on where this run stopped",
                )
            with self._cache.adding(job.key, job.name) as stream:
                _copy_file(container.get_archive("/compiled", chunk_size=_COPY_SIZE)[0], stream)

    @contextmanager
    def _container(self, job: Job) -> Iterator[Container]:
        environment = go_environment(os.environ) | ({"SSL_CERT_FILE": _CERTIFICATES} if self._certificates else {})
        container = self._client.containers.create(
            job.image,
            # The engine's weight is against other containers, being nice against each other within this one's and the host's.
            ["nice", "-n", "10", "compile", job.package],
            environment=environment,
            volumes={self.volume: {"bind": "/caches", "mode": "rw"}},
            labels={COMPILES_LABEL: self._cache.identity},
            cpu_shares=_CPU_SHARES,
            mem_limit=_MEMORY,
            pids_limit=_PROCESSES,
        )
        try:
            yield container
        finally:
            container.remove(force=True)


def _copy_file(archive: Iterable[bytes], target: IO[bytes]) -> None:
    """Copies the only file of a tar archive that comes in pieces."""
    with tarfile.open(fileobj=io.BufferedReader(_Pieces(archive)), mode="r|") as opened:
        entry = opened.next()
        source = opened.extractfile(entry) if entry else None
        if source is None:
            raise Refusal("the engine handed over no compiled program", "run again")
        while piece := source.read(_COPY_SIZE):
            target.write(piece)


class _Pieces(io.RawIOBase):
    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = next(self._pieces, b"")
        taken = self._rest[: len(buffer)]
        buffer[: len(taken)] = taken
        self._rest = self._rest[len(taken) :]
        return len(taken)
