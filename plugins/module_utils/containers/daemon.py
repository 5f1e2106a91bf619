"""Starts the Docker daemon on a host with or without systemd, and knows when it answers."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.waiting import looks, wait_until

DEADLINE_SECONDS = 60.0
_LOG_LINES = 5


def systemd_runs(root: Path = Path("/")) -> bool:
    return (root / "run/systemd/system").is_dir()


def start_by_systemd(answers: Callable[[], bool], deadline: float = DEADLINE_SECONDS) -> None:
    done = subprocess.run(["systemctl", "enable", "--now", "docker.service"], capture_output=True, text=True, check=False)
    if done.returncode == 0 and wait_until(answers, deadline):
        return
    said = done.stderr.strip().splitlines()[-1:] or [f"it did not answer within {deadline:.0f} s"]
    raise Refusal(f"the Docker engine does not start: {said[0]}", "see journalctl --unit docker.service")


@dataclass(frozen=True)
class DetachedDaemon:
    """A daemon without a supervisor: containers have none, and Debian's init script fails there on a limit it cannot raise."""

    command: Sequence[str] = ("dockerd",)
    pid_file: Path = Path("/var/run/docker.pid")
    log: Path = Path("/var/log/dockerd.log")

    def start(self, answers: Callable[[], bool], deadline: float = DEADLINE_SECONDS) -> int:
        """Returns its process id once it answers."""
        self._remove_stale_pid_file()
        with self.log.open("ab") as log:
            try:
                process = subprocess.Popen(
                    self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, cwd="/"
                )
            except FileNotFoundError as error:
                raise Refusal("there is no dockerd to start", "install Docker Engine 20.10 or newer") from error
        for _look in looks(deadline):
            if answers():
                return process.pid
            if process.poll() is not None:
                raise self._refusal(f"left with exit code {process.returncode}")
        process.terminate()
        raise self._refusal(f"did not answer within {deadline:.0f} s")

    def _remove_stale_pid_file(self) -> None:
        """The daemon refuses to start while the process named there exists, whatever it is: after a crash, perhaps a stranger."""
        try:
            pid = int(self.pid_file.read_text().strip())
        except FileNotFoundError:
            return
        except ValueError:
            pid = 0
        if _program_of(pid) != Path(self.command[0]).name:
            self.pid_file.unlink(missing_ok=True)

    def _refusal(self, what: str) -> Refusal:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
        return Refusal(
            f"the Docker engine {what}; the end of {self.log}:\n  " + "\n  ".join(lines) + "\n",
            "these lines say why; where this host is a container itself, it has to be started with --privileged",
        )


def _program_of(pid: int) -> str:
    if pid <= 0:
        return ""
    try:
        return Path(f"/proc/{pid}/exe").readlink().name.removesuffix(" (deleted)")
    except OSError:
        return ""
