"""The engine stops, softly or as in a crash of the machine: the edge comes back by itself and serves whom it served before."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights
from harness.colour_under_test import running_colour
from harness.edge_customers import Customers
from harness.edge_under_test import EdgeUnderTest, edge_facts, running_edge
from harness.images_under_test import image_tag
from harness.private_engine import PrivateEngine
from harness.system_calls import PausedProgram, SystemCall
from harness.traffic_change import change_traffic

pytestmark = [pytest.mark.chaos, pytest.mark.long]

CHECKOUT = Path(__file__).resolve().parents[3]
PROGRAM = CHECKOUT / "tests" / "harness" / "traffic_change.py"
TO_BLUE, TO_GREEN = ({"weights": Weights.all_to(colour).as_dict()} for colour in ("blue", "green"))
RESTARTED = 60


@pytest.fixture(scope="module")
def engine() -> Iterator[PrivateEngine]:
    # Its sockets need a short path, and its images shall not be kept with what pytest keeps.
    with TemporaryDirectory(prefix="zz-engine-") as folder, closing(PrivateEngine(Path(folder))) as engine:
        engine.start()
        yield engine


@pytest.fixture(scope="module")
def edge(engine: PrivateEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeUnderTest]:
    image = image_tag("nginx")
    engine.load(image)
    facts = edge_facts(tmp_path_factory.mktemp("engine"), "engine", 28743, "127.67")
    with ExitStack() as stack:
        stack.enter_context(engine.entered())
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("DOCKER_HOST", engine.host)
        edge = stack.enter_context(running_edge(facts, image))
        for colour in facts["colours"]:
            stack.enter_context(running_colour(facts, colour))
        yield edge


def answers(edge: EdgeUnderTest) -> set[str]:
    """Of new customers: those of before have lost their connections."""
    with closing(Customers(edge)) as customers:
        return set(customers.answers().values())


def switch_killed_at(edge: EdgeUnderTest, folder: Path, choose: Callable[[list[SystemCall]], SystemCall]) -> None:
    """Blue is live; the switch to green dies."""
    routes = edge.home / "routes"
    calls = []
    for kill in (False, True):
        change_traffic(routes, TO_BLUE)
        program = PausedProgram([sys.executable, "-S", str(PROGRAM), str(routes)], {"PYTHONPATH": str(CHECKOUT / ".collections")})
        if kill:
            program.kill_at(choose(calls), json.dumps(TO_GREEN), folder / "strace.log")
        else:
            calls = program.calls(json.dumps(TO_GREEN), routes, folder / "strace.log")


def just_before_the_rename(calls: list[SystemCall]) -> SystemCall:
    return calls[_rename(calls)]


def just_after_the_rename(calls: list[SystemCall]) -> SystemCall:
    return calls[_rename(calls) + 1]


def _rename(calls: list[SystemCall]) -> int:
    return next(number for number, call in enumerate(calls) if call.name == "rename" and '/current") =' in call.shown)


@pytest.mark.parametrize("end", [PrivateEngine.stop, PrivateEngine.crash], ids=["soft", "crash"])
@pytest.mark.parametrize("killed", [(just_before_the_rename, "blue"), (just_after_the_rename, "green")], ids=["old", "new"])
def test_the_edge_comes_back_by_itself_with_the_colour_it_had(
    engine: PrivateEngine,
    edge: EdgeUnderTest,
    tmp_path: Path,
    end: Callable[[PrivateEngine], None],
    killed: tuple[Callable[[list[SystemCall]], SystemCall], str],
) -> None:
    choose, colour = killed
    switch_killed_at(edge, tmp_path, choose)
    assert answers(edge) == {colour}
    end(engine)
    with pytest.raises(ConnectionRefusedError):
        answers(edge)
    engine.start()
    edge.await_ready(RESTARTED)
    assert answers(edge) == {colour}
    change_traffic(edge.home / "routes", TO_GREEN)
    assert answers(edge) == {"green"}
