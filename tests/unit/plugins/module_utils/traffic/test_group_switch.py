from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.traffic.agreement import EdgeMemory, Proposal
from ansible_collections.echobase.platform.plugins.module_utils.traffic.generation import Generation
from ansible_collections.echobase.platform.plugins.module_utils.traffic.group_switch import GroupSwitch, compare
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.traffic.switch import BluegreenSwitch, ColourQuestions, Order
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights
from harness.sudden_death import survives

BLUE, GREEN, BOTH = Weights.all_to("blue"), Weights.all_to("green"), Weights(80, 20)
NAMES = ("north", "south", "west")


class Edges:
    """Three edges and what the role `traffic` does with them, so that a test can stop anywhere in between."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ill: set[str] = set()
        self.awaited: list[str] = []

    def routes(self, name: str) -> NginxRoutes:
        return NginxRoutes(self.folder / name)

    def memory(self, name: str) -> EdgeMemory:
        return EdgeMemory(self.folder / name)

    def colours(self, name: str) -> ColourQuestions:
        def findings(_: str) -> list[str]:
            return ["is ill"] if name in self.ill else []

        def await_silence(colours: Iterable[str]) -> dict[str, dict[str, Any]]:
            self.awaited += colours
            return {}

        return ColourQuestions(findings, await_silence)

    def part(self, name: str) -> GroupSwitch:
        return GroupSwitch(self.routes(name), self.memory(name), self.colours(name))

    def switch_alone(self, name: str, order: Order) -> None:
        BluegreenSwitch(self.routes(name), self.memory(name), self.colours(name)).execute(order)

    def compared(self, repair: bool = False) -> dict[str, Any]:
        return compare({name: self.part(name).look(repair).facts for name in NAMES})

    def catch_up(self, repair: bool = False) -> dict[str, Any]:
        compared = self.compared(repair)
        for name in compared["behind"]:
            self.part(name).commit(Proposal.parse(compared["decision"]), check=False)
        for name, undecided in compared["undecided"].items():
            self.part(name).abort(Proposal.parse(undecided), check=False)
        return compared

    def prepare(self, order: Order, compared: dict[str, Any]) -> Proposal | None:
        first = self.part(NAMES[0]).prepare_first(order, compared["number"], list(NAMES), compared["differ"], check=False)
        proposal = Proposal.parse(first.facts["proposal"])
        if not first.changed:
            return None
        for name in NAMES[1:]:
            self.part(name).prepare(proposal, order, check=False)
        return proposal

    def decide(self, proposal: Proposal) -> None:
        self.part(NAMES[0]).decide(proposal, check=False)

    def commit(self, proposal: Proposal) -> None:
        for name in NAMES:
            self.part(name).commit(proposal, check=False)

    def switch(self, order: Order) -> None:
        proposal = self.prepare(order, self.catch_up(order.repair))
        if proposal:
            self.decide(proposal)
            self.commit(proposal)

    def abort(self, proposal: Proposal) -> None:
        for name in NAMES:
            self.part(name).abort(proposal, check=False)

    @property
    def generations(self) -> list[Generation]:
        return [self.routes(name).current() for name in NAMES]

    @property
    def weights(self) -> list[Weights]:
        return [generation.weights for generation in self.generations]

    @property
    def undecided(self) -> list[str]:
        return [name for name in NAMES if self.memory(name).undecided]


@pytest.fixture
def edges(tmp_path: Path) -> Edges:
    edges = Edges(tmp_path)
    for name in NAMES:
        edges.routes(name).initialise()
    edges.switch(Order(BLUE))
    return edges


def test_all_edges_get_the_same_generation(edges: Edges) -> None:
    for order in (Order(BOTH), Order(maintenance=True), Order(GREEN, maintenance=False)):
        edges.switch(order)
        assert len(set(edges.generations)) == 1
        assert edges.undecided == []
    assert edges.weights == [GREEN] * 3


def test_again_it_changes_nothing(edges: Edges) -> None:
    edges.switch(Order(GREEN))
    before = edges.generations
    assert edges.prepare(Order(GREEN), edges.catch_up()) is None
    assert edges.generations == before


def test_preparing_moves_no_traffic_and_is_remembered(edges: Edges) -> None:
    proposal = edges.prepare(Order(GREEN), edges.compared())
    assert edges.weights == [BLUE] * 3
    assert [edges.memory(name).undecided for name in NAMES] == [proposal] * 3


def test_check_mode_writes_nothing(edges: Edges) -> None:
    part = edges.part("north")
    predicted = part.prepare_first(Order(GREEN), 9, list(NAMES), differ=False, check=True)
    proposal = Proposal.parse(predicted.facts["proposal"])
    assert (predicted.changed, predicted.facts["after"]["weights"], edges.undecided) == (True, GREEN.as_dict(), [])
    assert edges.part("south").prepare(proposal, Order(), check=True).changed
    assert part.commit(proposal, check=True).changed
    assert (edges.undecided, edges.weights, edges.routes("north").upcoming()) == ([], [BLUE] * 3, 3)


def test_an_edge_that_cannot_prepare_leaves_all_as_they_were(edges: Edges) -> None:
    edges.ill = {"west"}
    compared = edges.compared()
    with pytest.raises(Refusal, match="green cannot take traffic"):
        edges.prepare(Order(GREEN), compared)
    assert edges.undecided == ["north", "south"]
    proposal = edges.memory("north").undecided
    assert proposal is not None
    edges.abort(proposal)
    assert (edges.undecided, edges.weights) == ([], [BLUE] * 3)
    # Nothing is left of it, not even its number.
    assert edges.compared()["number"] == compared["number"]


def test_who_never_heard_of_a_decision_goes_back_and_on(edges: Edges) -> None:
    edges.prepare(Order(GREEN), edges.compared())
    edges.switch(Order(BLUE))
    assert (edges.undecided, edges.weights) == ([], [BLUE] * 3)
    edges.switch(Order(GREEN))
    assert edges.weights == [GREEN] * 3


def test_a_decision_is_never_taken_back(edges: Edges) -> None:
    proposal = edges.prepare(Order(GREEN), edges.compared())
    assert proposal
    edges.decide(proposal)
    with pytest.raises(Refusal, match="generation 3 is decided and holds for all edges"):
        edges.part("north").abort(proposal, check=False)
    assert edges.compared()["behind"] == list(NAMES)


def test_who_missed_the_commit_is_told_and_catches_up_before_anything_new(edges: Edges) -> None:
    proposal = edges.prepare(Order(GREEN), edges.compared())
    assert proposal
    edges.decide(proposal)
    edges.part("north").commit(proposal, check=False)
    assert edges.weights == [GREEN, BLUE, BLUE]
    assert edges.undecided == ["south", "west"]
    assert edges.compared()["behind"] == ["south", "west"]
    # Even where nothing new is asked for.
    edges.switch(Order(GREEN))
    assert edges.generations == [proposal.generation] * 3
    assert edges.undecided == []


def test_an_edge_that_was_away_for_several_switches_catches_up(edges: Edges) -> None:
    away = edges.routes("west")
    back = edges.folder / "elsewhere"
    edges.folder.joinpath("west").rename(back)
    edges.routes("west").initialise()
    for weights in (GREEN, BOTH, GREEN):
        edges.switch(Order(weights))
    # It comes back as it was before.
    edges.folder.joinpath("west").rename(edges.folder / "stand-in")
    back.rename(edges.folder / "west")
    assert away.current().weights == BLUE
    assert edges.compared()["behind"] == ["west"]
    edges.catch_up()
    assert len(set(edges.generations)) == 1
    assert edges.weights == [GREEN] * 3


def test_a_new_edge_has_missed_nothing_and_joins_once_it_has_a_table(edges: Edges) -> None:
    edges.folder.joinpath("west").rename(edges.folder / "gone")
    assert (edges.compared()["behind"], edges.compared()["undecided"]) == ([], {})
    with pytest.raises(Refusal, match=r"there is no routing table in .* - run `playbooks/setup_durable.yml` first"):
        edges.switch(Order(GREEN))
    edges.routes("west").initialise()
    edges.switch(Order(GREEN))
    assert edges.weights == [GREEN] * 3


def test_edges_that_went_their_own_way_meet_again(edges: Edges) -> None:
    edges.switch_alone("south", Order(GREEN))
    assert edges.compared()["differ"]
    edges.switch(Order(BLUE))
    assert edges.weights == [BLUE] * 3
    assert len(set(edges.generations)) == 1


def test_an_edge_that_agreed_does_not_go_ahead_alone(edges: Edges) -> None:
    edges.prepare(Order(GREEN), edges.compared())
    with pytest.raises(Refusal, match=r"this edge waits for the decision of north, south, west about generation 3 - .*repair"):
        edges.switch_alone("south", Order(BOTH))
    edges.switch_alone("south", Order(BOTH, repair=True))
    assert (edges.routes("south").current().weights, edges.undecided) == (BOTH, ["north", "west"])


def test_a_broken_table_is_repaired_with_the_others(edges: Edges) -> None:
    (edges.folder / "south" / "current").unlink()
    with pytest.raises(Refusal, match="the routing table is broken"):
        edges.switch(Order(BLUE))
    edges.switch(Order(BLUE, repair=True))
    assert len(set(edges.generations)) == 1
    assert edges.weights == [BLUE] * 3


def test_of_two_runs_at_once_one_decides(edges: Edges) -> None:
    ours = edges.prepare(Order(GREEN), edges.compared())
    theirs = edges.prepare(Order(BOTH), edges.compared())
    assert ours
    assert theirs
    with pytest.raises(Refusal, match="generation 3 is not what this edge agreed to last"):
        edges.decide(ours)
    edges.decide(theirs)
    edges.commit(theirs)
    assert (edges.weights, edges.undecided) == ([BOTH] * 3, [])


def test_a_late_commit_does_not_undo_what_came_after_it(edges: Edges) -> None:
    proposal = edges.prepare(Order(GREEN), edges.compared())
    assert proposal
    edges.decide(proposal)
    edges.switch(Order(BOTH))
    assert not edges.part("west").commit(proposal, check=False).changed
    assert edges.weights == [BOTH] * 3


def test_an_outdated_run_is_refused_in_every_phase(edges: Edges) -> None:
    edges.switch(Order(GREEN, fencing_number=8))
    old = Proposal(Generation(9, BLUE), NAMES, fencing_number=7)
    phases: list[Callable[[], Any]] = [
        lambda: edges.part("north").prepare_first(Order(BLUE, fencing_number=7), 9, list(NAMES), differ=False, check=False),
        lambda: edges.part("south").prepare(old, Order(), check=False),
        lambda: edges.part("north").decide(old, check=False),
        lambda: edges.part("south").commit(old, check=False),
    ]
    for phase in phases:
        with pytest.raises(Refusal, match="fencing number 7 is outdated, 8 was here already"):
            phase()
    assert (edges.weights, edges.undecided) == ([GREEN] * 3, [])


def test_what_was_decided_is_carried_out_although_the_run_was_cut_off_and_another_one_took_over(edges: Edges) -> None:
    proposal = edges.prepare(Order(GREEN, fencing_number=7), edges.compared())
    assert proposal
    edges.decide(proposal)
    edges.routes("north").fence(8)
    edges.switch(Order(GREEN, fencing_number=8))
    assert (edges.weights, edges.undecided) == ([GREEN] * 3, [])
    assert edges.routes("north").highest_fencing_number() == 8


def test_only_who_loses_everything_is_waited_for(edges: Edges) -> None:
    edges.awaited.clear()
    edges.switch(Order(GREEN))
    assert edges.awaited == ["blue"] * 3


def test_killed_at_any_step_all_are_old_or_all_become_new(edges: Edges) -> None:
    """Dead before the decision was durable: old for good. After it: the next run completes it, whatever that run wants."""
    step = 0
    finished = False
    seen = set()
    while not finished:
        step += 1
        edges.switch(Order(BLUE))
        before = edges.generations[0]
        finished = survives(lambda: edges.switch(Order(GREEN)), step)
        decision = edges.memory("north").decision
        is_decided = decision is not None and decision.number > before.number
        switched = [weights for weights in edges.weights if weights == GREEN]
        assert is_decided or not switched
        # Who is not where the decision is knows that something is undecided, and does not serve after a restart.
        if is_decided and not finished:
            assert all(edges.memory(name).undecided for name in NAMES if edges.routes(name).current().weights == BLUE)
        edges.catch_up()
        assert edges.weights == [GREEN if is_decided else BLUE] * 3
        assert edges.undecided == []
        seen.add((is_decided, len(switched)))
    assert {(False, 0), (True, 0), (True, 1), (True, 2), (True, 3)} <= seen
