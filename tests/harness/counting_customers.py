"""Customers who order all the while, in a process of their own; every request and every acknowledged order is accounted for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from harness.environment_under_test import CHECKOUT
from harness.waiting import eventually

_START_SECONDS = 120
_AN_HOUR = "3600"


@dataclass
class CountingCustomers:
    """Used as a context; afterwards `answered` and `faults` say how it went, and `table` all the rest."""

    url: str
    ca_file: str
    # Where to connect instead, as "host:port".
    connect_to: str
    folder: Path
    rate: float = 10
    answered: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    table: str = ""
    _process: subprocess.Popen[str] = field(init=False)

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    def __enter__(self) -> CountingCustomers:
        self.folder.mkdir()
        options = ["--seconds", _AN_HOUR, "--customers", "6", "--rate", str(self.rate), "--timeout", "60"]
        self._process = self._start("orders", *options, "--json", str(self.folder / "report.json"))
        # Nobody is counted who is still registering.
        eventually(self._orders_come, lambda: f"the customers order nothing (exit code {self._process.poll()})", _START_SECONDS)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._process.send_signal(signal.SIGINT)
        self.table, _ = self._process.communicate()
        if kind is None:
            report: dict[str, Any] = json.loads((self.folder / "report.json").read_text())
            self.answered, self.faults = report["answered"], {what: count for what, count in report["faults"].items() if count}
            assert self._process.returncode == 0, self.table

    def assert_nothing_lost(self) -> None:
        assert self.answered and not self.faults, self.table

    def assert_every_order_is_there(self) -> None:
        verify = self._start("verify", "--seconds", "120")
        output, _ = verify.communicate()
        assert verify.returncode == 0, output

    def _orders_come(self) -> bool:
        return self.journal.exists() and self.journal.stat().st_size > 0

    def _start(self, mode: str, *options: str) -> subprocess.Popen[str]:
        line = [sys.executable, "-m", "counting_client", mode, self.url, "--ca", self.ca_file, "--journal", str(self.journal), *options]
        if self.connect_to:
            line += ["--connect-to", self.connect_to]
        path = f"{CHECKOUT / 'tests' / 'load'}:{os.environ.get('PYTHONPATH', '')}"
        return subprocess.Popen(
            line,
            env=os.environ | {"PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
