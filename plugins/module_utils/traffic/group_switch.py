"""A switch of several edges as one. Each edge has its part: it agrees, learns the decision and carries it out.

Somebody who can talk to all edges calls `look` everywhere, `prepare` everywhere, `decide` on the first edge, then `commit` everywhere.
Until the decision is on the first edge's disk everybody can go back (`abort`); from then on everybody goes on, however late.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.traffic.agreement import EdgeMemory, Proposal
from ansible_collections.echobase.platform.plugins.module_utils.traffic.generation import NOTHING, Generation
from ansible_collections.echobase.platform.plugins.module_utils.traffic.router import Router
from ansible_collections.echobase.platform.plugins.module_utils.traffic.switch import (
    ColourQuestions,
    Order,
    SwitchReport,
    in_force,
    judge,
    prune,
    wanted,
)

_AGAIN = "run the playbook again: it first brings every edge to what was decided"


def compare(views: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What all edges together know: what was decided, who missed it, and which number comes next.

    `views` holds by edge what `look` returned there.
    """
    decisions: list[dict[str, Any]] = [view["decision"] for view in views.values() if view["decision"]]
    decision = max(decisions, key=_number, default={})
    decided = _number(decision)
    return {
        "decision": decision,
        "behind": [edge for edge, view in views.items() if _is_behind(view, decided)],
        "undecided": {edge: view["undecided"] for edge, view in views.items() if _number(view["undecided"]) > decided},
        # This is so once the edges that are behind have caught up.
        "differ": len({_caught_up(view, decided) for view in views.values()}) > 1,
        "number": max(decided + 1, *(view["upcoming"] for view in views.values())),
    }


class GroupSwitch:
    """One edge's part."""

    def __init__(self, router: Router, memory: EdgeMemory, colours: ColourQuestions) -> None:
        self._router = router
        self._memory = memory
        self._colours = colours

    def look(self, repair: bool) -> Outcome:
        # A new edge has no table yet; there is nothing that it could have missed.
        current = in_force(self._router, repair) if self._router.exists() else NOTHING
        undecided, decision = self._memory.undecided, self._memory.decision
        return Outcome(
            changed=False,
            facts={
                "current": current.as_dict(),
                "upcoming": self._router.upcoming(),
                "undecided": undecided.as_dict() if undecided else {},
                "decision": decision.as_dict() if decision else {},
            },
        )

    def prepare_first(self, order: Order, number: int, edges: list[str], differ: bool, check: bool) -> Outcome:
        """Works out on the first edge which generation the order means. Where the edges differ, all of them get it anew."""
        self._router.refuse_outdated(order.fencing_number)
        before = in_force(self._router, order.repair)
        after = wanted(self._router, order, before)
        if after != before or differ:
            after = order.after(before, number)
        return self._prepare(Proposal(after, tuple(edges), order.fencing_number), before, order, check)

    def prepare(self, proposal: Proposal, order: Order, check: bool) -> Outcome:
        """Prepares the switch that the first edge worked out, on each of the other edges."""
        self._router.refuse_outdated(proposal.fencing_number)
        return self._prepare(proposal, in_force(self._router, order.repair), order, check)

    def decide(self, proposal: Proposal, check: bool) -> Outcome:
        """Decides the switch, on the first edge only. A later switch that came before us here has taken our place."""
        with self._router.exclusive():
            decided = self._memory.decision == proposal
            if not decided:
                self._router.refuse_outdated(proposal.fencing_number)
                if self._memory.undecided != proposal:
                    raise Refusal(
                        f"generation {proposal.number} is not what this edge agreed to last",
                        "another run has switched meanwhile; run this again if it is still wanted",
                    )
                if not check:
                    self._memory.decide(proposal)
        return Outcome(changed=not decided, facts={"decision": proposal.as_dict()})

    def commit(self, decision: Proposal, check: bool) -> Outcome:
        """Carries the decision out. Late or repeated, it ends the same; an edge that is already past this generation stays where it is."""
        microseconds = None
        with self._router.exclusive():
            before = self._router.current_or_nothing()
            after = decision.generation if before.number < decision.number else before
            if check:
                return SwitchReport(before, after).outcome()
            known = self._memory.decision
            if after != before:
                # The run that decided may have been cut off and its lease taken; its decision stands.
                committed = self._router.commit(self._router.lay(after), decision.fencing_number, is_decided=known == decision)
                microseconds = committed.microseconds
            if known is None or known.number < decision.number:
                self._memory.decide(decision)
            undecided = self._memory.undecided
            if undecided and undecided.number <= decision.number:
                self._memory.settle()
            warnings = prune(self._router)
        drained = self._colours.await_silence(before.losing(after))
        return SwitchReport(before, after, microseconds=microseconds, drained=drained, warnings=warnings).outcome()

    def abort(self, proposal: Proposal, check: bool) -> Outcome:
        with self._router.exclusive():
            decision = self._memory.decision
            if decision and decision.number >= proposal.number:
                raise Refusal(f"generation {proposal.number} is decided and holds for all edges", _AGAIN)
            agreed = self._memory.undecided == proposal
            if agreed and not check:
                self._memory.settle()
                self._router.discard(proposal.generation)
        return Outcome(changed=agreed)

    def _prepare(self, proposal: Proposal, before: Generation, order: Order, check: bool) -> Outcome:
        after = proposal.generation
        overridden = judge(self._colours.all_findings, before, after, order.break_glass)
        if after != before and not check:
            with self._router.exclusive():
                # This edge moved on while the colours were asked, or never caught up.
                if before != NOTHING and self._router.current() != before:
                    raise Refusal("another run has moved this edge's traffic meanwhile", _AGAIN)
                judge(self._colours.claims, before, after, order.break_glass)
                self._router.lay(after)
                self._memory.agree(proposal)
        outcome = SwitchReport(before, after, order.break_glass, overridden).outcome()
        outcome.facts["proposal"] = proposal.as_dict()
        return outcome


def _is_behind(view: Mapping[str, Any], decided: int) -> bool:
    # A broken table, looked at for its repair, has number 0: it gets the next generation, not the last.
    return 0 < _number(view["current"]) < decided or 0 < _number(view["undecided"]) <= decided


def _caught_up(view: Mapping[str, Any], decided: int) -> int:
    return max(_number(view["current"]), decided) if _number(view["current"]) else 0


def _number(state: Mapping[str, Any]) -> int:
    return int(state.get("generation", 0))
