# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a callback is told of a task, whichever ansible-core tells it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


def told_by_any_core(result: Any) -> Any:
    """Gives `task`, `host` and `result`; before ansible-core 2.19 they were private."""
    if hasattr(result, "task"):
        return result
    return SimpleNamespace(task=result._task, host=result._host, result=result._result)
