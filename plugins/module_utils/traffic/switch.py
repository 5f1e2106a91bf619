"""Moving the traffic of one edge: decide what changes, ask whoever gets more traffic, switch at once, await the last answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.ports_and_subnets import COLOURS
from ansible_collections.echobase.platform.plugins.module_utils.traffic.agreement import EdgeMemory
from ansible_collections.echobase.platform.plugins.module_utils.traffic.generation import NOTHING, Generation
from ansible_collections.echobase.platform.plugins.module_utils.traffic.router import Router
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights

# A function that gives what speaks against a colour getting traffic; an empty answer means that the colour may get it.
Findings = Callable[[str], list[str]]
# Waits for the colours' last answers and tells how it went.
AwaitSilence = Callable[[Iterable[str]], dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Order:
    """What somebody asks of the traffic.

    What is not mentioned stays as it is, so that a rollback under maintenance moves what traffic will return to.
    """

    weights: Weights | None = None
    maintenance: bool | None = None
    break_glass: str = ""
    fencing_number: int | None = None
    repair: bool = False

    def after(self, before: Generation, number: int) -> Generation:
        weights = before.weights if self.weights is None else self.weights
        # With nothing to return to, there is nothing to maintain; a first release would else go live behind a closed door.
        remains = before.maintenance and not weights.is_empty
        return before.followed_by(number, weights, remains if self.maintenance is None else self.maintenance)


@dataclass(frozen=True)
class SwitchReport:
    """What a switch tells: exactly what was, what is now, and how it went."""

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
                *(_warning(colour, drained) for colour, drained in self.drained.items() if drained["problem"] or drained["in_flight"]),
            ],
        )


def _nobody_claims(_colour: str) -> list[str]:
    return []


@dataclass(frozen=True)
class ColourQuestions:
    """What a switch asks about the colours: whoever knows their containers answers."""

    # What speaks against a colour getting traffic. To find out takes a while.
    findings: Findings
    await_silence: AwaitSilence
    # What somebody who is at work on a colour has against it. To look that up takes no time.
    claims: Findings = _nobody_claims

    def all_findings(self, colour: str) -> list[str]:
        return self.claims(colour) or self.findings(colour)


class BluegreenSwitch:
    def __init__(self, router: Router, memory: EdgeMemory, colours: ColourQuestions) -> None:
        self._router = router
        self._memory = memory
        self._colours = colours

    def execute(self, order: Order, check: bool = False) -> Outcome:
        """Carries the order out. It refuses on an edge that agreed to a switch with other edges, which must not go ahead of them."""
        undecided = self._memory.undecided
        if undecided and not order.repair:
            raise Refusal(
                f"this edge waits for the decision of {', '.join(undecided.edges)} about generation {undecided.number}",
                f"run this for all of them, or switch this one alone: {playbook('switch', switch_to='<colour>', switch_repair='true')}",
            )
        outcome = self._switch(order, check)
        if undecided and not check:
            self._memory.settle()
        return outcome

    def _switch(self, order: Order, check: bool) -> Outcome:
        while True:
            self._router.refuse_outdated(order.fencing_number)
            before = in_force(self._router, order.repair)
            after = wanted(self._router, order, before)
            overridden = judge(self._colours.all_findings, before, after, order.break_glass)
            if check or after == before:
                return SwitchReport(before, after, order.break_glass, overridden).outcome()
            with self._router.exclusive():
                # Where another switch came first while the colours were asked, they were asked the wrong question.
                if in_force(self._router, order.repair) == before:
                    # Claims are made under the same lock, perhaps while the colours were asked.
                    judge(self._colours.claims, before, after, order.break_glass)
                    after = wanted(self._router, order, before)
                    committed = self._router.commit(self._router.lay(after), order.fencing_number)
                    warnings = prune(self._router)
                    break
        drained = self._colours.await_silence(before.losing(after))
        return SwitchReport(before, after, order.break_glass, overridden, committed.microseconds, drained, warnings).outcome()


def judge(findings: Findings, before: Generation, after: Generation, break_glass: str) -> list[str]:
    """Asks whether the colours that get more traffic can take it; gives what spoke against that and was overridden.

    A Refusal when nothing overrides it.
    """
    found = {colour: findings(colour) for colour in _gaining(before, after)}
    spoken = [finding for colour in found.values() for finding in colour]
    if spoken and not break_glass:
        colour = next(name for name, finding in found.items() if finding)
        raise Refusal(
            f"{colour} cannot take traffic: {'; '.join(found[colour])}",
            f"traffic was not moved; deploy that colour anew with {playbook('deploy')}, or give break_glass"
            " (switch.yml: switch_break_glass) a reason to switch all the same",
        )
    return spoken


def in_force(router: Router, repair: bool) -> Generation:
    try:
        return router.current()
    except Refusal:
        if repair and router.exists():
            return NOTHING
        raise


def prune(router: Router) -> list[str]:
    """Forgets old generations. Traffic has moved by now, so one that cannot be removed is worth a warning and no failure."""
    try:
        router.prune()
    except Refusal as refusal:
        return [f"traffic moved, but older generations could not be removed: {refusal.cause}"]
    return []


def wanted(router: Router, order: Order, before: Generation) -> Generation:
    """Gives the generation that the order asks for: the one in force itself where that says so already."""
    after = order.after(before, router.upcoming())
    return before if before != NOTHING and after.says_the_same_as(before) else after


def _warning(colour: str, drained: Mapping[str, Any]) -> str:
    if drained["problem"]:
        return f"traffic left {colour}, which does not tell what it is still answering: {drained['problem']}"
    return f"traffic left {colour}, which after {drained['seconds']} s is still answering {drained['in_flight']}: leave it up for a while"


def _shown(generation: Generation) -> str:
    """Gives one line for each colour, so that a diff shows who gains and who loses."""
    lines = [f"{colour}: {share}%" for colour, share in generation.weights.as_dict().items()]
    lines += [f"candidate: {generation.candidate}"] * bool(generation.candidate)
    lines += ["maintenance: on"] * generation.maintenance
    return "".join(f"{line}\n" for line in (*lines, f"generation: {generation.number}"))


def _gaining(before: Generation, after: Generation) -> list[str]:
    """Gives the colours that get more traffic, now or when maintenance ends."""
    gaining = {*after.weights.gaining(before.weights), *after.served.gaining(before.served)}
    return [colour for colour in COLOURS if colour in gaining]
