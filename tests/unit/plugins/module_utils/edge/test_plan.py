from __future__ import annotations

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.edge.plan import Observed, Step, plan


@pytest.mark.parametrize(
    ("observed", "steps"),
    [
        # Nothing is there yet.
        (Observed(sockets_held=False, edge_runs=False, edge_is_wanted=False, next_exists=False), [Step.HOLD, Step.START]),
        # All is well.
        (Observed(sockets_held=True, edge_runs=True, edge_is_wanted=True, next_exists=False), []),
        # Stopped by somebody, with the right configuration or another one.
        (Observed(sockets_held=True, edge_runs=False, edge_is_wanted=True, next_exists=False), [Step.START]),
        # Outdated; or told to leave by a run that was killed.
        (
            Observed(sockets_held=True, edge_runs=True, edge_is_wanted=False, next_exists=False),
            [Step.SERVE_NEXT, Step.REPLACE, Step.DISMISS_NEXT],
        ),
        # Another image, which is the holder's, too.
        (
            Observed(sockets_held=False, edge_runs=True, edge_is_wanted=False, next_exists=False),
            [Step.HOLD, Step.SERVE_NEXT, Step.REPLACE, Step.DISMISS_NEXT],
        ),
        # Killed after the second nginx was started: it is made use of.
        (
            Observed(sockets_held=True, edge_runs=True, edge_is_wanted=False, next_exists=True),
            [Step.SERVE_NEXT, Step.REPLACE, Step.DISMISS_NEXT],
        ),
        # Killed while Compose replaced the edge.
        (Observed(sockets_held=True, edge_runs=False, edge_is_wanted=True, next_exists=True), [Step.START, Step.DISMISS_NEXT]),
        # Killed at the very end.
        (Observed(sockets_held=True, edge_runs=True, edge_is_wanted=True, next_exists=True), [Step.DISMISS_NEXT]),
    ],
)
def test_what_it_takes(observed: Observed, steps: list[Step]) -> None:
    assert list(plan(observed)) == steps
