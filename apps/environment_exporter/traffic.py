"""The routing table as the edge's workers see it. How it is laid out is written down in module_utils/traffic/nginx_routes.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from environment_exporter.readings import DAMAGE
from orders.metrics_text import labels, metric

COLOURS = ("blue", "green")
_BUCKETS = 100


@dataclass(frozen=True)
class Traffic:
    generation: int
    weights: dict[str, int]
    candidate: str
    maintenance: bool

    @property
    def stable(self) -> str:
        """The colour that others are measured by; empty while there is none."""
        others = [colour for colour in COLOURS if self.weights[colour] and colour != self.candidate]
        return others[0] if len(others) == 1 else ""


def traffic_lines(routes: Path) -> Iterator[str]:
    if not routes.is_dir() or not any(routes.iterdir()):
        # Before a first setup there is no table, and that is no trouble.
        return
    try:
        traffic = read_traffic(routes)
    except DAMAGE:
        yield from _readable(False)
        return
    yield from _readable(True)
    yield from metric("echobase_traffic_generation", "gauge", "The number of the routing table's generation.", {(): traffic.generation})
    words = labels(
        generation=str(traffic.generation),
        stable=traffic.stable,
        candidate=traffic.candidate,
        maintenance="true" if traffic.maintenance else "false",
    )
    yield from metric("echobase_traffic_info", "gauge", "What the routing table says, in words.", {words: 1})
    yield from metric("echobase_traffic_maintenance", "gauge", "1 while customers see the maintenance page.", {(): traffic.maintenance})
    yield from metric(
        "echobase_colour_weight_percent",
        "gauge",
        "The share of the customers; under maintenance, the one that they return to.",
        {labels(colour=colour): weight for colour, weight in traffic.weights.items()},
    )
    yield from metric(
        "echobase_traffic_switch_undecided",
        "gauge",
        "1 while a switch of several edges was cut off before it held for all.",
        {(): (routes / "undecided").exists()},
    )


def read_traffic(routes: Path) -> Traffic:
    """Raises one of DAMAGE for a table that the edge's workers could not go by."""
    folder = routes / (routes / "current").readlink()
    number = int(folder.name)
    content = json.loads((folder / "weights.json").read_text(encoding="ascii"))
    weights = {colour: int(content[colour]) for colour in COLOURS}
    is_empty, is_closed = (folder / "empty").exists(), (folder / "maintenance").exists()
    candidate = _candidate(folder)
    if int((folder / "generation").read_text(encoding="ascii")) != number or sum(weights.values()) != (0 if is_empty else _BUCKETS):
        raise ValueError(f"generation {number} contradicts itself")
    for colour, weight in weights.items():
        buckets = folder / "candidate" / colour if colour == candidate else folder / colour
        if len(list(buckets.iterdir())) != (0 if is_closed else weight):
            raise ValueError(f"generation {number} has other buckets than weights")
    return Traffic(number, weights, candidate, is_closed)


def _candidate(folder: Path) -> str:
    try:
        name = (folder / "canary").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""
    if name not in COLOURS:
        raise ValueError(f"'{name}' is no colour")
    return name


def _readable(is_readable: bool) -> Iterator[str]:
    yield from metric(
        "echobase_routing_table_readable", "gauge", "Whether a worker of the edge could go by the routing table.", {(): is_readable}
    )
