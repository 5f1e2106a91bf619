"""What a machine's processes belong to, and by which they are found again."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from throwaway_machine.this_host import MachineError

_SECONDS_TO_DIE = 20


class ControlGroups:
    """A group of the machine's own in every hierarchy of this host, so that its engine sees and limits only what is its own."""

    def __init__(self, name: str) -> None:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
        self._unified = {Path(place) / name for _, place, kind, *_ in mounts if kind == "cgroup2"}
        self.folders = sorted({Path(place) / name for _, place, kind, *_ in mounts if kind == "cgroup"} | self._unified)

    def make(self) -> None:
        for folder in self.folders:
            folder.mkdir(exist_ok=True)
            # A new group of this kind may use no processor and no memory until it is told which.
            for setting in ("cpuset.cpus", "cpuset.mems"):
                if folder not in self._unified and (folder / setting).exists():
                    (folder / setting).write_text((folder.parent / setting).read_text())

    def join(self) -> None:
        """Between fork and exec: this process, with all that it will start, belongs to the machine."""
        for folder in self.folders:
            (self._leaf(folder) / "cgroup.procs").write_text("0")

    def hand_out_controllers(self) -> None:
        """In the unified hierarchy only a group without processes of its own may limit the groups in it: its processes move down."""
        for folder in self._unified:
            (folder / "leaf").mkdir(exist_ok=True)
            for process in _processes(folder):
                (folder / "leaf" / "cgroup.procs").write_text(str(process))
            for controller in (folder / "cgroup.controllers").read_text().split():
                (folder / "cgroup.subtree_control").write_text(f"+{controller}")

    def processes(self) -> list[int]:
        """All that belong to the machine, its containers' among them."""
        groups = [Path(path) for top in self.folders for path, _, _ in os.walk(top)]
        return sorted({process for group in groups for process in _processes(group)})

    def remove(self) -> None:
        """With every process that is still in them."""
        until = time.monotonic() + _SECONDS_TO_DIE
        for top in filter(Path.is_dir, self.folders):
            while top.is_dir():
                groups = [Path(path) for path, _, _ in os.walk(top, topdown=False)]
                for process in {process for group in groups for process in _processes(group)}:
                    with suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)
                for group in groups:
                    # It is busy as long as a process in it is dying.
                    with suppress(OSError):
                        group.rmdir()
                if time.monotonic() > until:
                    raise MachineError(f"{top} cannot be removed: see the processes in its files cgroup.procs")
                time.sleep(0.05)

    def _leaf(self, folder: Path) -> Path:
        return folder / "leaf" if (folder / "leaf").is_dir() else folder


def _processes(group: Path) -> list[int]:
    with suppress(FileNotFoundError):
        return [int(line) for line in (group / "cgroup.procs").read_text().split()]
    return []
