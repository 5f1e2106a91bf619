"""A table of a million rows gets a column, an index, a constraint and a NOT NULL while clients write into it, on both engines."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from bench.place import Place
from bench.results import Result
from harness.backend_fixtures import DATABASE_PORTS, running_backend
from harness.large_table import LargeTable
from harness.order_writers import OrderWriters

ROWS = 1_000_000
WRITERS = 4


def run(place: Place) -> Result:
    """It wants nothing of the place: the database has a machine's whole attention."""
    del place
    engines = {engine: _measured(engine) for engine in DATABASE_PORTS}
    broken = [f"{engine}: {figures['failures']} writes failed" for engine, figures in engines.items() if figures["failures"]]
    return Result("online_change", {"rows": ROWS, "writers": WRITERS, "engines": engines}, broken)


def _measured(engine: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as home, running_backend(Path(home), engine) as backend:
        backend.migrate("expand")
        table = LargeTable(backend)
        table.fill(ROWS)
        began = time.monotonic()
        with OrderWriters(backend, table.user_id).at_work(WRITERS) as writers:
            ran = table.change()
        seconds = time.monotonic() - began
        table.close()
    print(f"  · {engine}: {seconds:.0f} s, {writers.written:,} writes, {len(writers.failures)} failed", flush=True)
    return {
        "seconds": round(seconds, 1),
        "writes": writers.written,
        "failures": len(writers.failures),
        "longest_wait_ms": round(writers.longest_wait * 1e3),
        "statements": [one.as_dict() for one in ran],
    }
