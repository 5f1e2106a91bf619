"""Processes of this host that make and drive a machine, and what they need."""

from __future__ import annotations

import ctypes
import fcntl
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# What making it takes, as program and package.
_TOOLS = {"mmdebstrap": "mmdebstrap", "ip": "iproute2", "iptables": "iptables", "unshare": "util-linux", "git": "git"}
_SYSTEM_PROGRAMS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_DEATH_SIGNAL = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


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
def one_at_a_time(name: str, say: Callable[[str], None]) -> Iterator[None]:
    """A second run with a machine of that name waits. The kernel gives the lock back even when the holder is killed."""
    with Path(f"/run/{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another run has machine {name} of this host: waiting for its end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Log:
    """Where commands and all that they write are kept."""

    file: Path

    def run(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        before: Callable[[], None] = dies_with_parent,
        shown: str = "",
    ) -> str:
        shown = shown or shlex.join(command)
        written: list[str] = []
        with (
            self.file.open("a", encoding="utf-8") as log,
            subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                preexec_fn=before,  # noqa: PLW1509 - it does nothing but name this process
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
