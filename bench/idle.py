"""What an environment costs that nobody uses: processor time and memory of each container, and of what the engine does for them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from bench.account import Account, engine_seconds, running
from bench.container import memory_bytes
from bench.machine import load_of_others
from bench.place import Place
from bench.results import Result
from bench.settled import settled_environment

# Longer than every interval of those that are idle.
SECONDS = 120.0
# What a start leaves to be done is done by then.
_SETTLED_SECONDS = 60.0
MOST_PER_CENT = 2.0


@dataclass(frozen=True)
class Part:
    name: str
    # Of one core: its own processes; its health checks, from the shim's part to the program that looks; the daemons for it.
    own: float
    checks: float
    engine: float
    # In MiB, without what the kernel only keeps of files.
    memory: float

    @property
    def per_cent(self) -> float:
        return self.own + self.checks + self.engine


def run(place: Place) -> Result:
    """It wants nothing of the place: it uses environment test, and removes it."""
    del place
    with settled_environment(_SETTLED_SECONDS) as environment:
        return measured(environment)


def measured(environment: Environment) -> Result:
    load = load_of_others()
    accounts = running()
    began, engine = time.monotonic(), engine_seconds()
    before = _readings(accounts)
    time.sleep(SECONDS)
    after = _readings(accounts)
    engine, seconds = engine_seconds() - engine, time.monotonic() - began
    own, checks = ({account.name: after[name][kind] - before[name][kind] for name, account in accounts.items()} for kind in (0, 1))
    # The daemons work for each container as much as its shim does: for its health checks.
    every = sum(checks.values()) or 1.0

    def layer(project: str) -> list[Part]:
        names = [account.name for account in accounts.values() if account.project == project]
        return _sorted(
            Part(
                name,
                own=_per_cent(own[name], seconds),
                checks=_per_cent(checks[name], seconds),
                engine=_per_cent(engine * checks[name] / every, seconds),
                memory=round(memory_bytes(name) / 2**20, 1),
            )
            for name in names
        )

    colours = [stack for stack in environment.colours.values() if layer(stack.project)]
    layers = {
        "the live colour": layer(colours[0].project),
        "the durable layer": layer(environment.durable_project),
    }
    prefix = f"echobase-{environment.name}-"
    per_cent = _total(layers["the live colour"])
    figures = {
        "seconds_watched": SECONDS,
        "load_of_others": load,
        "containers": len(accounts),
        "most_per_cent": MOST_PER_CENT,
        "layers": {
            name: {
                "per_cent": _total(parts),
                "memory": round(sum(part.memory for part in parts)),
                "parts": [asdict(part) | {"name": part.name.removeprefix(prefix)} for part in parts],
            }
            for name, parts in layers.items()
        },
    }
    below = [f"an idle colour takes {per_cent:.1f} % of a core, more than {MOST_PER_CENT:g}"] if per_cent > MOST_PER_CENT else []
    return Result("idle", figures, below_aim=below)


def _readings(accounts: Mapping[str, Account]) -> dict[str, tuple[float, float]]:
    return {name: (account.own_seconds(), account.check_seconds()) for name, account in accounts.items()}


def _per_cent(used: float, seconds: float) -> float:
    return round(used / seconds * 100, 3)


def _sorted(parts: Iterable[Part]) -> list[Part]:
    return sorted(parts, key=lambda part: -part.per_cent)


def _total(parts: Sequence[Part]) -> float:
    return round(sum(part.per_cent for part in parts), 2)
