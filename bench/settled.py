"""Environment test as it is when nobody uses it: set up, left alone for a while, and taken down again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from harness.environment_under_test import TEST, run_playbook


@contextmanager
def settled_environment(seconds: float, *options: str) -> Iterator[Environment]:
    """`options` are those of the set-up; what a start leaves to be done is done after so many seconds."""
    try:
        run_playbook("setup", *options)
        time.sleep(seconds)
        yield TEST
    finally:
        run_playbook("teardown")
