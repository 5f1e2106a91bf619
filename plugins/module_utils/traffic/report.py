"""What a switch tells: exactly what was, what is now, and how it went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.traffic.generation import Generation


@dataclass(frozen=True)
class SwitchReport:
    before: Generation
    after: Generation
    break_glass: str = ""
    overridden: Sequence[str] = ()
    microseconds: float | None = None
    drained: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    warnings: Sequence[str] = ()

    def outcome(self) -> Outcome:
        return Outcome(
            changed=self.before != self.after,
            before=_shown(self.before),
            after=_shown(self.after),
            facts={
                "before": self.before.as_dict(),
                "after": self.after.as_dict(),
                "live": self.after.weights.live,
                "idle": self.after.weights.idle,
                "candidate": self.after.candidate,
                "maintenance": self.after.maintenance,
                "switch_microseconds": self.microseconds,
                "break_glass": self.break_glass,
                "overridden": list(self.overridden),
                "drained": dict(self.drained),
            },
            warnings=[
                *self.warnings,
                *(_warning(colour, drained) for colour, drained in self.drained.items() if drained["in_flight"] != 0),
            ],
        )


def _warning(colour: str, drained: Mapping[str, Any]) -> str:
    if drained["problem"]:
        return f"traffic left {colour}, which does not tell what it is still answering: {drained['problem']}"
    return f"traffic left {colour}, which after {drained['seconds']} s is still answering {drained['in_flight']}: leave it up for a while"


def _shown(generation: Generation) -> str:
    """One line a colour, so that a diff shows who gains and who loses."""
    lines = [f"{colour}: {share}%" for colour, share in generation.weights.as_dict().items()]
    lines += [f"candidate: {generation.candidate}"] * bool(generation.candidate)
    lines += ["maintenance: on"] * generation.maintenance
    return "".join(f"{line}\n" for line in (*lines, f"generation: {generation.number}"))
