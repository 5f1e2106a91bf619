"""Modules that share a connection, which here leads to another process of this machine."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from ansible_collections.echobase.platform.plugins.module_utils.host.process_identity import ProcessIdentity
from ansible_collections.echobase.platform.plugins.module_utils.lease.lease import Lease
from ansible_collections.echobase.platform.plugins.module_utils.lease.release_lease import ReleaseLease
from ansible_collections.echobase.platform.plugins.plugin_utils.module_connection import BOOTSTRAP, ConnectionLost, NotPossible, Way
from harness.waiting import eventually

PLUGINS = "ansible_collections.echobase.platform.plugins.modules"
# Says who it is, for each connection that is made, before it becomes the host's Python.
_HOST = "echo $$ >>{folder}/connections; echo BECOME-SUCCESS; exec env XDG_CACHE_HOME={folder}/cache {python} -c {bootstrap}"
# As ssh does, this ends without harm to who is at the other end.
_SSH = "sh -c {host}; :"


class Scene:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = environment("test", str(folder / "home"))
        (folder / "run").mkdir()
        # A playbook that goes on until the test is over.
        self.playbook = subprocess.Popen(["sleep", "infinity"])

    @property
    def way(self) -> Way:
        words = {"folder": str(self.folder), "python": sys.executable, "bootstrap": shlex.quote(BOOTSTRAP)}
        host = _HOST.format(**words)
        return Way(["sh", "-c", _SSH.format(host=shlex.quote(host))], self.folder / "run", self.playbook.pid)

    @property
    def connections(self) -> list[int]:
        file = self.folder / "connections"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def call(self, module: str, **arguments: Any) -> dict[str, Any]:
        given = {"environment": "test", "home": str(self.folder / "home"), **arguments}
        printed = self.way.call(f"{PLUGINS}.{module}", json.dumps({"ANSIBLE_MODULE_ARGS": given}), "legacy")
        return dict(json.loads(printed))

    def record(self, release: str) -> dict[str, Any]:
        return self.call("release_ledger", event="deployed", colour="blue", release=release)

    @property
    def recorded(self) -> list[str]:
        return [entry["release"] for entry in Ledger(Path(self.env.path("ledger.jsonl"))).entries()]


@pytest.fixture
def scene(tmp_path: Path) -> Any:
    scene = Scene(tmp_path)
    yield scene
    scene.playbook.kill()
    scene.playbook.wait()
    eventually(lambda: not any(map(is_alive, scene.connections)), "nothing outlives the playbook")


def is_alive(process: int) -> bool:
    return ProcessIdentity.of(process).has_ended is False


def test_modules_of_a_playbook_share_a_connection(scene: Scene) -> None:
    assert [scene.record(release)["changed"] for release in ("one", "two", "three")] == [True] * 3
    assert scene.recorded == ["one", "two", "three"]
    assert len(scene.connections) == 1


def test_tasks_that_begin_at_once_share_it_and_do_not_wait_for_each_other(scene: Scene) -> None:
    """The first one waits for a lease that the test gives back once the others have answered."""
    lease = ReleaseLease(scene.env)
    number = lease.take(Lease(0, "test", "kim", "deploy", ProcessIdentity.of(os.getpid()))).number
    holder = {"run": "other", "owner": "kim", "machine": "elsewhere", "host": "laptop", "process": 1, "started": 1}
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(scene.call, "release_lease", operation="promote", wait=60, holder=holder)
        quick = [pool.submit(scene.record, str(release)) for release in range(5)]
        assert all(one.result()["changed"] for one in quick)
        assert not waiting.done()
        assert lease.give_back(number, "test")
        assert waiting.result()["number"] == number + 1
    assert len(scene.connections) == 1


def test_code_that_is_there_is_not_sent_again(scene: Scene, tmp_path: Path) -> None:
    scene.record("one")
    (kept,) = (tmp_path / "cache/echobase/modules").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    first = kept.stat()
    # Another playbook begins with an empty folder of its own.
    (tmp_path / "run").rename(tmp_path / "run before")
    (tmp_path / "run").mkdir()
    scene.record("two")
    assert (kept.stat().st_ino, len(scene.connections)) == (first.st_ino, 2)


def test_damaged_code_is_sent_again(scene: Scene, tmp_path: Path) -> None:
    scene.record("one")
    (kept,) = (tmp_path / "cache/echobase/modules").iterdir()
    kept.write_bytes(b"x")
    (tmp_path / "run").rename(tmp_path / "run before")
    (tmp_path / "run").mkdir()
    assert scene.record("two")["changed"]
    assert kept.stat().st_size > 100_000


def test_a_module_that_breaks_says_why(scene: Scene) -> None:
    printed = scene.way.call(f"{PLUGINS}.no_such_module", "{}", "legacy")
    assert "ModuleNotFoundError: No module named" in printed
    assert scene.record("after it")["changed"]


def test_a_refusal_is_an_answer(scene: Scene) -> None:
    assert "unknown environment 'tset'" in scene.call("release_ledger", environment="tset", event="deployed")["msg"]


def test_a_broken_connection_is_noticed_and_the_next_task_makes_another_one(scene: Scene) -> None:
    lease = ReleaseLease(scene.env)
    lease.take(Lease(0, "test", "kim", "deploy", ProcessIdentity.of(os.getpid())))
    holder = {"run": "other", "owner": "kim", "machine": "elsewhere", "host": "laptop", "process": 1, "started": 1}
    scene.record("one")
    killed = threading.Timer(0.5, os.kill, (scene.connections[0], signal.SIGKILL))
    killed.start()
    with pytest.raises(ConnectionLost):
        scene.call("release_lease", operation="promote", wait=5, holder=holder)
    killed.join()
    assert scene.record("two")["changed"]
    assert len(scene.connections) == 2


@pytest.mark.parametrize(("command", "why"), [("false", "ended the connection"), ("echo no such key >&2; exit 255", "no such key")])
def test_a_way_that_leads_nowhere_is_tried_once(scene: Scene, command: str, why: str) -> None:
    way = Way(["sh", "-c", command], scene.folder / "run", scene.playbook.pid)
    with pytest.raises(NotPossible, match=why):
        way.call(f"{PLUGINS}.release_info", "{}", "legacy")
    with pytest.raises(NotPossible, match="tried before"):
        way.call(f"{PLUGINS}.release_info", "{}", "legacy")


def test_what_was_begun_comes_to_its_end_when_the_playbook_is_killed(scene: Scene) -> None:
    lease = ReleaseLease(scene.env)
    number = lease.take(Lease(0, "test", "kim", "deploy", ProcessIdentity.of(os.getpid()))).number
    holder = {"run": "other", "owner": "kim", "machine": "elsewhere", "host": "laptop", "process": 1, "started": 1}
    scene.record("one")
    server = scene.connections[0]
    with ThreadPoolExecutor() as pool:
        task = pool.submit(scene.call, "release_lease", operation="promote", wait=60, holder=holder)
        eventually(lambda: Path(f"/proc/{server}/task/{server}/children").read_text().strip(), "the module is at work")
        scene.playbook.kill()
        with pytest.raises(ConnectionLost):
            task.result()
    assert is_alive(server)
    lease.give_back(number, "test")
    eventually(lambda: lease.read().run == "other", "the module has taken the lease")
    eventually(lambda: not is_alive(server), "then nobody is left")
