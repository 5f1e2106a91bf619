"""tools/watch, with a playbook that only waits: it comes to its end, whatever happens to whoever started it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from areas import CHECKOUT
from harness.waiting import eventually

SURROUNDINGS = os.environ | {"ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - block:
        - debug: {msg: it is shown}
        - echobase.platform.watch_end: {environment: test, home: "{{ here }}", session: "{{ watch_session }}"}
      always:
        - debug: {msg: "a word on the way, {{ given }}"}
        - file: {path: "{{ here }}/ended", state: touch}
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for folder in ("tools", "playbooks", "inventories/here", "sessions"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(CHECKOUT / "tools" / "watch", tmp_path / "tools" / "watch")
    (tmp_path / "playbooks" / "watch.yml").write_text(PLAYBOOK)
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "here": str(tmp_path)}
    hosts = " ".join(f"{name}: {value!r}," for name, value in variables.items())
    (tmp_path / "inventories" / "here" / "hosts.yml").write_text(f"all: {{hosts: {{one: {{{hosts}}}}}}}\n")
    return tmp_path


@pytest.fixture
def watch(checkout: Path) -> Iterator[subprocess.Popen[str]]:
    surroundings = os.environ | {
        "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "TMPDIR": str(checkout / "sessions"),
    }
    command = [sys.executable, checkout / "tools" / "watch", "here", "-e", "given=from-outside"]
    with subprocess.Popen(command, env=surroundings, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def await_shown(watch: subprocess.Popen[str]) -> None:
    assert watch.stdout
    assert any("it is shown" in line for line in watch.stdout)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_what_is_said_meanwhile_is_shown(checkout: Path, watch: subprocess.Popen[str], number: signal.Signals) -> None:
    await_shown(watch)
    assert not (checkout / "ended").exists()
    watch.send_signal(number)
    told, _ = watch.communicate(timeout=60)
    assert watch.returncode == 0
    assert "ending: the release gets traffic back" in told
    assert "a word on the way, from-outside" in told
    assert (checkout / "ended").exists()
    assert not list((checkout / "sessions").glob("echobase-watch-*"))


def test_a_kill_ends_it_as_well(checkout: Path, watch: subprocess.Popen[str]) -> None:
    await_shown(watch)
    watch.kill()
    watch.communicate(timeout=60)
    eventually((checkout / "ended").exists, "the playbook came to its end")
    assert not list((checkout / "sessions").glob("echobase-watch-*"))


def test_nobody_has_to_look(checkout: Path, watch: subprocess.Popen[str]) -> None:
    """A terminal that is gone takes no more text."""
    await_shown(watch)
    assert watch.stdout
    watch.stdout.close()
    watch.send_signal(signal.SIGHUP)
    assert watch.wait(60) == 0
    assert (checkout / "ended").exists()


def test_a_playbook_that_fails_is_told(checkout: Path) -> None:
    (checkout / "playbooks" / "watch.yml").write_text("- hosts: all\n  gather_facts: false\n  tasks: [{fail: {msg: no place for it}}]\n")
    command = [sys.executable, checkout / "tools" / "watch", "here"]
    done = subprocess.run(command, env=SURROUNDINGS, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no place for it" in done.stdout
