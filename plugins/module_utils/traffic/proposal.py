"""What several edges are to agree upon: a generation, and the edges that take part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.layout import COLOURS
from ansible_collections.echobase.platform.plugins.module_utils.traffic.generation import Generation
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import EMPTY, Weights


@dataclass(frozen=True)
class Proposal:
    generation: Generation
    edges: tuple[str, ...]
    fencing_number: int | None = None

    @property
    def number(self) -> int:
        return self.generation.number

    @classmethod
    def parse(cls, value: Any) -> Proposal:
        try:
            weights = EMPTY if value["weights"] == EMPTY.as_dict() else Weights.parse(value["weights"])
            number, candidate, maintenance = value["generation"], value["candidate"], value["maintenance"]
            fencing_number, edges = value["fencing_number"], tuple(str(edge) for edge in value["edges"])
        except (KeyError, TypeError) as error:
            raise _malformed(value) from error
        if not isinstance(number, int) or not isinstance(maintenance, bool) or candidate not in ("", *COLOURS):
            raise _malformed(value)
        if fencing_number is not None and not isinstance(fencing_number, int):
            raise _malformed(value)
        return cls(Generation(number, weights, candidate, maintenance), edges, fencing_number)

    def as_dict(self) -> dict[str, Any]:
        return {**self.generation.as_dict(), "fencing_number": self.fencing_number, "edges": list(self.edges)}


def _malformed(value: Any) -> Refusal:
    return Refusal(f"malformed proposal {value!r}", "hand on what phase prepare returned, unchanged")
