"""A real second daemon beside the one that the tests need, in a network namespace of its own.

Without that, a daemon told to have no bridge would remove the bridge of the one that runs.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import docker
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.containers.daemon import DetachedDaemon
from harness.module_runner import run_module
from harness.waiting import eventually

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("dockerd") is None, reason="needs root and dockerd")


class SecondEngine:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"unix://{folder}/engine.sock"
        options = {"data-root": "data", "exec-root": "exec", "pidfile": "docker.pid"}
        places = [f"--{name}={folder / place}" for name, place in options.items()]
        command = ("unshare", "--net", "dockerd", f"--host={self.address}", "--bridge=none", "--iptables=false", *places)
        self.daemon = DetachedDaemon(command, pid_file=folder / "docker.pid", log=folder / "log")

    def answers(self) -> bool:
        try:
            docker.DockerClient(base_url=self.address).close()
        except docker.errors.DockerException:
            return False
        return True

    def start(self) -> int:
        return self.daemon.start(self.answers)

    def crash(self, pid: int) -> None:
        """The daemon dies, and the kernel takes its containerd along."""
        containerd = Path("/proc", (self.folder / "exec/containerd/containerd.pid").read_text().strip())
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        eventually(lambda: not containerd.exists(), "its containerd is gone")

    def stop(self) -> None:
        with suppress(FileNotFoundError, ProcessLookupError, ChildProcessError):
            pid = int((self.folder / "docker.pid").read_text())
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)
        # The daemon mounts its own folder, and a crash leaves the mount behind.
        while subprocess.run(["umount", str(self.folder / "data")], capture_output=True, check=False).returncode == 0:
            pass


@pytest.fixture
def engine() -> Iterator[SecondEngine]:
    # Not pytest's own folder: the path of a socket may not be long.
    with tempfile.TemporaryDirectory(prefix="zz-engine-", ignore_cleanup_errors=True) as folder:
        second = SecondEngine(Path(folder))
        yield second
        second.stop()


def test_a_detached_daemon_answers_and_starts_again_after_a_crash(engine: SecondEngine) -> None:
    pid = engine.start()
    assert engine.answers()
    assert os.getsid(pid) == pid
    engine.crash(pid)
    assert not engine.answers()
    assert (engine.folder / "docker.pid").exists()
    engine.start()
    assert engine.answers()


def test_the_running_engine_is_left_alone() -> None:
    answer = run_module("docker_engine", {"progress": ""})
    assert not answer["changed"]
    assert answer["steps"] == []
    assert answer["engine_version"] == docker.from_env().version()["Version"]
    assert answer["compose_version"]


def test_an_engine_named_by_the_user_that_does_not_answer_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    answer = run_module("docker_engine", {"progress": ""})
    assert answer["failed"]
    assert answer["msg"].startswith("DOCKER_HOST is set, but the Docker engine does not answer")
    assert "\n" not in answer["msg"]
