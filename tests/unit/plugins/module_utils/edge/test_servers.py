from __future__ import annotations

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.edge.servers import EdgeStep, ObservedEdge, edge_steps


@pytest.mark.parametrize(
    ("observed", "steps"),
    [
        # Nothing is there yet.
        (ObservedEdge(sockets_held=False, edge_runs=False, edge_is_wanted=False, next_exists=False), [EdgeStep.HOLD, EdgeStep.START]),
        # All is well.
        (ObservedEdge(sockets_held=True, edge_runs=True, edge_is_wanted=True, next_exists=False), []),
        # Stopped by somebody, with the right configuration or another one.
        (ObservedEdge(sockets_held=True, edge_runs=False, edge_is_wanted=True, next_exists=False), [EdgeStep.START]),
        # Outdated; or told to leave by a run that was killed.
        (
            ObservedEdge(sockets_held=True, edge_runs=True, edge_is_wanted=False, next_exists=False),
            [EdgeStep.SERVE_NEXT, EdgeStep.REPLACE, EdgeStep.DISMISS_NEXT],
        ),
        # Another image, which is the holder's, too.
        (
            ObservedEdge(sockets_held=False, edge_runs=True, edge_is_wanted=False, next_exists=False),
            [EdgeStep.HOLD, EdgeStep.SERVE_NEXT, EdgeStep.REPLACE, EdgeStep.DISMISS_NEXT],
        ),
        # Killed after the second nginx was started: it is made use of.
        (
            ObservedEdge(sockets_held=True, edge_runs=True, edge_is_wanted=False, next_exists=True),
            [EdgeStep.SERVE_NEXT, EdgeStep.REPLACE, EdgeStep.DISMISS_NEXT],
        ),
        # Killed while Compose replaced the edge.
        (ObservedEdge(sockets_held=True, edge_runs=False, edge_is_wanted=True, next_exists=True), [EdgeStep.START, EdgeStep.DISMISS_NEXT]),
        # Killed at the very end.
        (ObservedEdge(sockets_held=True, edge_runs=True, edge_is_wanted=True, next_exists=True), [EdgeStep.DISMISS_NEXT]),
    ],
)
def test_what_it_takes(observed: ObservedEdge, steps: list[EdgeStep]) -> None:
    assert list(edge_steps(observed)) == steps
