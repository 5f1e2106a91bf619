from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.traffic.agreement import EdgeMemory, Proposal
from ansible_collections.echobase.platform.plugins.module_utils.traffic.generation import Generation
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.traffic.switch import BluegreenSwitch, ColourQuestions, Order
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import EMPTY, Weights

BLUE, GREEN, BOTH = Weights.all_to("blue"), Weights.all_to("green"), Weights(80, 20)


@pytest.fixture
def routes(tmp_path: Path) -> NginxRoutes:
    routes = NginxRoutes(tmp_path / "routes")
    routes.initialise()
    routes.commit(routes.prepare(BLUE))
    return routes


class Judge:
    """Says the same about a colour each time, and remembers whom it was asked about."""

    def __init__(self, **findings: str) -> None:
        self.findings = findings
        self.asked: list[str] = []

    def __call__(self, colour: str) -> list[str]:
        self.asked.append(colour)
        return [self.findings[colour]] if colour in self.findings else []


class Silence:
    """Remembers whose silence was awaited, and under which weights."""

    def __init__(self, routes: NginxRoutes, in_flight: int = 0) -> None:
        self.routes = routes
        self.in_flight = in_flight
        self.awaited: list[str] = []

    def __call__(self, colours: Iterable[str]) -> dict[str, dict[str, Any]]:
        names = list(colours)
        self.awaited += names
        return {name: {"in_flight": self.in_flight, "seconds": 0.3, "problem": ""} for name in names}


def execute(routes: NginxRoutes, order: Order, judge: Judge | None = None, check: bool = False, silence: Silence | None = None) -> Outcome:
    colours = ColourQuestions(judge or Judge(), silence or Silence(routes))
    return BluegreenSwitch(routes, EdgeMemory(routes.folder), colours).execute(order, check)


def test_a_switch_says_what_was_and_what_is(routes: NginxRoutes) -> None:
    outcome = execute(routes, Order(GREEN))
    assert outcome.changed
    steady = {"candidate": "", "maintenance": False}
    assert outcome.facts["before"] == {"generation": 2, "weights": {"blue": 100, "green": 0}} | steady
    assert outcome.facts["after"] == {"generation": 3, "weights": {"blue": 0, "green": 100}} | steady
    assert (outcome.facts["live"], outcome.facts["idle"]) == (["green"], "blue")
    assert outcome.facts["switch_microseconds"] > 0
    assert (outcome.before, outcome.after) == ("blue: 100%\ngreen: 0%\ngeneration: 2\n", "blue: 0%\ngreen: 100%\ngeneration: 3\n")
    assert routes.current().weights == GREEN


@pytest.mark.parametrize("order", [Order(BLUE), Order(), Order(maintenance=False), Order(BLUE, maintenance=False)])
def test_what_holds_already_is_no_change_and_nobody_is_asked(routes: NginxRoutes, order: Order) -> None:
    judge, silence = Judge(blue="is ill"), Silence(routes)
    outcome = execute(routes, order, judge, silence=silence)
    assert (outcome.changed, outcome.before, judge.asked, silence.awaited) == (False, outcome.after, [], [])
    assert routes.upcoming() == 3


@pytest.mark.parametrize("order", [Order(GREEN), Order(BOTH), Order(EMPTY), Order(maintenance=True), Order(GREEN, maintenance=True)])
def test_check_mode_predicts_exactly_and_changes_nothing(routes: NginxRoutes, order: Order) -> None:
    # A run that was killed between its two steps left a generation behind, so the next number is not simply one more.
    routes.prepare(GREEN)
    predicted = execute(routes, order, check=True)
    assert routes.current().weights == BLUE
    done = execute(routes, order)
    assert (predicted.changed, predicted.before, predicted.after) == (done.changed, done.before, done.after)
    only_done = {"switch_microseconds": 0, "drained": {}}
    assert predicted.facts | only_done == done.facts | only_done
    assert not execute(routes, order).changed


@pytest.mark.parametrize("check", [False, True])
def test_an_unfit_colour_gets_no_traffic(routes: NginxRoutes, check: bool) -> None:
    with pytest.raises(Refusal, match=r"^green cannot take traffic: gateway answered 503 - traffic was not moved"):
        execute(routes, Order(Weights(90, 10)), Judge(green="gateway answered 503"), check)
    assert routes.current().weights == BLUE
    assert routes.upcoming() == 3


def test_only_who_gains_is_asked(routes: NginxRoutes) -> None:
    judge = Judge(blue="is ill")
    execute(routes, Order(Weights(50, 50)), judge)
    execute(routes, Order(GREEN), judge)
    execute(routes, Order(EMPTY), judge)
    assert judge.asked == ["green", "green"]


def test_a_colour_that_was_asked_too_early_is_asked_again(routes: NginxRoutes) -> None:
    """While green is asked, somebody else moves traffic from blue to nowhere: then blue gains, too."""

    class Interrupted(Judge):
        def __call__(self, colour: str) -> list[str]:
            if not self.asked:
                routes.commit(routes.prepare(EMPTY))
            return super().__call__(colour)

    judge = Interrupted()
    outcome = execute(routes, Order(BOTH), judge)
    assert judge.asked == ["green", "blue", "green"]
    assert outcome.facts["before"]["weights"] == EMPTY.as_dict()


def test_a_broken_glass_is_recorded_with_what_it_overrode(routes: NginxRoutes) -> None:
    outcome = execute(routes, Order(GREEN, break_glass="blue loses orders"), Judge(green="is ill"))
    assert outcome.changed
    assert (outcome.facts["break_glass"], outcome.facts["overridden"]) == ("blue loses orders", ["is ill"])


def test_an_outdated_run_moves_nothing_and_leaves_nothing(routes: NginxRoutes) -> None:
    execute(routes, Order(GREEN, fencing_number=8))
    for check in (True, False):
        with pytest.raises(Refusal, match="fencing number 7 is outdated"):
            execute(routes, Order(BLUE, fencing_number=7), check=check)
    assert (routes.current().weights, routes.upcoming()) == (GREEN, 4)


def test_a_broken_table_is_replaced_only_on_request(routes: NginxRoutes, tmp_path: Path) -> None:
    (tmp_path / "routes" / "current").unlink()
    with pytest.raises(Refusal, match="the routing table is broken"):
        execute(routes, Order(BLUE))
    judge = Judge()
    outcome = execute(routes, Order(BLUE, repair=True), judge)
    assert (outcome.changed, judge.asked) == (True, ["blue"])
    assert not execute(routes, Order(BLUE, repair=True)).changed


def test_before_setup_there_is_nothing_to_repair(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="there is no routing table"):
        execute(NginxRoutes(tmp_path / "routes"), Order(BLUE, repair=True))


def test_an_edge_that_agreed_with_others_waits_for_their_decision(routes: NginxRoutes) -> None:
    memory = EdgeMemory(routes.folder)
    memory.agree(Proposal(Generation(3, GREEN), ("north", "south")))
    with pytest.raises(Refusal, match=r"this edge waits for the decision of north, south about generation 3 - .*repair"):
        execute(routes, Order(BOTH))
    assert execute(routes, Order(BOTH, repair=True), check=True).changed
    assert memory.undecided
    assert execute(routes, Order(BOTH, repair=True)).changed
    assert memory.undecided is None


# --- canary ----------------------------------------------------------------------------------------------


def test_a_canary_tells_its_candidate_until_it_has_all_or_nothing(routes: NginxRoutes) -> None:
    outcome = execute(routes, Order(BOTH))
    assert (outcome.facts["candidate"], outcome.facts["after"]["candidate"]) == ("green", "green")
    assert "candidate: green\n" in outcome.after
    assert execute(routes, Order(Weights(10, 90))).facts["candidate"] == "green"
    assert execute(routes, Order(GREEN)).facts["candidate"] == ""


# --- maintenance -----------------------------------------------------------------------------------------


def test_maintenance_asks_nobody_and_returns_to_what_was(routes: NginxRoutes) -> None:
    execute(routes, Order(BOTH))
    judge = Judge(blue="is ill", green="is ill")
    closed = execute(routes, Order(maintenance=True), judge)
    assert (closed.changed, closed.facts["maintenance"], closed.facts["after"]["weights"], judge.asked) == (True, True, BOTH.as_dict(), [])
    assert "maintenance: on\n" in closed.after
    assert not execute(routes, Order(maintenance=True)).changed
    opened = execute(routes, Order(maintenance=False))
    assert (opened.changed, opened.facts["maintenance"]) == (True, False)
    assert routes.current().says_the_same_as(routes.current().followed_by(0, BOTH))
    assert routes.current().candidate == "green"


def test_nobody_leaves_maintenance_for_an_ill_colour(routes: NginxRoutes) -> None:
    execute(routes, Order(maintenance=True))
    with pytest.raises(Refusal, match=r"^blue cannot take traffic: is ill - "):
        execute(routes, Order(maintenance=False), Judge(blue="is ill"))
    assert routes.current().maintenance


def test_a_switch_under_maintenance_changes_what_traffic_returns_to(routes: NginxRoutes) -> None:
    execute(routes, Order(maintenance=True))
    with pytest.raises(Refusal, match=r"^green cannot take traffic"):
        execute(routes, Order(GREEN), Judge(green="is ill"))
    silence = Silence(routes)
    moved = execute(routes, Order(GREEN), silence=silence)
    assert (moved.changed, moved.facts["maintenance"], moved.facts["live"], silence.awaited) == (True, True, ["green"], [])
    assert execute(routes, Order(maintenance=False)).facts["after"]["weights"] == GREEN.as_dict()


def test_both_at_once(routes: NginxRoutes) -> None:
    execute(routes, Order(maintenance=True))
    opened = execute(routes, Order(GREEN, maintenance=False))
    assert (opened.facts["maintenance"], opened.facts["live"]) == (False, ["green"])


def test_maintenance_ends_with_the_last_colour(routes: NginxRoutes) -> None:
    execute(routes, Order(maintenance=True))
    assert not execute(routes, Order(EMPTY)).facts["maintenance"]
    assert execute(routes, Order(maintenance=True)).facts["maintenance"]


# --- the last answers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "losing"),
    [(Order(GREEN), ["blue"]), (Order(BOTH), []), (Order(EMPTY), ["blue"]), (Order(maintenance=True), ["blue"])],
)
def test_only_who_loses_everything_is_waited_for(routes: NginxRoutes, order: Order, losing: list[str]) -> None:
    silence = Silence(routes)
    outcome = execute(routes, order, silence=silence)
    assert silence.awaited == list(outcome.facts["drained"]) == losing
    assert outcome.warnings == []


def test_what_is_left_unanswered_is_told_and_is_no_error(routes: NginxRoutes) -> None:
    outcome = execute(routes, Order(GREEN), silence=Silence(routes, in_flight=3))
    assert outcome.facts["drained"]["blue"]["in_flight"] == 3
    assert outcome.warnings == ["traffic left blue, which after 0.3 s is still answering 3: leave it up for a while"]


def test_traffic_has_moved_before_anybody_waits(routes: NginxRoutes, tmp_path: Path) -> None:
    seen = []

    class Watching(Silence):
        def __call__(self, colours: Iterable[str]) -> dict[str, dict[str, Any]]:
            seen.append(self.routes.current().weights)
            # Nor does it keep others from switching.
            with NginxRoutes(tmp_path / "routes").exclusive():
                return super().__call__(colours)

    execute(routes, Order(GREEN), silence=Watching(routes))
    assert seen == [GREEN]
