"""Watches one switch from outside: when did the new colour first answer, and until when did the old one go on."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from dataclasses import dataclass

# After that a switch has failed, as far as anybody can see.
_PATIENCE = 10.0
# The new colour must answer so often in a row: several workers may change one after another.
_SETTLED = 25


@dataclass(frozen=True)
class Sighting:
    # Monotonic clock.
    first_new: float
    # Sent, and answered by the old colour; 0 when there was none.
    last_old: float


class Probe:
    """Sends one request after the other, over a connection that it keeps, until the switch has been seen."""

    def __init__(self, port: int, ca_file: str) -> None:
        self._port = port
        self._tls = ssl.create_default_context(cafile=ca_file)
        self._connection: http.client.HTTPSConnection | None = None
        self._sighting: Sighting | None = None

    def connect(self) -> None:
        """Before the switch, so that the first request finds a warm connection."""
        self._colour()

    def watch_for(self, colour: str) -> threading.Thread:
        thread = threading.Thread(target=self._watch, args=(colour,), daemon=True)
        thread.start()
        return thread

    @property
    def sighting(self) -> Sighting:
        if self._sighting is None:
            raise RuntimeError("the new colour did not answer")
        return self._sighting

    def _watch(self, colour: str) -> None:
        self._sighting = None
        first_new = last_old = 0.0
        in_a_row = 0
        end = time.monotonic() + _PATIENCE
        while in_a_row < _SETTLED and time.monotonic() < end:
            sent = time.monotonic()
            seen = self._colour()
            if seen == colour:
                first_new = first_new or time.monotonic()
                in_a_row += 1
            elif seen:
                last_old = sent
                in_a_row = 0
        if in_a_row == _SETTLED:
            self._sighting = Sighting(first_new, last_old)

    def _colour(self) -> str:
        """Of the one who answered; empty when nobody did, or the proxy itself."""
        try:
            if self._connection is None:
                self._connection = http.client.HTTPSConnection("localhost", self._port, timeout=5, context=self._tls)
            self._connection.request("GET", "/api/probe")
            answer = self._connection.getresponse()
            answer.read()
            return answer.headers.get("X-Echobase-Colour", "")
        except (OSError, http.client.HTTPException):
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            time.sleep(0.001)
            return ""
