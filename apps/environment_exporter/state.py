"""Everything about an environment that its files say, as one page of metrics."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from threading import Lock

from environment_exporter.certificates import Certificates
from environment_exporter.ledger import Ledger
from environment_exporter.published import Backups, Lease, Operations, Packages
from environment_exporter.readings import Unreadable
from environment_exporter.traffic import traffic_lines
from orders.metrics_text import labels, metric


class EnvironmentState:
    def __init__(self, folder: Path) -> None:
        published = folder / "metrics"
        self._routes = folder / "routes"
        self._ledger = Ledger(published / "ledger.jsonl")
        self._certificates = Certificates(folder / "tls")
        self._published = (
            Lease(published / "lease.json"),
            Backups(published),
            Operations(published),
            Packages(published / "packages.json"),
        )
        self._lock = Lock()

    def render(self) -> str:
        """Never fails: a damaged file is one metric, and all others are there."""
        with self._lock:
            unreadable = Unreadable()
            ledger = unreadable.of("ledger.jsonl", self._ledger.read)
            parts = chain(
                traffic_lines(self._routes),
                ledger.lines() if ledger else (),
                self._certificates.lines(unreadable),
                *(one.lines(unreadable) for one in self._published),
            )
            # The list comes last: the generators above fill it.
            lines = [*parts, *_unreadable_lines(unreadable)]
        return "".join(f"{line}\n" for line in lines)


def _unreadable_lines(unreadable: Unreadable) -> list[str]:
    values = {labels(file=file): float(is_damaged) for file, is_damaged in unreadable.files.items()}
    return list(metric("echobase_state_unreadable", "gauge", "1 for a file that is damaged or closed: what it says is missing.", values))
