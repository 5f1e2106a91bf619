"""The generations of a database's data in its one volume, and the link that tells which of them is served."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.base.byte_size import MIB
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.containers.limits import SMALL_JOB
from ansible_collections.echobase.platform.plugins.module_utils.containers.run_to_end import run_to_end
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import DATABASE, user_and_group

if TYPE_CHECKING:
    from docker import DockerClient

FIRST_GENERATION = "generations/000001"
_NAME = re.compile(r"\d{6}")
_BUILDING = ".building"

_LOOK = """
readlink current || echo
for folder in generations/*; do if [ -d "$folder" ]; then echo "$folder"; fi; done
"""
# Each is one rename, which is on disk when the script ends.
_SETTLE = 'mv --no-target-directory "generations/$1.building" "generations/$1"; sync generations'
_SERVE = 'ln --symbolic --force --no-dereference "generations/$1" current.next; mv --no-target-directory current.next current; sync .'
# The arguments behind the two generations are patterns of what is not copied. A file system that can shares what is not changed.
_COPY = """
from=generations/$1 to=generations/$2.building
shift 2
without=()
for pattern; do without+=(! -name "$pattern"); done
mkdir --mode=0700 "$to"
find "$from" -mindepth 1 -maxdepth 1 "${without[@]}" -exec cp --archive --reflink=auto --target-directory="$to" {} +
"""
# An image from before there were two majors has no such program and tells nothing.
_MAJORS = """
database-major 2> /dev/null || echo
if [ -d "$1" ]; then database-major "$1" 2> /dev/null || echo; else echo; fi
"""
# A generation is renamed first, so that nobody takes one that is half removed for a whole one.
_REMOVE = """
rm --recursive --force -- "generations/$1.removing"
for folder in "generations/$1" "generations/$1.building"; do
  if [ -d "$folder" ]; then
    mv --no-target-directory "$folder" "generations/$1.removing"
    rm --recursive --force -- "generations/$1.removing"
  fi
done
sync generations
"""
_SPACE = 'df --output=avail --block-size=1 . | tail -n 1; du --summarize --block-size=1 "generations/$1" | cut -f 1'


@dataclass(frozen=True)
class Generations:
    # It is empty in a volume that was never served from.
    current: str
    # These are whole, and the current one is among them.
    kept: tuple[str, ...]
    # These are being made or removed, or were when a run was killed.
    unfinished: tuple[str, ...] = ()

    @property
    def next(self) -> str:
        return f"{max((int(name[:6]) for name in (*self.kept, *self.unfinished)), default=0) + 1:06}"


@dataclass(frozen=True)
class DataVolume:
    """The volume is looked at and changed from inside a throw-away container, since it may be mounted only while it is used."""

    docker: DockerClient
    environment: str
    name: str
    image: str

    @staticmethod
    def building(generation: str) -> str:
        return f"generations/{generation}{_BUILDING}"

    def generations(self) -> Generations:
        link, *folders = self._run(_LOOK).splitlines()
        names = sorted(folder.removeprefix("generations/") for folder in folders)
        return Generations(
            current=link.removeprefix("generations/"),
            kept=tuple(name for name in names if _NAME.fullmatch(name)),
            unfinished=tuple(name for name in names if not _NAME.fullmatch(name)),
        )

    def majors(self, generation: str = "") -> tuple[str, str]:
        """The major version of the image's server, and that of the served data or of a generation; empty where nobody can tell."""
        of_image, of_data = self._run(_MAJORS, f"generations/{generation}" if generation else "current").split("\n")[:2]
        return of_image, of_data

    def copy(self, generation: str, to: str, without: Sequence[str] = ()) -> None:
        """Copies a generation that no server works on, to be finished and settled. `without` are patterns of files that stay out."""
        self._run(_COPY, generation, to, *without)

    def settle(self, generation: str) -> None:
        """Makes what was built one of the generations."""
        self._run(_SETTLE, generation)

    def serve(self, generation: str) -> None:
        """Has the next start of the server find this generation. The server must not run meanwhile."""
        self._run(_SERVE, generation)

    def remove(self, generation: str) -> None:
        if generation == self.generations().current:
            raise Refusal(f"generation {generation} of volume {self.name} is being served: left alone", "name another one")
        self._run(_REMOVE, generation)

    def sweep(self) -> None:
        """Removes what a restore or a removal left half done. A folder `.adopting` is the server's: its next start goes on with it."""
        found = self.generations()
        for name in found.unfinished:
            generation, _separator, state = name.partition(".")
            if generation != found.current and state in ("building", "removing"):
                self._run(_REMOVE, generation)

    def space(self, generation: str) -> tuple[int, int]:
        """How many bytes are free, and how many this generation takes."""
        free, taken = self._run(_SPACE, generation).split()
        return int(free), int(taken)

    def refuse_without_room(self, generation: str) -> None:
        """Refuses where there is no room for one more generation of this size."""
        free, taken = self.space(generation)
        if free < taken:
            raise Refusal(
                f"volume {self.name} has {free // MIB} MiB free, and a second copy of its data takes about {taken // MIB} MiB",
                f"make room on its disk (docker volume inspect {self.name} shows where it lies), then run this again",
            )

    def _run(self, script: str, *arguments: str) -> str:
        container = self.docker.containers.create(
            self.image,
            ["-ceu", f"cd /volume; {script}", "bash", *arguments],
            entrypoint="bash",
            user=user_and_group(DATABASE),
            network_mode="none",
            cap_drop=["ALL"],
            volumes={self.name: {"bind": "/volume", "mode": "rw"}},
            labels={ENVIRONMENT_LABEL: self.environment},
            **SMALL_JOB,
        )
        ended = run_to_end(self.docker, str(container.id))
        if ended.status != 0:
            reason = ended.complaint.strip().rpartition("\n")[2]
            raise Refusal(f"work on volume {self.name} failed: {reason}", f"docker volume inspect {self.name} shows where it lies")
        return ended.output
