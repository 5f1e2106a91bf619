"""Environment `test`, the only one that this project's tests may touch, driven by the playbooks as a user drives them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, environment

CHECKOUT = Path(__file__).resolve().parents[2]
INVENTORY = CHECKOUT / "tests" / "inventory"
TEST = environment("test")
_RECAP = re.compile(r"^[\w.-]+\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.M)


@dataclass(frozen=True)
class PlaybookRun:
    name: str
    code: int
    output: str

    @property
    def changed(self) -> int:
        return self._recap(2)

    @property
    def executed(self) -> int:
        return self._recap(1)

    def _recap(self, group: int) -> int:
        recap = _RECAP.search(self.output)
        assert recap, f"{self.name} printed no recap:\n{self.output}"
        return int(recap.group(group))


def try_playbook(name: str, *arguments: str, checkout: Path = CHECKOUT) -> PlaybookRun:
    """Runs a playbook of the collection in environment test, whatever comes of it."""
    assert not any(argument.startswith(("-i", "--inventory")) or "echobase_env" in argument for argument in arguments), (
        "tests touch no environment but test"
    )
    process = start_playbook(name, INVENTORY, *arguments, checkout=checkout)
    output, _ = process.communicate()
    return PlaybookRun(name, process.returncode, output)


def start_playbook(
    name: str, inventory: Path, *arguments: str, checkout: Path = CHECKOUT, own_session: bool = False
) -> subprocess.Popen[str]:
    """In a session of its own it can be killed with all that it started."""
    return subprocess.Popen(
        [sys.executable, "-m", "ansible", "playbook", "-i", str(inventory), str(Path("playbooks", f"{name}.yml")), *arguments],
        cwd=checkout,
        env=os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(checkout / "ansible.cfg")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=own_session,
    )


def run_playbook(name: str, *arguments: str, checkout: Path = CHECKOUT) -> PlaybookRun:
    run = try_playbook(name, *arguments, checkout=checkout)
    assert run.code == 0, f"playbooks/{name}.yml failed:\n{run.output}"
    return run


def kept_files(env: Environment) -> Iterator[Path]:
    """Gives the files of the state folder that neither the running edge, nor its desk, nor the archiver writes by itself."""
    for path in sorted(Path(env.home).rglob("*")):
        if path.relative_to(env.home).parts[0] not in ("edge-log", "desk", "backups"):
            yield path
