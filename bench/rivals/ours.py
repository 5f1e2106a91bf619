"""The edge of this project, from its role's own templates, and its routing table."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights
from bench.container import pin
from bench.place import Place
from bench.rivals.contender import Contender, Switched
from harness.edge_under_test import EdgeUnderTest


def one_worker(configuration: str) -> str:
    """For a process that is given one core, as everybody else then is."""
    changed, count = re.subn(r"(?m)^worker_processes .*;$", "worker_processes 1;", configuration)
    if count != 1:
        raise RuntimeError("the edge's configuration no longer sets worker_processes on one line")
    return changed


class ChangedEdge(EdgeUnderTest):
    """The edge with its configuration changed after it was rendered."""

    change: Callable[[str], str] = staticmethod(str)

    def render(self, template: str) -> str:
        text = super().render(template)
        return self.change(text) if template == "nginx.conf.j2" else text


class Ours(Contender):
    name = "echobase edge"
    way = "one rename(2) of the routing table"

    def __init__(self, place: Place, cores: str = "", **options: Any) -> None:
        """`options`: variables of role edge."""
        super().__init__(place, cores)
        self.edge = ChangedEdge(place.facts, place.images["nginx"], options)
        if cores:
            self.edge.change = one_worker

    def start(self, colour: str) -> None:
        self.edge.start()
        if self.cores:
            pin(self.place.edge_container, self.cores)
        self.switch_to(colour)

    def switch_to(self, colour: str) -> Switched:
        return self.weigh(Weights.all_to(colour))

    def weigh(self, weights: Weights) -> Switched:
        committed = self.edge.routes.commit(self.edge.routes.prepare(weights))
        when = time.monotonic()
        self.edge.routes.prune()
        return Switched(when, committed.microseconds)

    def stop(self) -> None:
        self.edge.stop()

    @property
    def containers(self) -> list[str]:
        return [self.place.edge_container]
