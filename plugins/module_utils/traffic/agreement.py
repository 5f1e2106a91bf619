"""What one of several edges remembers of their common switches, beside its routing table.

undecided      a generation that this edge agreed to and does not know yet to hold: while it is here, a starting edge waits
decision.json  the newest generation that it knows to hold for all; the first edge has it before any edge switches
"""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import sync_directory, write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.traffic.proposal import Proposal

# The edge's start script looks for the one; nothing in them is secret.
_MODE = 0o644


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
        """Nothing is undecided here any more."""
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
