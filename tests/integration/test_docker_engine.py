"""A real second daemon, beside the one that the tests need: no bridge, no packet filter, folders of its own."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import docker
import pytest
from integration.module_runner import run_module

from ansible_collections.echobase.platform.plugins.module_utils.docker_daemon import DetachedDaemon

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("dockerd") is None, reason="needs root and dockerd")


class SecondEngine:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"unix://{folder}/engine.sock"
        options = {"data-root": "data", "exec-root": "exec", "pidfile": "docker.pid"}
        places = [f"--{name}={folder / place}" for name, place in options.items()]
        command = ("dockerd", f"--host={self.address}", "--bridge=none", "--iptables=false", *places)
        self.daemon = DetachedDaemon(command, pid_file=folder / "docker.pid", log=folder / "log")

    def answers(self) -> bool:
        try:
            docker.DockerClient(base_url=self.address).close()
        except docker.errors.DockerException:
            return False
        return True

    def start(self) -> int:
        return self.daemon.start(self.answers)

    def kill(self) -> None:
        for file in (self.folder / "docker.pid", self.folder / "exec/containerd/containerd.pid"):
            with suppress(FileNotFoundError, ProcessLookupError, ChildProcessError):
                pid = int(file.read_text())
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


@pytest.fixture
def engine() -> Iterator[SecondEngine]:
    # Not pytest's own folder: the path of a socket may not be long.
    with tempfile.TemporaryDirectory(prefix="zz-engine-", ignore_cleanup_errors=True) as folder:
        second = SecondEngine(Path(folder))
        yield second
        second.kill()


def test_a_detached_daemon_answers_and_starts_again_after_a_crash(engine: SecondEngine) -> None:
    pid = engine.start()
    assert engine.answers()
    assert os.getsid(pid) == pid
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
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
