"""Looks at the server again and again: at which moment which transaction was its last."""

from __future__ import annotations

import threading
import time

import pymysql

from backups.server import Sample, Server
from backups.trouble import Trouble

# How finely the moment of a restore is known.
_SECONDS_BETWEEN = 0.25


class Clock(threading.Thread):
    """A thread that looks at the server even while the archiver is busy. Between its looks the log tells a moment to the second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._guard = threading.Lock()
        self._taken: list[Sample] = []
        self.latest: Sample | None = None

    def run(self) -> None:
        server: Server | None = None
        while True:
            try:
                if server is None:
                    server = Server()
                    # The server may be another one than that of the last sample.
                    self.latest = None
                self._look(server)
            except (Trouble, pymysql.Error, OSError):
                server = None
            time.sleep(_SECONDS_BETWEEN)

    def take(self) -> list[Sample]:
        """Gives what was seen since the last call."""
        with self._guard:
            taken, self._taken = self._taken, []
        return [*taken, self.latest] if self.latest else taken

    def _look(self, server: Server) -> None:
        sample = server.sample()
        if self.latest and self.latest.last != sample.last:
            # Only the samples before and after a change tell anything.
            with self._guard:
                self._taken += [self.latest, sample]
        self.latest = sample
