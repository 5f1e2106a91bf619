"""`kill -9` of whoever changes traffic, at every system call that changes the state folder: the edge serves the old state or the new."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.traffic.generation import Generation
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import KEPT_GENERATIONS
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import EMPTY, Weights
from harness.colour_under_test import running_colour
from harness.edge_customers import Customers, expected_answers
from harness.edge_under_test import EdgeUnderTest, edge_facts, running_edge
from harness.images_under_test import image_tag
from harness.system_calls import PausedProgram, SystemCall
from harness.traffic_change import change_traffic

pytestmark = pytest.mark.chaos

Operation = dict[str, Any]
CHECKOUT = Path(__file__).resolve().parents[3]
PROGRAM = CHECKOUT / "tests" / "harness" / "traffic_change.py"
BLUE, GREEN, CANARY = Weights.all_to("blue"), Weights.all_to("green"), Weights(80, 20)
INITIALISE: Operation = {"initialise": True}
TO_BLUE, TO_GREEN, TO_CANARY, TO_NOTHING = ({"weights": weights.as_dict()} for weights in (BLUE, GREEN, CANARY, EMPTY))
TO_BLUE["maintenance"] = False
CLOSED = TO_BLUE | {"maintenance": True}
# Of several edges; on each the next generation is number 3.
AGREED = {**Generation(3, GREEN).as_dict(), "fencing_number": 7, "edges": ["north", "south"]}
PREPARE, DECIDE, COMMIT, ABORT = ({phase: AGREED} for phase in ("prepare", "decide", "commit", "abort"))
IN_BLUE, IN_GREEN = Generation(0, BLUE), Generation(0, GREEN)


@dataclass(frozen=True)
class Change:
    """An operation and the states of traffic before and after it, numbers aside; None where no table can be told."""

    name: str
    history: list[Operation]
    operation: Operation
    old: Generation | None
    new: Generation
    # What may follow, and leaves everything tidy.
    next: Operation
    removed_by_hand: str = ""

    def __str__(self) -> str:
        return self.name


LIVE = [INITIALISE, TO_BLUE]
# So many generations that the next one makes the first of blue superfluous, with its hundred buckets.
LONG_LIVE = [*LIVE, *([TO_NOTHING, CLOSED] * (KEPT_GENERATIONS // 2 - 1)), TO_BLUE]
CHANGES = [
    Change("first-table", [], INITIALISE, None, Generation(0, EMPTY), next=TO_BLUE),
    Change("switch", LONG_LIVE, TO_GREEN | {"fencing_number": 7}, IN_BLUE, IN_GREEN, next=TO_BLUE),
    Change("canary", LIVE, TO_CANARY, IN_BLUE, Generation(0, CANARY, "green"), next=TO_BLUE),
    Change("maintenance", LIVE, CLOSED, IN_BLUE, Generation(0, BLUE, maintenance=True), next=TO_BLUE),
    Change("repair", LIVE, TO_GREEN | {"repair": True}, None, IN_GREEN, next=TO_BLUE, removed_by_hand="current"),
    Change("prepare", LIVE, PREPARE, IN_BLUE, IN_BLUE, next=ABORT),
    Change("decide", [*LIVE, PREPARE], DECIDE, IN_BLUE, IN_BLUE, next=COMMIT),
    Change("commit", [*LIVE, PREPARE, DECIDE], COMMIT, IN_BLUE, IN_GREEN, next=TO_BLUE),
    Change("abort", [*LIVE, PREPARE], ABORT, IN_BLUE, IN_BLUE, next=TO_GREEN),
]


class Scene:
    """The edge, its customers, and the state folder in which the changes are killed."""

    def __init__(self, edge: EdgeUnderTest, customers: Customers) -> None:
        self._edge = edge
        self._customers = customers
        self._folder = edge.home / "routes"
        self._log = edge.home / "strace.log"
        self._program = self._start()

    def close(self) -> None:
        self._program.stop()

    def lay(self, change: Change) -> None:
        """Every run begins with the same files, so that its system calls are the same."""
        # The folder itself is mounted into the edge.
        for path in self._folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        for operation in change.history:
            self.run(operation)
        if change.removed_by_hand:
            (self._folder / change.removed_by_hand).unlink()

    def calls(self, operation: Operation) -> list[SystemCall]:
        return self._next_program().calls(json.dumps(operation), self._folder, self._log)

    def kill(self, operation: Operation, call: SystemCall) -> None:
        self._next_program().kill_at(call, json.dumps(operation), self._log)

    def run(self, operation: Operation) -> None:
        change_traffic(self._folder, operation)

    def state(self) -> Generation | None:
        """What the table says; the edge and its readiness must say the same."""
        try:
            current = self._edge.routes.current()
        except Refusal:
            assert set(self._customers.answers().values()) == {"503 routing-table-unreadable"}
            assert self._customers.readiness()[0] == 503
            return None
        assert self._customers.answers() == expected_answers(current)
        assert self._customers.readiness() == (200, str(current.number))
        return Generation(0, current.weights, current.candidate, current.maintenance)

    def leftovers(self) -> list[str]:
        known = {".lock", "current", "decision.json", "fencing", "generations", "mover"}
        unknown = sorted({path.name for path in self._folder.iterdir()} - known)
        generations = sorted(path.name for path in (self._folder / "generations").iterdir())
        return [*unknown, *(name for name in generations if not name.isdigit()), *generations[:-KEPT_GENERATIONS]]

    def _next_program(self) -> PausedProgram:
        """Its successor starts meanwhile: the interpreter's start is most of what a kill costs."""
        program, self._program = self._program, self._start()
        return program

    def _start(self) -> PausedProgram:
        return PausedProgram([sys.executable, "-S", str(PROGRAM), str(self._folder)], {"PYTHONPATH": str(CHECKOUT / ".collections")})


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with ExitStack() as stack:
        # In memory: hundreds of runs sync their files, and a disk would only cost time.
        home = Path(stack.enter_context(TemporaryDirectory(dir="/dev/shm")))
        home.chmod(0o755)
        facts = edge_facts(home, "switch-kills", 28443, "127.64")
        edge = stack.enter_context(running_edge(facts, image_tag("nginx")))
        for colour in facts["colours"]:
            stack.enter_context(running_colour(facts, colour))
        customers = stack.enter_context(closing(Customers(edge)))
        yield stack.enter_context(closing(Scene(edge, customers)))


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_kill_at_any_system_call_leaves_the_old_state_or_the_new(scene: Scene, change: Change) -> None:
    scene.lay(change)
    calls = scene.calls(change.operation)
    states = [_state_after_kill(scene, change, call) for call in calls]
    # The rename of the link is the one call that matters: killed at it or before, nothing has changed; killed later, all has.
    moves = [number for number, call in enumerate(calls) if call.name == "rename" and '/current") =' in call.shown]
    assert len(moves) == (change.old != change.new)
    kept = moves[0] + 1 if moves else len(calls)
    assert states == [change.old] * kept + [change.new] * (len(calls) - kept)
    print(f"{change}: killed at each of {len(calls)} system calls")


def _state_after_kill(scene: Scene, change: Change, call: SystemCall) -> Generation | None:
    scene.lay(change)
    scene.kill(change.operation, call)
    try:
        state = scene.state()
        scene.run(change.operation)
        assert scene.state() == change.new, "the same again does not complete it"
        scene.run(change.next)
        assert scene.leftovers() == []
    except (AssertionError, Refusal) as error:
        raise AssertionError(f"{change}, killed at {call}: {error}") from error
    return state
