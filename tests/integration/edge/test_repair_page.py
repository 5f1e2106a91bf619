"""Every command of docs/operate/repair.md, run where it is needed: it does what the page says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from harness.table_fault_scene import ALL_BLUE, ALL_LOUD, GREEN, FaultScene, running_scene

CHECKOUT = Path(__file__).resolve().parents[3]
PAGE = CHECKOUT / "docs" / "operate" / "repair.md"


def commands() -> list[str]:
    return [line.removeprefix("$ ") for line in PAGE.read_text().splitlines() if line.startswith("$ ")]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultScene]:
    with running_scene(tmp_path_factory.mktemp("repair"), "repair-page", 28843, "127.69") as scene:
        yield scene


@pytest.fixture
def scene(running: FaultScene) -> FaultScene:
    running.begin_anew()
    return running


def run(scene: FaultScene, command: str, process: int = 0) -> str:
    """In environment test and this scene's places instead of devlocal."""
    variables = {
        "echobase_home": str(scene.edge.home.parent),
        "echobase_network_prefix": scene.network_prefix,
        "traffic_endpoints": scene.endpoints,
    }
    chosen = scene.edge.home.parent / "variables.json"
    chosen.write_text(json.dumps(variables))
    here = {
        ".venv/bin/ansible-playbook": f"{sys.executable} -m ansible playbook -e @{chosen}",
        "inventories/devlocal": "tests/inventory",
        "/var/lib/echobase/devlocal": str(scene.edge.home),
        "https://localhost/": f"https://localhost:{scene.edge.port}/",
        "echobase-devlocal-edge": scene.edge.container,
        "1234": str(process),
    }
    for there, place in here.items():
        command = command.replace(there, place)
    environment = os.environ | {"ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(
        ["bash", "-c", command], cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def remove_link(scene: FaultScene) -> None:
    (scene.folder / "current").unlink()


def remove_link_beside_a_sick_blue(scene: FaultScene) -> None:
    remove_link(scene)
    scene.colours["blue"].statuses["/ready"] = 503


def write_ledger(scene: FaultScene) -> None:
    Ledger(scene.edge.home / "ledger.jsonl").append({"event": "promoted", "colour": "blue"})


def assert_blue(scene: FaultScene, output: str) -> None:
    assert scene.customers.answers() == ALL_BLUE
    scene.colours["blue"].statuses.clear()


def assert_writable(scene: FaultScene, output: str) -> None:
    scene.move(GREEN)


@dataclass(frozen=True)
class Use:
    """Where a command is needed, and what must be true of its output or hold afterwards."""

    before: Callable[[FaultScene], object]
    after: Callable[[FaultScene, str], object]


def shows(*words: str) -> Callable[[FaultScene, str], None]:
    def check(scene: FaultScene, output: str) -> None:
        for word in words:
            assert word in output, output

    return check


def remove_link_and_ask(scene: FaultScene) -> None:
    remove_link(scene)
    assert scene.customers.answers() == ALL_LOUD


# By how they begin, up to where they are unique.
USES = {
    ".venv/bin/ansible-playbook -i inventories/devlocal playbooks/status.yml": Use(
        remove_link, shows("the routing table is broken: ", "switch_repair=true")
    ),
    "curl ": Use(remove_link, shows("the routing table cannot be read")),
    "docker logs ": Use(remove_link_and_ask, shows('"level":"alert"', '"entrance":"public"')),
    ".venv/bin/ansible-playbook -i inventories/devlocal playbooks/switch.yml -e switch_to=blue -e switch_repair=true -e": Use(
        remove_link_beside_a_sick_blue, assert_blue
    ),
    ".venv/bin/ansible-playbook -i inventories/devlocal playbooks/switch.yml": Use(remove_link, assert_blue),
    "tail ": Use(write_ledger, shows('"event": "promoted"', '"colour": "blue"')),
    "grep ": Use(remove_link, shows('/000003/weights.json:{"blue": 100, "green": 0}')),
    "df -h ": Use(FaultScene.fill_disk, shows(" 100% ")),
    "df -i ": Use(lambda scene: scene.leave_inodes(0), shows(" 100% ")),
    "mount ": Use(lambda scene: scene.remount("ro"), assert_writable),
    "echo 41": Use(lambda scene: (scene.folder / "fencing").write_text("torn"), lambda scene, _: scene.routes.refuse_outdated(41)),
}
KILL = "kill -9 1234"


def use_of(command: str) -> Use:
    return next(use for beginning, use in USES.items() if command.startswith(beginning))


def test_no_command_of_the_page_is_untested() -> None:
    assert len(commands()) == len(USES) + 1
    assert {use_of(command).after for command in commands() if command != KILL} == {use.after for use in USES.values()}


@pytest.mark.parametrize("command", [command for command in commands() if command != KILL])
def test_a_command_of_the_page_does_what_it_is_for(scene: FaultScene, command: str) -> None:
    use_of(command).before(scene)
    use_of(command).after(scene, run(scene, command))


def test_ending_who_holds_the_lock_lets_the_next_one_in(scene: FaultScene) -> None:
    program = "import fcntl, sys; held = open(sys.argv[1]); fcntl.flock(held, fcntl.LOCK_EX); print(flush=True); input()"
    holder = subprocess.Popen([sys.executable, "-c", program, str(scene.folder / ".lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    run(scene, KILL, holder.pid)
    holder.communicate()
    NginxRoutes(scene.folder, lock_patience=1).prepare(GREEN)
