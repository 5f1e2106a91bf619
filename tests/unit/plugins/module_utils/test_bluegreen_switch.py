from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.bluegreen_switch import BluegreenSwitch, Order
from ansible_collections.echobase.platform.plugins.module_utils.errors import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.weights import EMPTY, Weights

BLUE, GREEN = Weights.all_to("blue"), Weights.all_to("green")


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


def execute(routes: NginxRoutes, order: Order, judge: Judge | None = None, check: bool = False) -> Outcome:
    return BluegreenSwitch(routes, judge or Judge()).execute(order, check)


def test_a_switch_says_what_was_and_what_is(routes: NginxRoutes) -> None:
    outcome = execute(routes, Order(GREEN))
    assert outcome.changed
    assert outcome.facts["before"] == {"generation": 2, "weights": {"blue": 100, "green": 0}}
    assert outcome.facts["after"] == {"generation": 3, "weights": {"blue": 0, "green": 100}}
    assert (outcome.facts["live"], outcome.facts["idle"]) == (["green"], "blue")
    assert outcome.facts["switch_microseconds"] > 0
    assert (outcome.before, outcome.after) == ("blue: 100%\ngreen: 0%\ngeneration: 2\n", "blue: 0%\ngreen: 100%\ngeneration: 3\n")
    assert routes.current().weights == GREEN


def test_what_holds_already_is_no_change_and_nobody_is_asked(routes: NginxRoutes) -> None:
    judge = Judge(blue="is ill")
    outcome = execute(routes, Order(BLUE), judge)
    assert (outcome.changed, outcome.before, judge.asked) == (False, outcome.after, [])
    assert routes.upcoming() == 3


def test_check_mode_predicts_exactly_and_changes_nothing(routes: NginxRoutes) -> None:
    # A run that was killed between its two steps left a generation behind, so the next number is not simply one more.
    routes.prepare(GREEN)
    predicted = execute(routes, Order(GREEN), check=True)
    assert routes.current().weights == BLUE
    done = execute(routes, Order(GREEN))
    assert (predicted.changed, predicted.before, predicted.after) == (done.changed, done.before, done.after)
    assert predicted.facts | {"switch_microseconds": 0} == done.facts | {"switch_microseconds": 0}


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
