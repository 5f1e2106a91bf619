"""The routing table of an nginx edge: a directory whose file names say which colour a bucket of clients belongs to.

current -> generations/000007        one rename(2) of this link moves traffic
generations/000007/generation        the marker: the edge is ready while its workers can read it
generations/000007/weights.json
generations/000007/blue/37           bucket 37 belongs to blue
generations/000007/empty             instead of any bucket, while no colour is live
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.durable_file import sync_directory, write_durably
from ansible_collections.echobase.platform.plugins.module_utils.errors import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.generation import Generation
from ansible_collections.echobase.platform.plugins.module_utils.router import Committed, Prepared, Router
from ansible_collections.echobase.platform.plugins.module_utils.topology import COLOURS
from ansible_collections.echobase.platform.plugins.module_utils.weights import EMPTY, Weights

KEPT_GENERATIONS = 10
# The edge's workers are another user; nothing in the table is secret.
_DIRECTORY_MODE = 0o755
_FILE_MODE = 0o644
_NUMBER = re.compile(r"\d{6}")
_REPAIR = "say where traffic belongs: bluegreen_switch with `repair: true` and `to` or `weights`"


class NginxRoutes(Router):
    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._generations = self._folder / "generations"
        self._current = self._folder / "current"
        self._fencing = self._folder / "fencing"
        self._lock = -1
        self._lock_depth = 0

    def exists(self) -> bool:
        return os.path.lexists(self._current) or bool(self._numbers())

    def initialise(self) -> bool:
        """Lay the empty generation where no table is; True when that was needed."""
        if self.exists():
            return False
        with self.exclusive():
            if self.exists():
                return False
            self.commit(self.prepare(EMPTY))
        return True

    def current(self) -> Generation:
        if not self.exists():
            raise Refusal(f"there is no routing table in {self._folder}", "run playbooks/setup_durable.yml first")
        while True:
            number = self._current_number()
            try:
                return self._read(number)
            except Refusal:
                # Switched away from and pruned while we read it: read the new one.
                if self._current_number() == number:
                    raise

    def upcoming(self) -> int:
        return max(self._numbers(), default=0) + 1

    def refuse_outdated(self, fencing_number: int | None) -> None:
        highest = self._highest_fencing_number()
        if fencing_number is not None and fencing_number < highest:
            raise Refusal(
                f"fencing number {fencing_number} is outdated, {highest} was here already",
                "another run has taken over; start again if this is still wanted",
            )

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        if self._lock_depth == 0:
            _make_directory(self._folder)
            self._lock = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._lock_depth += 1
        try:
            yield
        finally:
            self._lock_depth -= 1
            if self._lock_depth == 0:
                os.close(self._lock)

    def prepare(self, weights: Weights) -> Prepared:
        with self.exclusive():
            _make_directory(self._generations)
            self._remove_leftovers()
            generation = Generation(self.upcoming(), weights)
            unfinished = self._generations / f".{generation.number:06d}"
            self._build(unfinished, generation)
            os.rename(unfinished, self._path(generation.number))
            sync_directory(self._generations)
            sync_directory(self._folder)
        return Prepared(generation)

    def commit(self, prepared: Prepared, fencing_number: int | None = None) -> Committed:
        with self.exclusive():
            if self._read(prepared.generation.number) != prepared.generation:
                raise self._broken(f"generation {prepared.generation.number} is not the one that was prepared")
            self.refuse_outdated(fencing_number)
            if fencing_number is not None and fencing_number > self._highest_fencing_number():
                write_durably(self._fencing, f"{fencing_number}\n", mode=_FILE_MODE)
            link = self._folder / ".current"
            link.unlink(missing_ok=True)
            os.symlink(f"generations/{prepared.generation.number:06d}", link)
            before = time.perf_counter()
            os.rename(link, self._current)
            elapsed = time.perf_counter() - before
            sync_directory(self._folder)
        return Committed(prepared.generation, round(elapsed * 1e6, 1))

    def prune(self) -> list[int]:
        with self.exclusive():
            current = self.current().number
            outdated = [number for number in self._numbers()[:-KEPT_GENERATIONS] if number != current]
            for number in outdated:
                shutil.rmtree(self._path(number))
        return outdated

    def _current_number(self) -> int:
        try:
            target = str(self._current.readlink())
        except OSError as error:
            raise self._broken(f"{self._current} is no symbolic link ({error.strerror})") from error
        number = target.removeprefix("generations/")
        if not target.startswith("generations/") or not _NUMBER.fullmatch(number):
            raise self._broken(f"{self._current} leads to '{target}'")
        return int(number)

    def _path(self, number: int) -> Path:
        return self._generations / f"{number:06d}"

    def _numbers(self) -> list[int]:
        try:
            names = os.listdir(self._generations)
        except FileNotFoundError:
            return []
        return sorted(int(name) for name in names if _NUMBER.fullmatch(name))

    def _read(self, number: int) -> Generation:
        path = self._path(number)
        try:
            marker = (path / "generation").read_text(encoding="ascii").strip()
            content = json.loads((path / "weights.json").read_text(encoding="ascii"))
            weights = EMPTY if (path / "empty").exists() else Weights.parse(content)
            found = {colour: sorted(int(name) for name in os.listdir(path / colour)) for colour in COLOURS}
        except (OSError, ValueError, Refusal) as error:
            raise self._broken(f"generation {number} cannot be read ({error})") from error
        if marker != str(number) or content != weights.as_dict() or found != {colour: list(weights.buckets(colour)) for colour in COLOURS}:
            raise self._broken(f"generation {number} contradicts itself")
        return Generation(number, weights)

    def _build(self, path: Path, generation: Generation) -> None:
        _make_directory(path)
        _write(path / "weights.json", json.dumps(generation.weights.as_dict()) + "\n")
        if generation.weights.is_empty:
            _write(path / "empty", "")
        for colour in COLOURS:
            self._build_colour(path / colour, generation.weights.buckets(colour))
        _write(path / "generation", f"{generation.number}\n")
        sync_directory(path)

    def _build_colour(self, path: Path, buckets: range) -> None:
        _make_directory(path)
        for position, bucket in enumerate(buckets):
            if position == 0:
                _write(path / str(bucket), "")
            else:
                # Further names of one file: they are durable with the directory, without an fsync for each.
                os.link(path / str(buckets[0]), path / str(bucket))
        sync_directory(path)

    def _remove_leftovers(self) -> None:
        """What a killed run left half-made; nobody is at work on it, since we hold the lock."""
        for path in self._generations.glob(".*"):
            shutil.rmtree(path)

    def _highest_fencing_number(self) -> int:
        try:
            return int(self._fencing.read_text(encoding="ascii"))
        except FileNotFoundError:
            return 0
        except ValueError as error:
            raise Refusal(f"{self._fencing} holds no number", "write the highest fencing number of any run into it") from error

    def _broken(self, cause: str) -> Refusal:
        return Refusal(f"the routing table is broken: {cause}", _REPAIR)


def _make_directory(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    # Not left to the umask of whoever runs us.
    path.chmod(_DIRECTORY_MODE)


def _write(path: Path, content: str) -> None:
    with path.open("x", encoding="ascii") as stream:
        stream.write(content)
        os.fchmod(stream.fileno(), _FILE_MODE)
        stream.flush()
        os.fsync(stream.fileno())
