"""A machine that never saw us: a root file system made from packages, with processes, network and control groups of its own.

It needs root and the standard library alone, since it runs before anything of ours is installed. Nothing of it outlives the run: its
processes die with this one, whatever ends it, and what a killed run left on the disk and in the firewall is removed by the next one.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from throwaway_machine.control_groups import ControlGroups
from throwaway_machine.network import Forwarding, Network
from throwaway_machine.root_files import DEBIAN_SUITE, RootFiles
from throwaway_machine.this_host import Log, MachineError, dies_with_parent, run_on_host

# The first process of the machine: it mounts what a machine has, makes the new root its own, and then only collects the dead.
_FIRST_PROCESS = """
set -eu
root=$1 suffix=$2 hostname=$3; shift 3
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
mkdir -m 1777 run/lock
case " $* " in *" /sys/fs/cgroup/$suffix "*) ;; *) mount -t tmpfs tmpfs sys/fs/cgroup ;; esac
for group; do
  mkdir -p ".${group%/$suffix}"
  mount --bind "$group" ".${group%/$suffix}"
done
hostname "$hostname"
pivot_root . .
umount --lazy .
cd /
trap '' CHLD
echo ready
exec sleep infinity
"""


class ThrowawayMachine:
    """Of a name, by which its traces are found again: nobody else on this host has a machine of that name meanwhile."""

    def __init__(self, name: str, log: Path, hostname: str = "") -> None:
        self.name = name
        self.root = root_of(name)
        self._log = Log(log)
        self._groups = ControlGroups(name)
        self._network = Network.free(name)
        self._files = RootFiles(self.root, hostname or name, self._network)
        self._first: subprocess.Popen[str] | None = None
        self._process = 0

    @property
    def address(self) -> str:
        """At which this host reaches it."""
        return str(self._network.machine.ip)

    @property
    def address_of_host(self) -> str:
        """At which it reaches this host."""
        return str(self._network.host.ip)

    def make_root(self, packages: Sequence[str], suite: str = DEBIAN_SUITE) -> None:
        self._files.make(suite, packages, self._log)

    def copy_root(self, packages: Sequence[str], suite: str = DEBIAN_SUITE) -> None:
        """The same, in a second instead of a minute, and of packages as old as the first one that was made on this host."""
        self._files.copy(suite, packages, self._log)

    def start(self) -> None:
        self._groups.make()
        namespaces = ["--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup"]
        self._first = subprocess.Popen(
            [
                "unshare",
                *namespaces,
                "--fork",
                "--kill-child",
                "sh",
                "-c",
                _FIRST_PROCESS,
                "sh",
                str(self.root),
                self.name,
                self._files.hostname,
                *map(str, self._groups.folders),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=self.belong,  # noqa: PLW1509 - it does nothing but name this process
        )
        assert self._first.stdout is not None and self._first.stderr is not None
        if self._first.stdout.readline() != "ready\n":
            raise MachineError(f"the machine does not start: {self._first.stderr.read().strip()}")
        self._process = int(Path(f"/proc/{self._first.pid}/task/{self._first.pid}/children").read_text().split()[0])
        self._groups.hand_out_controllers()
        Forwarding.switch_on()
        self._network.connect(self._process)
        self.run("update-ca-certificates")

    def run(self, command: str, folder: str = "/root") -> str:
        """What the command wrote; it goes to the log, too."""
        environment = {"HOME": "/root", "LANG": "C.UTF-8", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        line = [*self.inside, "/usr/bin/env", f"--chdir={folder}", "bash", "-c", command]
        return self._log.run(line, environment | self._files.environment(), self.belong, command)

    @property
    def inside(self) -> list[str]:
        """What a command line of this host begins with that is to run on the machine."""
        return ["nsenter", f"--target={self._process}", "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--root", "--wd"]

    @property
    def environment(self) -> dict[str, str]:
        return self._files.environment()

    def belong(self) -> None:
        """Between fork and exec: what is started is the machine's, and ends with this process."""
        dies_with_parent()
        self._groups.join()

    def processes(self) -> list[int]:
        """As this host numbers them."""
        return self._groups.processes()

    def close(self) -> None:
        if self._first is not None:
            self._first.kill()
            self._first.wait()
        clear(self.name)


def root_of(name: str) -> Path:
    # On the disk, not in memory: the engine's own layers lie in it, too.
    return Path("/var/tmp", name, "root")


def clear(name: str) -> None:
    """Every trace of a machine of that name, of this run or of one that was killed."""
    ControlGroups(name).remove()
    Network.remove(name)
    Forwarding.restore()
    folder = root_of(name).parent
    if folder.exists():
        # Should anything of this host still be mounted in it, that is not for us to delete.
        run_on_host("rm", "--recursive", "--force", "--one-file-system", str(folder))
