from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.colours.health import Probe
from ansible_collections.echobase.platform.plugins.module_utils.colours.in_flight import Drain, InFlight

GATEWAY, FRONTEND = Probe("https://g/in-flight", body={"in_flight": 2}), Probe("https://f/in-flight", body={"reading": 1, "writing": 3})


def counts(*totals: int) -> Iterator[InFlight]:
    yield from (InFlight({"api": total, "web": 0}) for total in totals)


def test_it_waits_until_there_was_silence_twice_in_a_row() -> None:
    answers = counts(3, 0, 1, 0, 0, 9)
    drained = Drain(lambda _: next(answers), ceiling=60).await_silence(["blue"])
    assert (drained["blue"]["in_flight"], drained["blue"]["problem"]) == (0, "")
    assert next(answers).total == 9


def test_at_the_ceiling_it_tells_what_is_left() -> None:
    drained = Drain(lambda _: InFlight({"api": 2, "web": 1}), ceiling=0.01).await_silence(["blue"])
    assert (drained["blue"]["in_flight"], drained["blue"]["problem"]) == (3, "")


def test_nobody_is_waited_for_who_does_not_count() -> None:
    drained = Drain(lambda _: InFlight(problem="gone"), ceiling=60).await_silence(["blue"])
    assert (drained["blue"]["in_flight"], drained["blue"]["problem"]) == (None, "gone")


def test_each_colour_has_its_own_silence() -> None:
    drained = Drain(lambda colour: InFlight({"api": int(colour == "green")}), ceiling=0.3).await_silence(["blue", "green"])
    assert (drained["blue"]["in_flight"], drained["green"]["in_flight"]) == (0, 1)


@pytest.mark.parametrize(("colours", "ceiling"), [([], 60), (["blue"], 0)])
def test_nothing_to_wait_for(colours: list[str], ceiling: float) -> None:
    def asked(_: str) -> InFlight:
        raise AssertionError("nobody should be asked")

    assert Drain(asked, ceiling).await_silence(colours) == {}


def test_the_question_itself_is_not_counted() -> None:
    found = InFlight.of({"api": GATEWAY, "web": FRONTEND})
    assert (found.counts, found.total, found.problem) == ({"api": 2, "web": 3}, 5, "")
    assert found.known_by == {"api": "count", "web": "count"}


@pytest.mark.parametrize(
    ("gateway", "frontend", "problem"),
    [
        (Probe("https://g/in-flight", "answered 404", body={"in_flight": 0}), FRONTEND, "https://g/in-flight answered 404"),
        (GATEWAY, Probe("https://f/in-flight", body={"in_flight": "many"}), "https://f/in-flight tells no number"),
        (Probe("https://g/in-flight", body={"in_flight": True}), FRONTEND, "https://g/in-flight tells no number"),
    ],
)
def test_what_does_not_count_is_named(gateway: Probe, frontend: Probe, problem: str) -> None:
    found = InFlight.of({"api": gateway, "web": frontend})
    assert (found.total, found.problem) == (None, problem)


def test_a_service_that_does_not_count_is_silent_when_the_edge_has_no_connection_to_it() -> None:
    connections = iter([1, 1, 0, 0])
    seen = Drain(lambda _: InFlight({"api": 0}, {"web": next(connections)}), ceiling=60).await_silence(["blue"])["blue"]
    assert (seen["in_flight"], seen["problem"], seen["by"]) == (0, "", {"api": "count", "web": "connections"})
    assert list(connections) == []


def test_connections_that_stay_are_no_requests() -> None:
    drained = Drain(lambda _: InFlight({}, {"web": 4}), ceiling=0.01).await_silence(["blue"])["blue"]
    assert (drained["in_flight"], drained["problem"], drained["by"]) == (None, "", {"web": "connections"})


def test_where_nobody_sees_connections_time_has_to_pass() -> None:
    drained = Drain(lambda _: InFlight({}, {"web": None}), ceiling=0.3).await_silence(["blue"])["blue"]
    assert (drained["in_flight"], drained["by"]) == (None, {"web": "time"})
    assert drained["seconds"] >= 0.3
