"""What several edges agree upon, and what each of them remembers of it, beside its routing table.

undecided      a generation that this edge agreed to and does not know yet to hold: while it is here, a starting edge waits
decision.json  the newest generation that it knows to hold for all; the first edge has it before any edge switches
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import sync_directory, write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.ports_and_subnets import COLOURS
from ansible_collections.echobase.platform.plugins.module_utils.traffic.generation import Generation
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import EMPTY, Weights

# The edge's start script, another user, looks for `undecided`; nothing in the two files is secret.
_MODE = 0o644


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


class EdgeMemory:
    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._undecided = self._folder / "undecided"
        self._decision = self._folder / "decision.json"

    @property
    def undecided(self) -> Proposal | None:
        return _read(self._undecided)

    @property
    def decision(self) -> Proposal | None:
        return _read(self._decision)

    def agree(self, proposal: Proposal) -> None:
        _write(self._undecided, proposal)

    def decide(self, proposal: Proposal) -> None:
        _write(self._decision, proposal)

    def settle(self) -> None:
        """Forgets what was undecided here."""
        if self._undecided.exists():
            self._undecided.unlink()
            sync_directory(self._folder)


def _write(path: Path, proposal: Proposal) -> None:
    write_durably(path, json.dumps(proposal.as_dict()) + "\n", mode=_MODE)


def _read(path: Path) -> Proposal | None:
    try:
        return Proposal.parse(json.loads(path.read_text(encoding="ascii")))
    except FileNotFoundError:
        return None
    except (ValueError, Refusal) as error:
        raise Refusal(f"{path} cannot be understood ({error})", "it is written at once or not at all: restore it, or remove it") from error


def _malformed(value: Any) -> Refusal:
    return Refusal(f"malformed proposal {value!r}", "hand on what phase prepare returned, unchanged")
