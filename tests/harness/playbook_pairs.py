"""Two playbooks at the same time, while customers ask: whatever comes of it is legal, told truly, and in the ledger."""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.colours.claim import ColourClaims
from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger
from ansible_collections.echobase.platform.plugins.module_utils.environment.release_history import ReleaseHistory
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.lease.release_lease import ReleaseLease
from ansible_collections.echobase.platform.plugins.module_utils.status.traffic import BluegreenInfo
from harness.environment_under_test import CHECKOUT

PLAYBOOKS = ("deploy", "promote", "canary", "rollback", "cleanup", "switch", "maintenance", "migrate")
# Most playbooks take about three seconds; what starts later would meet nobody.
LONGEST_DELAY = 2.5
# The event by which the ledger tells that a playbook moved traffic.
_MOVED = {"promote": "promoted", "canary": "canary", "rollback": "rolled_back", "switch": "switched"}
_TRAFFIC = (*_MOVED.values(), "closed", "opened")
# How a playbook may end without success: somebody else has the environment, or what is there does not allow it.
_LEGAL_REFUSALS = (
    r"\) since \S+ UTC (still )?has environment ",
    r"this run has lost environment ",
    r"fencing number \d+ is outdated",
    r"there is no candidate to (promote|try)",
    r"there is no earlier release to go back to",
    r"serves everybody already",
    r"is live - ",
    r"are? live - move traffic away first",
    r"cannot take traffic: \w+ (is being|has no containers)",
    r"so its containers stay as they are",
    r"nothing is live",
    r"there is no release whose migrations could be meant",
)
_NOT_MOVED = "traffic was not moved"


@dataclass(frozen=True)
class Pair:
    first: str
    second: str
    delay: float


def all_pairs(seed: int) -> list[Pair]:
    """Each playbook against each, itself included, in both orders; chance says how long after the first the second starts."""
    chance = random.Random(seed)
    pairs = [Pair(first, second, round(chance.uniform(0, LONGEST_DELAY), 1)) for first in PLAYBOOKS for second in PLAYBOOKS]
    chance.shuffle(pairs)
    return pairs


@dataclass
class Ended:
    playbook: str
    code: int
    output: str

    @property
    def told(self) -> str:
        """Gives why the playbook failed, in its own words; empty after a success."""
        if self.code == 0:
            return ""
        lines = self.output.splitlines()
        failed = next((number for number, line in enumerate(lines) if "FAILED" in line), len(lines) - 1)
        return " ".join(line.strip() for line in lines[failed : failed + 3])


@dataclass
class Outcome:
    pair: Pair
    ends: list[Ended] = field(default_factory=list)
    answered: int = 0
    # How many answers came from the edge itself and not from a colour.
    closed: int = 0
    lost: int = 0
    weights: dict[str, int] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Customers(threading.Thread):
    """A few customers who ask for readiness again and again; every single request is accounted for."""

    def __init__(self, env: Environment, count: int = 3, rate: float = 5.0) -> None:
        super().__init__(daemon=True)
        self._env = env
        self._pause = 1 / rate
        self._count = count
        self._over = threading.Event()
        self.statuses: Counter[int] = Counter()
        self.lost: list[str] = []

    def run(self) -> None:
        threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(self._count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def stop(self) -> None:
        self._over.set()
        self.join()

    def _ask(self) -> None:
        context = ssl.create_default_context(cafile=self._env.path("tls", "ca.crt"))
        connection = http.client.HTTPSConnection("localhost", self._env.edge_port, timeout=20, context=context)
        cookie = ""
        while not self._over.wait(self._pause):
            try:
                connection.request("GET", "/ready", headers={"Cookie": cookie} if cookie else {})
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(f"{type(error).__name__}: {error}")
                connection.close()
                continue
            self.statuses[answer.status] += 1
            cookie = cookie or (answer.headers.get("Set-Cookie") or "").partition(";")[0]
        connection.close()


class Arena:
    """An environment in which both colours stand before each pair, blue or green live."""

    def __init__(self, env: Environment, inventory: str) -> None:
        self.env = env
        self._inventory = inventory
        self._ledger = Ledger(Path(env.path("ledger.jsonl")))

    def fight(self, pair: Pair) -> Outcome:
        self._make_ready()
        before, events = self._traffic(), len(self._ledger.entries())
        outcome = Outcome(pair)
        customers = Customers(self.env)
        customers.start()
        first = self._start(pair.first)
        time.sleep(pair.delay)
        second = self._start(pair.second)
        outcome.ends = [_ended(name, process) for name, process in ((pair.first, first), (pair.second, second))]
        customers.stop()
        self._judge(outcome, before, self._ledger.entries()[events:], customers)
        return outcome

    def run(self, playbook: str, *arguments: str) -> Ended:
        return _ended(playbook, self._start(playbook, *arguments))

    def _judge(self, outcome: Outcome, before: dict[str, Any], entries: Sequence[dict[str, Any]], customers: Customers) -> None:
        after = self._traffic()
        outcome.weights = {colour: share for colour, share in after["weights"].items() if share}
        outcome.events = [f"{entry['event']} {entry['colour']}".strip() for entry in entries]
        outcome.answered = customers.statuses[200]
        outcome.closed = sum(customers.statuses.values()) - outcome.answered
        outcome.lost = len(customers.lost)
        names = (outcome.pair.first, outcome.pair.second)
        outcome.wrong += [f"a request was lost: {problem}" for problem in customers.lost]
        if outcome.closed and "maintenance" not in names:
            outcome.wrong.append(f"customers were told {dict(customers.statuses)}")
        outcome.wrong += [f"{colour} has traffic and is {state['problem']}" for colour, state in self._unfit(after)]
        outcome.wrong += list(_untrue(outcome.ends, [entry["event"] for entry in entries]))
        moved = [entry for entry in entries if entry["event"] in _TRAFFIC]
        recorded = moved[-1]["details"].get("to", {}).get("generation") if moved else before["generation"]
        if recorded != after["generation"]:
            outcome.wrong.append(f"the ledger ends with generation {recorded}, the routing table with {after['generation']}")
        lease = ReleaseLease(self.env).read()
        if lease.is_held and not lease.process.has_ended:
            outcome.wrong.append(f"somebody still has the lease: {lease.holder}")
        if ColourClaims(self.env).all() and all(end.code == 0 for end in outcome.ends):
            outcome.wrong.append("a claim was left although nobody failed")

    @staticmethod
    def _unfit(traffic: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        return [(colour, state) for colour, state in traffic["colours"].items() if traffic["weights"][colour] and not state["ready"]]

    def _make_ready(self) -> None:
        traffic = self._traffic()
        if traffic["maintenance"]:
            self._must("maintenance", "-e", "maintenance=off")
        if traffic["candidate"]:
            self._must("promote")
        traffic = self._traffic()
        idle = traffic["colours"][traffic["idle"]]
        candidate = ReleaseHistory(self._ledger.entries(), traffic["live"]).candidate
        if not idle["ready"] or candidate != traffic["idle"] or ColourClaims(self.env).all():
            self._must("deploy")

    def _must(self, playbook: str, *arguments: str) -> None:
        ended = self.run(playbook, *arguments)
        assert ended.code == 0, ended.output

    def _traffic(self) -> dict[str, Any]:
        return BluegreenInfo(self.env).collect()

    def _start(self, playbook: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "ansible", "playbook", "-i", self._inventory, f"playbooks/{playbook}.yml"]
        return subprocess.Popen(
            [*command, *(arguments or self._arguments(playbook))],
            cwd=CHECKOUT,
            env=os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _arguments(self, playbook: str) -> list[str]:
        match playbook:
            case "deploy":
                # Another version each time, so that the containers are really replaced.
                return ["-e", f"app_stack_version=0.1.{time.time_ns()}"]
            case "switch":
                return ["-e", json.dumps({"switch_to": self._traffic()["idle"] or "blue"})]
            case "maintenance":
                return ["-e", "maintenance=on"]
            case "migrate":
                return ["-e", "migrate_action=expand"]
        return []


def _ended(playbook: str, process: subprocess.Popen[str]) -> Ended:
    output, _ = process.communicate()
    return Ended(playbook, process.returncode, output)


def _untrue(ends: Sequence[Ended], events: Sequence[str]) -> Iterator[str]:
    """Gives what a playbook said that is not so."""
    for end in ends:
        if end.code == 0:
            continue
        if not any(re.search(refusal, end.output) for refusal in _LEGAL_REFUSALS):
            yield f"{end.playbook} failed with {end.told!r}"
        alone = [other.playbook for other in ends].count(end.playbook) == 1
        if alone and _NOT_MOVED in end.told and _MOVED.get(end.playbook) in events:
            yield f"{end.playbook} says that traffic was not moved, and it was"
