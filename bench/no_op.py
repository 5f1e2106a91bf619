"""How long a run takes that finds nothing to do, beside Compose doing the same for the same containers."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.environment.ports_and_subnets import COLOURS
from bench.machine import CHECKOUT, load_of_others
from bench.place import Place
from bench.results import Result
from harness.environment_under_test import INVENTORY, TEST, PlaybookRun, run_playbook

ROUNDS = 7
_DURABLE = ("edge-sockets", "durable-mariadb", "desk", "edge")
_EMPTY_PLAY = "[{hosts: echobase, gather_facts: false, tasks: [{ansible.builtin.debug: {msg: nothing}}]}]\n"


@dataclass(frozen=True)
class Contender:
    name: str
    command: tuple[str, ...]
    # The Compose files of the containers that it looks after.
    files: tuple[str, ...] = ()
    # What it may take: seconds, or times what Compose takes.
    most_seconds: float = 0
    most_times_compose: float = 0


def _playbook(path: str) -> tuple[str, ...]:
    return (str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(INVENTORY), path)


# The inventory of environment test lies elsewhere than those that `make` knows.
_MAKE = ("make", "--silent", "dev", f"ENV=../{INVENTORY.relative_to(CHECKOUT)}")
CONTENDERS = (
    Contender("make dev", _MAKE, (*_DURABLE, "blue"), most_seconds=8),
    Contender("setup_durable.yml", _playbook("playbooks/setup_durable.yml"), _DURABLE, most_seconds=4),
    Contender("deploy_green.yml", _playbook("playbooks/deploy_green.yml"), ("green",), most_times_compose=3),
)


def run(place: Place) -> Result:
    """It wants nothing of the place: it uses environment test, and removes it."""
    del place
    try:
        for playbook in ("setup", "deploy_green"):
            run_playbook(playbook)
        return measured()
    finally:
        run_playbook("teardown")


def measured() -> Result:
    """All in turn, round by round, so that what disturbs the machine disturbs all of them."""
    load = load_of_others()
    broken: set[str] = set()
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder, "empty.yml")
        empty.write_text(_EMPTY_PLAY)
        commands = {one.name: one.command for one in CONTENDERS}
        # What Ansible takes for itself, whatever it is told to do.
        commands["an empty play"] = _playbook(str(empty))
        commands |= {file: _compose_up(file) for one in CONTENDERS for file in one.files}
        for _ in range(ROUNDS):
            for name, command in commands.items():
                began = time.monotonic()
                output = _output(command)
                seconds.setdefault(name, []).append(time.monotonic() - began)
                if "PLAY RECAP" in output and PlaybookRun(name, 0, output).changed:
                    broken.add(f"{name} changed something although there was nothing to do")
    rows = [_row(one, seconds) for one in CONTENDERS]
    figures = {"rounds": ROUNDS, "load_of_others": load, "rows": rows, "empty_play": round(median(seconds["an empty play"]), 2)}
    return Result("no_op", figures, sorted(broken), [problem for row in rows for problem in _below_aim(row)])


def _row(one: Contender, seconds: dict[str, list[float]]) -> dict[str, Any]:
    taken = seconds[one.name]
    return {
        "name": one.name,
        "seconds": round(median(taken), 2),
        "fastest": round(min(taken), 2),
        "slowest": round(max(taken), 2),
        "compose_seconds": round(sum(median(seconds[file]) for file in one.files), 2),
        "most_seconds": one.most_seconds,
        "most_times_compose": one.most_times_compose,
    }


def _below_aim(row: dict[str, Any]) -> list[str]:
    most = row["most_seconds"] or row["most_times_compose"] * row["compose_seconds"]
    return [f"{row['name']} takes {row['seconds']:.1f} s, more than {most:.1f} s"] if row["seconds"] > most else []


def _compose_up(file: str) -> tuple[str, ...]:
    project = TEST.colour(file).project if file in COLOURS else TEST.durable_project
    path = TEST.path("compose", f"{file}.yml")
    return ("docker", "compose", "--project-name", project, "--file", path, "up", "--detach", "--wait")


def _output(command: tuple[str, ...]) -> str:
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        env=os.environ | {"ANSIBLE_NOCOLOR": "1", "COMPOSE_IGNORE_ORPHANS": "true"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout}"
    return done.stdout
