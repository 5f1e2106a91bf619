"""Moving traffic: decide what changes, ask whoever gets more traffic whether it can take it, switch at once, await the last answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.errors import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.traffic.generation import NOTHING, Generation
from ansible_collections.echobase.platform.plugins.module_utils.traffic.order import Order
from ansible_collections.echobase.platform.plugins.module_utils.traffic.report import SwitchReport
from ansible_collections.echobase.platform.plugins.module_utils.traffic.router import Router
from ansible_collections.echobase.platform.plugins.module_utils.traffic.verdict import Findings, judge

# Waits for the colours' last answers and tells how it went.
AwaitSilence = Callable[[Iterable[str]], dict[str, dict[str, Any]]]


def nobody_claims(_: str) -> list[str]:
    return []


class BluegreenSwitch:
    """`findings` asks a colour, which takes a while; `claims` looks whether somebody is at work on it, which takes no time."""

    def __init__(self, router: Router, findings: Findings, await_silence: AwaitSilence, claims: Findings = nobody_claims) -> None:
        self._router = router
        self._findings = findings
        self._await_silence = await_silence
        self._claims = claims

    def execute(self, order: Order, check: bool = False) -> Outcome:
        while True:
            self._router.refuse_outdated(order.fencing_number)
            before = in_force(self._router, order.repair)
            after = wanted(self._router, order, before)
            overridden = judge(self.all_findings, before, after, order.break_glass)
            if check or after == before:
                return SwitchReport(before, after, order.break_glass, overridden).outcome()
            with self._router.exclusive():
                # Where another switch came first while the colours were asked, they were asked the wrong question.
                if in_force(self._router, order.repair) == before:
                    # Claims are made under the same lock, perhaps while the colours were asked.
                    judge(self._claims, before, after, order.break_glass)
                    after = wanted(self._router, order, before)
                    committed = self._router.commit(self._router.lay(after), order.fencing_number)
                    warnings = prune(self._router)
                    break
        drained = self._await_silence(before.losing(after))
        return SwitchReport(before, after, order.break_glass, overridden, committed.microseconds, drained, warnings).outcome()

    def all_findings(self, colour: str) -> list[str]:
        return self._claims(colour) or self._findings(colour)


def in_force(router: Router, repair: bool) -> Generation:
    try:
        return router.current()
    except Refusal:
        if repair and router.exists():
            return NOTHING
        raise


def prune(router: Router) -> list[str]:
    """Traffic has moved by now: what cannot be forgotten is worth a warning, and no reason to call the switch failed."""
    try:
        router.prune()
    except Refusal as refusal:
        return [f"traffic moved, but older generations could not be removed: {refusal.cause}"]
    return []


def wanted(router: Router, order: Order, before: Generation) -> Generation:
    """The generation in force itself where it says already what is asked for."""
    after = order.after(before, router.upcoming())
    return before if before != NOTHING and after.says_the_same_as(before) else after
