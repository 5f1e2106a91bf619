"""A machine that never saw us: a root file system made from packages, with processes, network and control groups of its own.

It needs root and the standard library alone, since it runs before anything of ours is installed. Nothing of it outlives the run: its
processes die with this one, whatever ends it, and what a killed run left on the disk and in the firewall is removed by the next one.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network, ip_network
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT / ".collections"))

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal  # noqa: E402
from ansible_collections.echobase.platform.plugins.module_utils.host.apt_sources import (  # noqa: E402 - the collection is found by the line above
    Distribution,
    as_line,
    read_sources,
    sources_for,
)

NAME = "echobase-fresh"
# On the disk, not in memory: the engine's own layers lie in it, too.
FOLDER = Path("/var/tmp") / NAME
ROOT = FOLDER / "root"
_ONE_AT_A_TIME = Path("/run") / f"{NAME}.lock"

DEBIAN_SUITE = "bookworm"
# What making it takes, as program and package.
_TOOLS = {"mmdebstrap": "mmdebstrap", "ip": "iproute2", "iptables": "iptables", "unshare": "util-linux", "git": "git"}
_SYSTEM_PROGRAMS = ("/usr/local/sbin", "/usr/sbin", "/sbin")

# How this machine reaches its package sources: what its own configuration says is copied.
_SETTINGS = ("etc/pip.conf", "etc/npmrc", "usr/etc/npmrc", "etc/apt/auth.conf", "etc/apt/auth.conf.d")
_SETTINGS_OF_USER = (".config/pip/pip.conf", ".pip/pip.conf", ".npmrc", ".netrc")
_APT_SETTINGS = ("Acquire::http", "Acquire::https", "Acquire::Check-", "Acquire::Retries")
_AUTHORITIES = Path("usr/local/share/ca-certificates")
_VARIABLES = re.compile(r"(https?|no|all)_proxy|PIP_(INDEX_URL|EXTRA_INDEX_URL|TRUSTED_HOST|DEFAULT_TIMEOUT)|NPM_CONFIG_REGISTRY", re.I)
_CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO")
_LOOPBACK = re.compile(r"(?<=[/@])(localhost|127\.0\.0\.1)(?=[:/\s\"]|$)")

# Reserved for tests between two networks (RFC 2544), so that neither a real network nor an engine's own choice is there.
_ADDRESSES = IPv4Network("198.18.0.0/15")

_DEATH_SIGNAL = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
_SECONDS_TO_DIE = 20

# The first process of the machine: it mounts what a machine has, makes the new root its own, and then only collects the dead.
_FIRST_PROCESS = """
set -eu
root=$1 suffix=$2; shift 2
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
hostname fresh-machine
pivot_root . .
umount --lazy .
cd /
trap '' CHLD
echo ready
exec sleep infinity
"""


class MachineError(Exception):
    """The machine cannot be made, or a command on it failed."""


def dies_with_parent() -> None:
    """Between fork and exec: the kernel kills this process when the one that started it ends, however it ends."""
    _LIBC.prctl(_DEATH_SIGNAL, signal.SIGKILL)


def run_on_host(*command: str) -> str:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, preexec_fn=dies_with_parent)
    if done.returncode != 0:
        raise MachineError(f"{shlex.join(command)} failed with exit code {done.returncode}:\n{done.stderr.strip()}")
    return done.stdout


def install_tools() -> list[str]:
    """Install what is missing on this machine to make another one; returns the packages."""
    os.environ["PATH"] = ":".join((os.environ.get("PATH", ""), *_SYSTEM_PROGRAMS))
    missing = sorted({package for program, package in _TOOLS.items() if shutil.which(program) is None})
    if missing:
        # Neither dies with this process, since a package that is half installed would stay on this host.
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
            if subprocess.run(["apt-get", "-qq", *command], env=environment, stdin=subprocess.DEVNULL, check=False).returncode != 0:
                raise MachineError(f"this host lacks {', '.join(missing)}, and 'apt-get {command[0]}' failed, see above")
    return missing


@contextmanager
def one_at_a_time(say: Callable[[str], None]) -> Iterator[None]:
    """A second run waits. The kernel gives the lock back even when the holder is killed."""
    with _ONE_AT_A_TIME.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another run has the fresh machine of this host: waiting for its end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class ControlGroups:
    """A group of the machine's own in every hierarchy of this host, so that its engine sees and limits only what is its own."""

    def __init__(self) -> None:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
        self._unified = {Path(place) / NAME for _, place, kind, *_ in mounts if kind == "cgroup2"}
        self.folders = sorted({Path(place) / NAME for _, place, kind, *_ in mounts if kind == "cgroup"} | self._unified)

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


@dataclass(frozen=True)
class Network:
    """A cable between this host and the machine, and rules of the host's firewall that let it out; each carries our name."""

    host: IPv4Interface
    machine: IPv4Interface

    @classmethod
    def free(cls) -> Network:
        """Addresses that no route of this host covers."""
        routes = json.loads(run_on_host("ip", "-json", "-4", "route", "show", "table", "all"))
        taken = [ip_network(route["dst"]) for route in routes if route["dst"] != "default"]
        for network in _ADDRESSES.subnets(new_prefix=30):
            if not any(network.overlaps(other) for other in taken):
                host, machine = (IPv4Interface(f"{address}/30") for address in network.hosts())
                return cls(host, machine)
        raise MachineError(f"every network in {_ADDRESSES} has a route on this host already")

    def connect(self, process: int) -> None:
        run_on_host("ip", "link", "add", NAME, "mtu", _mtu(), "type", "veth", "peer", "name", "eth0", "mtu", _mtu(), "netns", str(process))
        run_on_host("ip", "address", "add", str(self.host), "dev", NAME)
        run_on_host("ip", "link", "set", NAME, "up")
        for command in (
            ("link", "set", "lo", "up"),
            ("address", "add", str(self.machine), "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("route", "add", "default", "via", str(self.host.ip)),
        ):
            run_on_host("nsenter", f"--target={process}", "--net", "ip", *command)
        Path(f"/proc/sys/net/ipv4/conf/{NAME}/route_localnet").write_text("1")
        for table, chain, rule in (
            ("filter", "FORWARD", f"-i {NAME} -j ACCEPT"),
            ("filter", "FORWARD", f"-o {NAME} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
            ("nat", "POSTROUTING", f"-s {self.machine.network} ! -o {NAME} -j MASQUERADE"),
            # A proxy that listens on this host's loopback alone is reached at the host's end of the cable.
            ("nat", "PREROUTING", f"-i {NAME} -d {self.host.ip} -p tcp -j DNAT --to-destination 127.0.0.1"),
        ):
            _iptables(table, "-I", chain, *rule.split(), "-m", "comment", "--comment", NAME)

    def seen_from_inside(self, text: str) -> str:
        """A configuration of this host, in which its loopback is named as the machine reaches it."""
        return _LOOPBACK.sub(str(self.host.ip), text)

    @staticmethod
    def remove() -> None:
        if shutil.which("iptables"):
            for table in ("filter", "nat"):
                for rule in _iptables(table, "-S").splitlines():
                    words = shlex.split(rule)
                    if words[0] == "-A" and NAME in words and "--comment" in words:
                        _iptables(table, "-D", *words[1:])
        if Path(f"/sys/class/net/{NAME}").exists():
            with suppress(MachineError):
                # The kernel removes it by itself when the machine's network is gone, perhaps at this very moment.
                run_on_host("ip", "link", "delete", NAME)


def _iptables(table: str, *arguments: str) -> str:
    return run_on_host("iptables", "--wait", "-t", table, *arguments)


def _mtu() -> str:
    """As large as packets to the outside may be: nobody on the way tells the machine that its own are too large."""
    for route in json.loads(run_on_host("ip", "-json", "-4", "route", "show", "default")):
        return Path(f"/sys/class/net/{route['dev']}/mtu").read_text().strip()
    raise MachineError("this host has no default route: the machine could not reach a package source")


class Forwarding:
    """Between this host's networks; an engine switches it on, too, and needs it from then on."""

    _SWITCH = Path("/proc/sys/net/ipv4/ip_forward")
    _WAS_OFF = FOLDER / "forwarding-was-off"

    @classmethod
    def switch_on(cls) -> None:
        if cls._SWITCH.read_text().strip() == "0":
            cls._WAS_OFF.touch()
            cls._SWITCH.write_text("1")

    @classmethod
    def restore(cls) -> None:
        if cls._WAS_OFF.exists() and not Path("/sys/class/net/docker0").exists():
            cls._SWITCH.write_text("0")


class ThrowawayMachine:
    def __init__(self, log: Path) -> None:
        self._log = log
        self._groups = ControlGroups()
        self._network = Network.free()
        self._first: subprocess.Popen[str] | None = None
        self._process = 0
        home = os.environ.get("HOME", "/root").lstrip("/")
        self._settings = {**{path: path for path in _SETTINGS}, **{f"{home}/{path}": f"root/{path}" for path in _SETTINGS_OF_USER}}

    def make_root(self, packages: Sequence[str]) -> None:
        FOLDER.mkdir()
        suite, sources = _packages_of_host()
        settings = FOLDER / "apt.conf"
        settings.write_text(_apt_settings())
        # In namespaces of their own its mounts and processes are gone with it, even when it is killed.
        alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        self._logged(
            [
                *alone,
                "mmdebstrap",
                "--variant=minbase",
                f"--include={','.join(packages)}",
                f"--aptopt={settings}",
                # Nobody needs this file system after a loss of power.
                "--dpkgopt=force-unsafe-io",
                suite,
                str(ROOT),
                *sources,
            ],
            environment=os.environ | {"TMPDIR": str(FOLDER)},
        )
        self._configure()

    def _configure(self) -> None:
        """Names, and the way to the package sources, as this host has it."""
        (ROOT / "etc/hostname").write_text("fresh-machine\n")
        (ROOT / "etc/hosts").write_text("127.0.0.1 localhost fresh-machine\n::1 localhost\n")
        resolver = next(path for path in (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf")) if path.exists())
        (ROOT / "etc/resolv.conf").unlink(missing_ok=True)
        (ROOT / "etc/resolv.conf").write_text(resolver.read_text())
        for source, target in self._settings.items():
            _copy(Path("/") / source, ROOT / target)
        for variable in _CERTIFICATE_VARIABLES:
            if certificates := os.environ.get(variable):
                _copy(Path(certificates), ROOT / certificates.lstrip("/"))
        _copy(Path("/") / _AUTHORITIES, ROOT / _AUTHORITIES)
        copied = [ROOT / "etc/apt", *(ROOT / target for target in self._settings.values())]
        for file in (file for place in copied for file in (place.rglob("*") if place.is_dir() else (place,)) if file.is_file()):
            if file.suffix not in (".gpg", ".asc") and not file.is_symlink():
                file.write_text(self._network.seen_from_inside(file.read_text()))

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
                str(ROOT),
                NAME,
                *map(str, self._groups.folders),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=self._belong,  # noqa: PLW1509 - this program has one thread
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
        for name, value in os.environ.items():
            if _VARIABLES.fullmatch(name):
                environment[name] = self._network.seen_from_inside(value)
            elif name in _CERTIFICATE_VARIABLES:
                environment[name] = value
        enter = ["nsenter", f"--target={self._process}", "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--root", "--wd"]
        return self._logged([*enter, "/usr/bin/env", f"--chdir={folder}", "bash", "-c", command], environment, self._belong, command)

    def _belong(self) -> None:
        dies_with_parent()
        self._groups.join()

    def _logged(
        self,
        command: Sequence[str],
        environment: dict[str, str],
        before: Callable[[], None] = dies_with_parent,
        shown: str = "",
    ) -> str:
        shown = shown or shlex.join(command)
        written: list[str] = []
        with (
            self._log.open("a", encoding="utf-8") as log,
            subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                preexec_fn=before,  # noqa: PLW1509 - as above
            ) as process,
        ):
            log.write(f"$ {shown}\n")
            for line in process.stdout or ():
                written.append(line)
                log.write(line)
                log.flush()
        if process.returncode != 0:
            raise MachineError(f"'{shown}' failed with exit code {process.returncode}")
        return "".join(written)

    def close(self) -> None:
        if self._first is not None:
            self._first.kill()
            self._first.wait()
        clear()


def clear() -> None:
    """Every trace of a machine, of this run or of one that was killed."""
    ControlGroups().remove()
    Network.remove()
    Forwarding.restore()
    if FOLDER.exists():
        # Should anything of this host still be mounted in it, that is not for us to delete.
        run_on_host("rm", "--recursive", "--force", "--one-file-system", str(FOLDER))


def _packages_of_host() -> tuple[str, list[str]]:
    """The release that the machine gets, and where this host finds its packages."""
    try:
        host = Distribution.of_host()
        suite = host.codename if host.id == "ubuntu" else DEBIAN_SUITE
        return suite, [as_line(source) for source in sources_for(suite, host, read_sources())]
    except Refusal as refusal:
        raise MachineError(str(refusal)) from refusal


def _apt_settings() -> str:
    lines = run_on_host("apt-config", "dump").splitlines()
    return "\n".join(line for line in lines if line.startswith(_APT_SETTINGS)) + "\n"


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.is_file() and not target.is_symlink():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
