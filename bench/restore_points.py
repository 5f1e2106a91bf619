"""Restores to random ones of many transactions that follow each other at once: each has to end exactly there."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import Backup, Point
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.trial_server import TrialServer
from bench.place import Place
from bench.results import Result
from harness.mariadb_under_test import MariadbUnderTest, Writer
from harness.postgres_under_test import PostgresUnderTest, highest_step
from harness.waiting import eventually

POINTS = 20
TRANSACTIONS = 500


@dataclass(frozen=True)
class Scene:
    backup: Backup
    # By the number of the last row that a restore to it has.
    points: Mapping[int, Point]
    restored: Callable[[Backup, Point], AbstractContextManager[TrialServer]]
    # How many rows there are, if they are all those up to that number.
    highest: Callable[[TrialServer], int]


def run(place: Place) -> Result:
    """It wants nothing of the place: the databases are its own."""
    del place
    engines = {engine: _measured(scene) for engine, scene in (("mariadb", _mariadb), ("postgresql", _postgresql))}
    broken = [
        f"{engine}: {POINTS - figures['exact']} of {POINTS} restores missed"
        for engine, figures in engines.items()
        if figures["exact"] < POINTS
    ]
    return Result("restore_points", {"transactions": TRANSACTIONS, "points": POINTS, "engines": engines}, broken)


def _measured(scene_of: Callable[[Path], AbstractContextManager[Scene]]) -> dict[str, Any]:
    exact, seconds = 0, []
    with tempfile.TemporaryDirectory() as home, scene_of(Path(home)) as scene:
        for number in random.sample(sorted(scene.points), POINTS):
            began = time.monotonic()
            with scene.restored(scene.backup, scene.points[number]) as trial:
                seconds.append(time.monotonic() - began)
                found = scene.highest(trial)
            exact += found == number
            print(f"  · row {number}: {'exactly' if found == number else f'ended at {found}'}, {seconds[-1]:.1f} s", flush=True)
    return {"exact": exact, "median_seconds": statistics.median(seconds)}


@contextmanager
def _mariadb(home: Path) -> Iterator[Scene]:
    server = MariadbUnderTest(home, "zz-bench-points", 94)
    try:
        server.ensure()
        server.tool.prepare()
        with Writer(server) as writer:
            writer.await_more(20)
            backup = server.tool.take("full")
            first = len(writer.transactions)
            writer.await_more(TRANSACTIONS)
        server.tool.archive_now()
        history = server.history
        points = {row: Point(mark=f"{history}/{number}") for row, number in writer.transactions.items() if row > first}
        yield Scene(backup, points, server.restored, _highest_row)
    finally:
        server.remove()


def _highest_row(trial: TrialServer) -> int:
    ((count, last),) = trial.console.query("SELECT COUNT(*), MAX(number) FROM orders_db.numbered")
    return int(last) if count == last else -1


@contextmanager
def _postgresql(home: Path) -> Iterator[Scene]:
    server = PostgresUnderTest(home, "zz-bench-points", 93)
    try:
        server.ensure()
        server.tool.prepare()
        server.write_steps(1, 20)
        backup = server.tool.take("full")
        # Of moments before that the tool says no more than the second.
        eventually(lambda: server.now() > backup.consistent, "the backup counts as complete")
        moments = server.write_steps(21, 20 + TRANSACTIONS)
        server.tool.archive_now()
        points = {number: Point(moment=moment) for number, moment in moments.items()}
        yield Scene(backup, points, server.restored, highest_step)
    finally:
        server.remove()
