"""A process that dies just before a chosen system call, as by `kill -9`, so that a test can try every one of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

_STATE_CHANGING = ("mkdir", "chmod", "fchmod", "link", "symlink", "rename", "unlink", "rmdir", "fsync", "open")


def die_at(step: int) -> None:
    """From now on, the process dies just before the given state-changing system call.

    Of a row of equal calls, such as the links of a hundred buckets, the first two count: before any, and in the middle.
    """
    counted = 0
    row = ("", 0)

    def dying(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal counted, row
            row = (name, row[1] + 1 if row[0] == name else 1)
            counted += row[1] <= 2
            if counted == step:
                os._exit(9)
            return function(*args, **kwargs)

        return call

    for name in _STATE_CHANGING:
        setattr(os, name, dying(name, getattr(os, name)))


def survives(deed: Callable[[], Any], step: int) -> bool:
    """Does it in a process that dies at the given step; True when that process reached its end alive."""
    child = os.fork()
    if child == 0:
        try:
            die_at(step)
            deed()
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 9)
    return status == 0
