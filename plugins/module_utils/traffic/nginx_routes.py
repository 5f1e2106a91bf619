"""The routing table of an nginx edge: a directory whose file names say which colour a bucket of clients belongs to.

current -> generations/000007        one rename(2) of this link moves traffic
generations/000007/generation        the marker: the edge is ready while its workers can read it
generations/000007/weights.json
generations/000007/blue/37           bucket 37 belongs to blue
generations/000007/candidate/green/3 bucket 3 belongs to green, which is the candidate; then green/ itself is empty
generations/000007/canary            the candidate's name, while there is one
generations/000007/empty             instead of any bucket, while no colour is live
generations/000007/maintenance       instead of any bucket, while weights.json says what traffic returns to
fencing                              the highest number of a release lease that was told to this table
mover                                the last generation that was committed with such a number, and that number
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import sync_directory, write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import routing_table_lock
from ansible_collections.echobase.platform.plugins.module_utils.environment.ports_and_subnets import COLOURS
from ansible_collections.echobase.platform.plugins.module_utils.traffic.generation import Generation
from ansible_collections.echobase.platform.plugins.module_utils.traffic.router import Committed, Prepared, Router
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import EMPTY, Weights

KEPT_GENERATIONS = 10
# The edge's workers are another user; nothing in the table is secret.
_DIRECTORY_MODE = 0o755
_FILE_MODE = 0o644
_CANDIDATE = "candidate"
_FOLDERS = (*COLOURS, *(f"{_CANDIDATE}/{colour}" for colour in COLOURS))
_NUMBER = re.compile(r"\d{6}")
_REPAIR = (
    f"say where traffic belongs: {playbook('switch', switch_to='<colour>', switch_repair='true')}"
    " (module bluegreen_switch: `repair: true`), see docs/operate/repair.md"
)
# A change takes milliseconds, on a slow disk a second.
_LOCK_PATIENCE = 30


class NginxRoutes(Router):
    def __init__(self, folder: str | Path, lock_patience: float = _LOCK_PATIENCE) -> None:
        self.folder = Path(folder)
        self._generations = self.folder / "generations"
        self._current = self.folder / "current"
        self._fencing = self.folder / "fencing"
        # The last generation that was committed with a fencing number, and that number.
        self._mover = self.folder / "mover"
        self._lock_patience = lock_patience
        self._is_exclusive = False

    def exists(self) -> bool:
        # Empty generations without a link do not count: the first set-up was cut short, and nothing is lost by doing it again.
        return os.path.lexists(self._current) or any(not (self._path(number) / "empty").exists() for number in self._numbers())

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
            raise Refusal(f"there is no routing table in {self.folder}", f"run {playbook('setup_durable')} first")
        while True:
            number = self._current_number()
            try:
                return self._read(number)
            except Refusal:
                # The generation was switched away from and pruned while we read it, so the new one is read.
                if self._current_number() == number:
                    raise

    def upcoming(self) -> int:
        return max(self._numbers(), default=0) + 1

    def refuse_outdated(self, fencing_number: int | None) -> None:
        if fencing_number is None:
            return
        highest = self.highest_fencing_number()
        if fencing_number < highest:
            raise Refusal(
                f"fencing number {fencing_number} is outdated, {highest} was here already",
                "another run has taken over; start again if this is still wanted",
            )

    def mover(self, generation: Generation) -> int | None:
        try:
            number, fencing_number = map(int, self._mover.read_text(encoding="ascii").split())
        except (FileNotFoundError, ValueError):
            return None
        return fencing_number if number == generation.number else None

    def fence(self, fencing_number: int) -> None:
        with self.exclusive():
            if fencing_number > self.highest_fencing_number():
                write_durably(self._fencing, f"{fencing_number}\n", mode=_FILE_MODE)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        try:
            if self._is_exclusive:
                yield
                return
            if not self.folder.is_dir():
                _make_directory(self.folder)
            with routing_table_lock(self.folder, self._lock_patience):
                self._is_exclusive = True
                try:
                    yield
                finally:
                    self._is_exclusive = False
        except OSError as error:
            raise Refusal(
                f"the routing table cannot be written: {error.strerror} ({error.filename or self.folder})",
                "make room there (df -h, df -i) or make it writable (mount), then run this again; the edge goes on with the table it has",
            ) from error

    def lay(self, generation: Generation) -> Prepared:
        with self.exclusive():
            for folder in (self.folder, self._generations):
                _make_directory(folder)
            self._remove_leftovers()
            if self._path(generation.number).exists():
                self._confirm(generation)
                return Prepared(generation)
            unfinished = self._generations / f".{generation.number:06d}"
            try:
                self._build(unfinished, generation)
            except BaseException:
                shutil.rmtree(unfinished, ignore_errors=True)
                raise
            os.rename(unfinished, self._path(generation.number))
            sync_directory(self._generations)
            sync_directory(self.folder)
        return Prepared(generation)

    def discard(self, generation: Generation) -> None:
        with self.exclusive():
            path = self._path(generation.number)
            if path.exists() and self.current_or_nothing().number != generation.number:
                # The generation is renamed before it is removed, so that a crash leaves no half of it under its number.
                os.rename(path, self._generations / f".{generation.number:06d}")
                self._remove_leftovers()

    def commit(self, prepared: Prepared, fencing_number: int | None = None, is_decided: bool = False) -> Committed:
        with self.exclusive():
            self._confirm(prepared.generation)
            if not is_decided:
                self.refuse_outdated(fencing_number)
            if fencing_number is not None:
                self.fence(fencing_number)
                write_durably(self._mover, f"{prepared.generation.number} {fencing_number}\n", mode=_FILE_MODE)
            link = self.folder / ".current"
            link.unlink(missing_ok=True)
            os.symlink(f"generations/{prepared.generation.number:06d}", link)
            if self._current.is_dir() and not self._current.is_symlink():
                # Somebody put a copy of the folder in the link's place, and a link cannot be renamed onto a folder.
                os.rename(self._current, self._generations / ".current")
            before = time.perf_counter()
            os.rename(link, self._current)
            elapsed = time.perf_counter() - before
            sync_directory(self.folder)
        return Committed(prepared.generation, round(elapsed * 1e6, 1))

    def prune(self) -> list[int]:
        with self.exclusive():
            current = self.current().number
            outdated = [number for number in self._numbers()[:-KEPT_GENERATIONS] if number != current]
            failures = []
            for number in outdated:
                try:
                    shutil.rmtree(self._path(number))
                except OSError as error:
                    failures.append(error)
            self._remove_leftovers()
            if failures:
                raise failures[0]
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
            closed = self._unreadable_by_workers(path)
            marker = (path / "generation").read_text(encoding="ascii").strip()
            content = json.loads((path / "weights.json").read_text(encoding="ascii"))
            weights = EMPTY if (path / "empty").exists() else Weights.parse(content)
            generation = Generation(number, weights, _read_candidate(path), (path / "maintenance").exists())
            found = {folder: _read_buckets(path / folder) for folder in _FOLDERS}
        except (OSError, ValueError, Refusal) as error:
            raise self._broken(f"generation {number} cannot be read ({error})") from error
        if closed:
            raise self._broken(closed)
        expected = {folder: list(buckets) for folder, buckets in _buckets(generation).items()}
        has_nobody_beside = bool(generation.candidate) and len(weights.live) < 2
        if marker != str(number) or content != weights.as_dict() or found != expected or has_nobody_beside:
            raise self._broken(f"generation {number} contradicts itself")
        return generation

    def _unreadable_by_workers(self, generation: Path) -> str:
        """Says which path the edge's workers may not read. To them such a path is not there, although we can read it."""
        for path in (self.folder, self._generations, generation, *(generation / name for name in (*_FOLDERS, "generation"))):
            if path.exists() and not _is_open(path):
                return f"{path} is closed to the edge's workers (mode {stat.S_IMODE(path.stat().st_mode):04o})"
        return ""

    def _confirm(self, generation: Generation) -> None:
        if self._read(generation.number) != generation:
            raise Refusal(f"another run has laid another generation {generation.number} meanwhile", "run this again if it is still wanted")

    def _build(self, path: Path, generation: Generation) -> None:
        _make_directory(path)
        _write(path / "weights.json", json.dumps(generation.weights.as_dict()) + "\n")
        if generation.weights.is_empty:
            _write(path / "empty", "")
        if generation.candidate:
            _write(path / "canary", f"{generation.candidate}\n")
        if generation.maintenance:
            _write(path / "maintenance", "")
        _make_directory(path / _CANDIDATE)
        for folder, buckets in _buckets(generation).items():
            self._build_folder(path / folder, buckets)
        sync_directory(path / _CANDIDATE)
        _write(path / "generation", f"{generation.number}\n")
        sync_directory(path)

    def _build_folder(self, path: Path, buckets: range) -> None:
        _make_directory(path)
        for position, bucket in enumerate(buckets):
            if position == 0:
                _write(path / str(bucket), "")
            else:
                # Further names of one file: they are durable with the directory, without an fsync for each.
                os.link(path / str(buckets[0]), path / str(bucket))
        sync_directory(path)

    def _remove_leftovers(self) -> None:
        """Removes what a killed run left half-made. Nobody is at work on it, since we hold the lock."""
        for path in self._generations.glob(".*"):
            shutil.rmtree(path)
        # `write_durably` leaves temporary files with two dots; the lock has one.
        for path in self.folder.glob(".*.*"):
            path.unlink()

    def highest_fencing_number(self) -> int:
        try:
            return int(self._fencing.read_text(encoding="ascii"))
        except FileNotFoundError:
            return 0
        except ValueError as error:
            raise Refusal(
                f"{self._fencing} holds no number", f"write the highest fencing number of any run into it: echo <number> > {self._fencing}"
            ) from error

    def _broken(self, cause: str) -> Refusal:
        return Refusal(f"the routing table is broken: {cause}", _REPAIR)


def _buckets(generation: Generation) -> dict[str, range]:
    """Gives the buckets of each folder. The candidate's buckets are apart, so that its clients alone pay for a third look-up."""
    buckets = dict.fromkeys(_FOLDERS, range(0))
    for colour in generation.served.live:
        folder = f"{_CANDIDATE}/{colour}" if colour == generation.candidate else colour
        buckets[folder] = generation.weights.buckets(colour)
    return buckets


def _read_buckets(path: Path) -> list[int]:
    try:
        return sorted(int(name) for name in os.listdir(path))
    except FileNotFoundError:
        # This generation was laid before there were candidates.
        if path.parent.name == _CANDIDATE:
            return []
        raise


def _read_candidate(path: Path) -> str:
    try:
        candidate = (path / "canary").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""
    if candidate not in COLOURS:
        raise ValueError(f"'{candidate}' is no colour")
    return candidate


def _make_directory(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    # The mode is set here, so that it does not depend on the umask of whoever runs us.
    if stat.S_IMODE(path.stat().st_mode) != _DIRECTORY_MODE:
        path.chmod(_DIRECTORY_MODE)


def _is_open(path: Path) -> bool:
    needed = 0o005 if path.is_dir() else 0o004
    return path.stat().st_mode & needed == needed


def _write(path: Path, content: str) -> None:
    with path.open("x", encoding="ascii") as stream:
        stream.write(content)
        os.fchmod(stream.fileno(), _FILE_MODE)
        stream.flush()
        os.fsync(stream.fileno())
