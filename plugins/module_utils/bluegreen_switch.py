"""Moving traffic: decide what changes, ask whoever gets more traffic whether it can take it, then switch at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.echobase.platform.plugins.module_utils.errors import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.generation import Generation
from ansible_collections.echobase.platform.plugins.module_utils.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.router import Router
from ansible_collections.echobase.platform.plugins.module_utils.weights import EMPTY, Weights

UNKNOWN = Generation(0, EMPTY)


@dataclass(frozen=True)
class Order:
    """What somebody asked for."""

    weights: Weights
    break_glass: str = ""
    fencing_number: int | None = None
    repair: bool = False


class BluegreenSwitch:
    """`findings` tells what speaks against a colour getting traffic; nothing speaks for a switch but its silence."""

    def __init__(self, router: Router, findings: Callable[[str], list[str]]) -> None:
        self._router = router
        self._findings = findings

    def execute(self, order: Order, check: bool = False) -> Outcome:
        self._router.refuse_outdated(order.fencing_number)
        before = self._current(order)
        overridden = self._judge(order, before)
        if check:
            return self._outcome(order, before, overridden, None)
        with self._router.exclusive():
            # Another switch may have come first while the colours were asked.
            before = self._current(order)
            if not self._changes(order, before):
                return self._outcome(order, before, overridden, None)
            self._router.refuse_outdated(order.fencing_number)
            committed = self._router.commit(self._router.prepare(order.weights), order.fencing_number)
            self._router.prune()
        return self._outcome(order, before, overridden, (committed.generation, committed.microseconds))

    def _current(self, order: Order) -> Generation:
        try:
            return self._router.current()
        except Refusal:
            if order.repair and self._router.exists():
                return UNKNOWN
            raise

    def _changes(self, order: Order, before: Generation) -> bool:
        return before == UNKNOWN or order.weights != before.weights

    def _judge(self, order: Order, before: Generation) -> list[str]:
        findings = {colour: self._findings(colour) for colour in order.weights.gaining(before.weights)}
        spoken = [finding for colour in findings.values() for finding in colour]
        if spoken and not order.break_glass:
            colour = next(name for name, found in findings.items() if found)
            raise Refusal(
                f"{colour} cannot take traffic: {'; '.join(findings[colour])}",
                "traffic was not moved; mend or deploy that colour, or give break_glass a reason to switch all the same",
            )
        return spoken

    def _outcome(self, order: Order, before: Generation, overridden: list[str], done: tuple[Generation, float] | None) -> Outcome:
        changed = self._changes(order, before)
        expected = Generation(self._router.upcoming(), order.weights) if changed else before
        after = done[0] if done else expected
        return Outcome(
            changed=changed,
            before=_shown(before),
            after=_shown(after),
            facts={
                "before": before.as_dict(),
                "after": after.as_dict(),
                "live": after.weights.live,
                "idle": after.weights.idle,
                "switch_microseconds": done[1] if done else None,
                "break_glass": order.break_glass,
                "overridden": overridden,
            },
        )


def _shown(generation: Generation) -> str:
    """One line a colour, so that a diff shows who gains and who loses."""
    return "".join(f"{colour}: {share}%\n" for colour, share in generation.weights.as_dict().items()) + f"generation: {generation.number}\n"
