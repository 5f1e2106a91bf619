"""The machine's memory, in bytes."""

from __future__ import annotations

from pathlib import Path

_MEMINFO = Path("/proc/meminfo")


def memory() -> dict[str, int]:
    amounts = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in _MEMINFO.read_text().splitlines())}
    return {"used": amounts["MemTotal"] - amounts["MemAvailable"], "total": amounts["MemTotal"]}
