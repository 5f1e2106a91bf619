"""The edge's metrics and spans, from its access log, in the background."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Thread

from operators_desk.edge_counters import EdgeCounters
from operators_desk.edge_log import EdgeLog
from operators_desk.edge_spans import EdgeSpans
from operators_desk.exposition import Exposition

_PAUSE_SECONDS = 0.25


class EdgeMetrics:
    def __init__(self, log: Path, spans: EdgeSpans | None = None) -> None:
        self._log = EdgeLog(log)
        self._counters = EdgeCounters()
        self._spans = spans
        self._lock = Lock()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="edge-metrics", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._log.close()

    def count_new_lines(self) -> None:
        with self._lock:
            for raw in self._log.lines():
                line = self._counters.count(raw)
                if line is not None and self._spans is not None:
                    self._spans.add(line)

    def render(self, exposition: Exposition = Exposition.TEXT) -> str:
        with self._lock:
            return self._counters.render(self._log.unread_bytes, self._log.is_readable, self._spans, exposition)

    def _run(self) -> None:
        while not self._stopping.wait(_PAUSE_SECONDS):
            # A disk that fails for a moment ends no counting: the next time goes on where this one stopped.
            with suppress(OSError):
                self.count_new_lines()
