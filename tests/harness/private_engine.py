"""A Docker engine of its own, in a network namespace of its own, that a test may crash: no other container of this machine notices."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.waiting import eventually

_CLONE_NEWNET = 0x40000000
_START_SECONDS = 60
# Without a bridge and without rules it needs nothing of the network. In another namespace than its own it would delete docker0.
_OPTIONS = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false", "--userland-proxy=false"]
# What the machine's own engine keeps there is not for this one to see.
_HIDE = "for folder in /run/docker /run/containerd; do mkdir -p $folder; mount -t tmpfs tmpfs $folder; done"


class PrivateEngine:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # This folder is gone after a crash, as /run is.
        self._run = folder / "run"
        self._namespace = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        self._daemon: subprocess.Popen[bytes] | None = None
        own = Path("/proc/self/ns/net").readlink()
        eventually(lambda: self._network.readlink() != own, "the network is the engine's own", interval=0.01)
        subprocess.run(["nsenter", f"--net={self._network}", "ip", "link", "set", "lo", "up"], check=True)

    @property
    def host(self) -> str:
        """The engine's address, for DOCKER_HOST."""
        return f"unix://{self._run}/docker.sock"

    def start(self) -> None:
        self._run.mkdir()
        places = [f"--data-root={self._folder}/data", f"--exec-root={self._run}/exec", f"--pidfile={self._run}/pid", f"--host={self.host}"]
        script = f'{_HIDE}; exec dockerd "$@"'
        command = ["nsenter", f"--net={self._network}", "unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]
        with (self._folder / "log").open("ab") as log:
            self._daemon = subprocess.Popen([*command, *places, *_OPTIONS], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        daemon, asks = self._daemon, ["docker", "--host", self.host, "version"]

        def answers() -> bool:
            assert daemon.poll() is None, self._last_words()
            return subprocess.run(asks, capture_output=True, check=False).returncode == 0

        eventually(answers, self._last_words, _START_SECONDS, interval=0.1)

    def load(self, image: str) -> None:
        """Loads an image from the machine's own engine."""
        with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saved:
            subprocess.run(["docker", "--host", self.host, "load"], stdin=saved.stdout, capture_output=True, check=True)

    def stop(self) -> None:
        assert self._daemon is not None
        self._daemon.terminate()
        self._daemon.wait(_START_SECONDS)
        self._forget()

    def crash(self) -> None:
        """Kills the engine and every container at once, as when the machine loses power: nobody can do anything about it."""
        while processes := self._processes():
            # Nobody may see another one die.
            for deadly in (signal.SIGSTOP, signal.SIGKILL):
                for process in processes:
                    _send(process, deadly)
        assert self._daemon is not None
        self._daemon.wait()
        self._forget()

    def close(self) -> None:
        if self._daemon is not None and self._daemon.poll() is None:
            self.crash()
        self._namespace.kill()
        self._namespace.wait()

    @contextmanager
    def entered(self) -> Iterator[None]:
        """While the block lasts, whatever this thread opens or starts, threads included, is in the engine's network."""
        with Path("/proc/thread-self/ns/net").open() as before, self._network.open() as inside:
            _enter(inside.fileno())
            try:
                yield
            finally:
                _enter(before.fileno())

    def _last_words(self) -> str:
        return (self._folder / "log").read_text()[-2000:]

    @property
    def _network(self) -> Path:
        return Path(f"/proc/{self._namespace.pid}/ns/net")

    def _processes(self) -> list[int]:
        network = self._network.readlink()
        mine = {os.getpid(), self._namespace.pid}
        return [process for process in _all_processes() if process not in mine and _network_of(process) == network]

    def _forget(self) -> None:
        self._daemon = None
        shutil.rmtree(self._run)


def _all_processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _network_of(process: int) -> Path | None:
    try:
        return Path(f"/proc/{process}/ns/net").readlink()
    except OSError:
        # The process has ended meanwhile.
        return None


def _send(process: int, deadly: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, deadly)


def _enter(network: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(network, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
