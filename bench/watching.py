"""What watching costs while nothing happens: processor time and memory of each container, in an environment that nobody uses."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from bench.container import cpu_seconds, docker, memory_bytes
from bench.machine import load_of_others
from bench.place import Place
from bench.results import Result
from bench.settled import settled_environment

# Longer than every interval of those that watch.
SECONDS = 120.0
# What was told of the start is told by then, and stored.
_SETTLED_SECONDS = 90.0
MOST_PER_CENT = 3.0
MOST_MEMORY = 400
_ON = ("-e", "echobase_observability=true")


@dataclass(frozen=True)
class Part:
    name: str
    # Of one core.
    per_cent: float
    # In MiB, without what the kernel only keeps of files.
    memory: float


def run(place: Place) -> Result:
    """It wants nothing of the place: it uses environment test, and removes it."""
    del place
    with settled_environment(_SETTLED_SECONDS, *_ON) as environment:
        return measured(environment)


def measured(environment: Environment) -> Result:
    load = load_of_others()
    prefix = f"{environment.observability_prefix}-"
    names = sorted(name for name in docker("ps", "--format", "{{.Names}}").split() if name.startswith(prefix))
    began, before = time.monotonic(), {name: cpu_seconds(name) for name in names}
    time.sleep(SECONDS)
    used = {name: cpu_seconds(name) - before[name] for name in names}
    seconds = time.monotonic() - began
    parts = [Part(name.removeprefix(prefix), round(used[name] / seconds * 100, 2), round(memory_bytes(name) / 2**20, 1)) for name in names]
    parts.sort(key=lambda part: -part.per_cent)
    per_cent, memory = sum(part.per_cent for part in parts), sum(part.memory for part in parts)
    below = [f"it takes {per_cent:.1f} % of a core, more than {MOST_PER_CENT:g}"] if per_cent > MOST_PER_CENT else []
    below += [f"it takes {memory:.0f} MiB, more than {MOST_MEMORY}"] if memory > MOST_MEMORY else []
    figures = {
        "seconds_watched": SECONDS,
        "load_of_others": load,
        "most_per_cent": MOST_PER_CENT,
        "most_memory": MOST_MEMORY,
        "per_cent": round(per_cent, 2),
        "memory": round(memory),
        "parts": [asdict(part) for part in parts],
    }
    return Result("watching", figures, below_aim=below)
