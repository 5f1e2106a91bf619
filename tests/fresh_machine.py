"""Proves that a machine which never saw us passes: the README's commands, word by word, on one made from packages a moment ago.

python3 tests/fresh_machine.py    needs root or sudo, and nothing else of this project
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from throwaway_machine import CHECKOUT, MachineError, ThrowawayMachine, clear, install_tools, one_at_a_time, root_of, run_on_host

LOG = CHECKOUT / "tests" / "output" / "fresh_machine.log"
NAME = "echobase-fresh"
ROOT = root_of(NAME)
ENGINE_LOG = ROOT / "var/log/dockerd.log"
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
# What the README asks for. Certificates are what fetching a clone from somewhere takes.
PACKAGES = ("python3", "git", "make", "ca-certificates")
CLONE = "/root/echobase.platform"
VOLUME = "echobase-devlocal-durable-mariadb-data"
LIMIT_SECONDS = 30 * 60
LOG_LINES = 60
# What watches is compiled once a machine, in minutes; .ci/run sees it come up on its own machine.
WITHOUT_OBSERVABILITY = 'make dev ARGS="-e echobase_observability=false"'

# The request of a customer who trusts the environment's authority; the standard library of the machine's own Python is enough.
REQUEST = """
import ssl, urllib.request
trust = ssl.create_default_context(cafile="/var/lib/echobase/devlocal-ca.crt")
answer = urllib.request.urlopen("https://localhost/health", context=trust)
print(answer.status, answer.headers["X-Echobase-Colour"], answer.headers["X-Echobase-Release"])
"""
# What the backup tests that failed on such an engine begin with. The rest of them asks nothing more of it, and takes a minute and a half.
BUCKET = """
import docker, tempfile
from pathlib import Path
from harness.s3_under_test import running_bucket
with tempfile.TemporaryDirectory() as folder, running_bucket(docker.from_env(), Path(folder)) as target:
    print(target)
"""


class Phases:
    """Says what is being done, and at the end how long each took."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._seconds: list[tuple[str, float]] = []

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        start = time.monotonic()
        say(f"\n##### fresh machine: {name} ({start - self._start:.0f} s since start)")
        yield
        self._seconds.append((name, time.monotonic() - start))

    def close(self) -> None:
        say("\n  seconds  phase of the fresh machine")
        for name, seconds in self._seconds:
            say(f"  {seconds:7.0f}  {name}")
        say(f"  {time.monotonic() - self._start:7.0f}  in all")


def say(text: str) -> None:
    print(text, flush=True)


def require(holds: bool, what: str) -> None:
    if not holds:
        raise MachineError(what)


def as_the_readme_says(command: str) -> str:
    require(re.search(rf"^({command}$|\| `{command}`)", README, re.M) is not None, f"README.md no longer names the command '{command}'")
    return command


def prove(phases: Phases, machine: ThrowawayMachine) -> None:
    with phases.phase("a root file system from packages"):
        machine.make_root(PACKAGES)
    with phases.phase("started, with a clean clone of HEAD"):
        machine.start()
        commit = clone()
        say(f"  · commit {commit}")
    with phases.phase("make dev"):
        machine.run(as_the_readme_says(WITHOUT_OBSERVABILITY), CLONE)
    with phases.phase("make dev, again: changed=0 in every play"):
        changes = re.findall(r"ok=\d+ +changed=(\d+)", machine.run(WITHOUT_OBSERVABILITY, CLONE))
        require(bool(changes) and set(changes) == {"0"}, f"the second 'make dev' changed something: changed={', '.join(changes)}")
    with phases.phase("make status: blue has 100 %"):
        screen = machine.run(as_the_readme_says("make status"), CLONE)
        release = served_release(screen)
    with phases.phase("a customer's request through the edge"):
        answer = machine.run(f"python3 -c {shlex.quote(REQUEST)}").strip()
        require(answer == f"200 blue {release}", f"the edge answered '{answer}' instead of '200 blue {release}'")
        say(f"  · {answer}")
    with phases.phase("the tests' bucket on an engine that never ran before"):
        bucket_on_first_start(machine)
    with phases.phase("make down: the data stay"):
        machine.run(as_the_readme_says("make down"), CLONE)
        left = machine.run("docker ps --all --format '{{.Names}}'").split()
        require(not left, f"'make down' left containers: {', '.join(left)}")
        machine.run(f"docker volume inspect {VOLUME}")


def clone() -> str:
    """What is committed, and nothing that only lies in this folder."""
    target = str(ROOT / CLONE.lstrip("/"))
    if subprocess.run(["git", "-C", str(CHECKOUT), "diff", "--quiet", "HEAD"], check=False).returncode != 0:
        say("  · what is not committed is left out")
    run_on_host("git", "clone", "--quiet", "--no-hardlinks", str(CHECKOUT), target)
    return run_on_host("git", "-C", target, "log", "-1", "--format=%h %s").strip()


def served_release(screen: str) -> str:
    require("TRAFFIC   blue 100 %" in screen, f"'make status' does not say that blue has all traffic:\n{screen}")
    found = re.search(r"^blue +100 % +\S+ +(\S+) +ready", screen, re.M)
    if found is None:
        raise MachineError(f"'make status' does not say that blue is ready:\n{screen}")
    return found[1]


def bucket_on_first_start(machine: ThrowawayMachine) -> None:
    """Until its second start the engine of Debian 12 names no gateway of its default bridge, at whose address the bucket listens."""
    gateway = machine.run("docker network inspect bridge --format '{{(index .IPAM.Config 0).Gateway}}'").strip()
    say(f"  · the engine names {'no gateway' if gateway in ('', '<no value>') else gateway} for its default bridge")
    # In the version of the lock file. With its hashes pip would want them of everything that is installed already, too.
    machine.run(".venv/bin/pip install --quiet $(grep --only-matching '^httpx==[^ ;]*' requirements-dev.txt)", CLONE)
    machine.run(f"PYTHONPATH=.collections:tests .venv/bin/python -c {shlex.quote(BUCKET)}", CLONE)


def show_end(log: Path) -> None:
    if log.exists():
        with log.open(encoding="utf-8", errors="replace") as lines:
            say(f"----- the end of {log}")
            say("".join(deque(lines, LOG_LINES)).rstrip())


def stop(number: int, _frame: FrameType | None) -> None:
    if number == signal.SIGALRM:
        raise MachineError(f"not done after {LIMIT_SECONDS // 60} minutes")
    sys.exit(128 + number)


def main() -> int:
    LOG.parent.mkdir(parents=True, exist_ok=True)
    LOG.unlink(missing_ok=True)
    phases = Phases()
    try:
        with phases.phase("the tools that make it"):
            install_tools()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGALRM):
            signal.signal(number, stop)
        with one_at_a_time(NAME, say):
            with phases.phase("what a killed run left is removed"):
                clear(NAME)
            signal.alarm(LIMIT_SECONDS)
            machine = ThrowawayMachine(NAME, LOG, "fresh-machine")
            try:
                prove(phases, machine)
            except MachineError:
                show_end(ENGINE_LOG)
                raise
            finally:
                signal.alarm(0)
                for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                    signal.signal(number, signal.SIG_IGN)
                with phases.phase("removed"):
                    machine.close()
    except MachineError as error:
        show_end(LOG)
        say(f"\nFAILED: a fresh machine does not pass: {error}")
        return 1
    phases.close()
    say("\na fresh machine passes")
    return 0


if __name__ == "__main__":
    if os.geteuid() != 0:
        os.execvp("sudo", ["sudo", "--preserve-env", sys.executable, *sys.argv])
    sys.exit(main())
