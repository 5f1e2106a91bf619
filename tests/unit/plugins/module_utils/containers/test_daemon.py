"""The daemon is played by small programs; tests/integration/host/test_docker_engine.py starts a real one."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.daemon import DetachedDaemon


def daemon(folder: Path, script: str) -> DetachedDaemon:
    return DetachedDaemon(command=("/bin/sh", "-c", script), pid_file=folder / "pid", log=folder / "log")


def test_it_is_awaited_and_outlives_its_starter(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    pid = daemon(tmp_path, f"echo hello; touch {ready}; exec sleep 60").start(ready.exists)
    try:
        assert os.getsid(pid) == pid
        assert (tmp_path / "log").read_text() == "hello\n"
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_a_daemon_that_leaves_is_reported_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="left with exit code 3") as caught:
        daemon(tmp_path, "echo cannot create bridge >&2; exit 3").start(lambda: False)
    assert "cannot create bridge" in caught.value.cause


def test_a_daemon_that_never_answers_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="did not answer within 0 s"):
        daemon(tmp_path, "exec sleep 60").start(lambda: False, deadline=0)


@pytest.mark.parametrize("content", ["", "not a number", "999999999", str(os.getpid())])
def test_a_pid_file_of_a_dead_process_or_a_stranger_goes(tmp_path: Path, content: str) -> None:
    (tmp_path / "pid").write_text(content)
    with pytest.raises(Refusal):
        daemon(tmp_path, "exit 0").start(lambda: False)
    assert not (tmp_path / "pid").exists()


def test_a_pid_file_of_a_living_daemon_stays(tmp_path: Path) -> None:
    (tmp_path / "pid").write_text(str(os.getpid()))
    own = Path(sys.executable).resolve().name
    with pytest.raises(Refusal):
        DetachedDaemon(command=(own, "-c", ""), pid_file=tmp_path / "pid", log=tmp_path / "log").start(lambda: False)
    assert (tmp_path / "pid").exists()


def test_no_daemon_at_all_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="there is no dockerd to start"):
        DetachedDaemon(command=("no-such-daemon",), pid_file=tmp_path / "pid", log=tmp_path / "log").start(lambda: False)
