"""The most that a container takes from its machine: memory, processes, and files in memory, which count as memory."""

from __future__ import annotations

from typing import Any

# The limits of a container that does one thing and ends, where nothing says that it needs more.
SMALL_JOB: dict[str, Any] = {"mem_limit": "512m", "pids_limit": 256}
# Processes and threads of what works on data: a backup tool has some dozens of threads.
DATA_JOB_PROCESSES = 512
SMALL_TEMPORARY = "64m"
LARGE_TEMPORARY = "512m"


def in_memory(size: str, options: str = "mode=1777") -> str:
    """Options of a tmpfs. Without a size it would be half of the machine's memory."""
    return f"{options},size={size}"
