"""Brings the server's binary log into the repository as it is written, and alone deletes what is not needed there any more.

It remembers nothing that it could not find out again: the repository says what is archived, and the server keeps what is not.
"""

from __future__ import annotations

import json
import queue
import signal
import socketserver
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql

from backups import batch, binlog, repository
from backups.batch import FOLDER, Batch
from backups.clock import Clock
from backups.server import Sample, Server
from backups.trouble import Trouble

SOCKET = Path("/tmp/archiver.sock")
_SECONDS_BETWEEN_LOOKS = 0.25
_SECONDS_AFTER_TROUBLE = 2.0
# After this time it archives even if nothing was written, so that the repository knows that nothing was.
_IDLE_SECONDS = 600
# The server keeps logs this long for a replica that was away.
_DAYS_KEPT_ON_SERVER = 1


@dataclass
class Request:
    verb: str
    names: list[str] = field(default_factory=list)
    answer: queue.SimpleQueue[dict[str, Any]] = field(default_factory=queue.SimpleQueue)


class Archiver:
    def __init__(self, interval: float) -> None:
        self.requests: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._interval = interval
        self._server: Server | None = None
        self._batch: Batch | None = None
        self._clock = Clock()
        self._times: list[Sample] = []
        # Numbers of the last log and of the last transaction in the repository; until when by the server's clock, since when by ours.
        self._final = 0
        self._archived = -1
        self._until = 0
        self._archived_at = float("-inf")
        self._trouble = "it has only just started"

    def run(self) -> None:
        self._clock.start()
        pause = 0.0
        while True:
            request = self._next_request(pause)
            try:
                answer = self._work(request)
                self._told("")
                pause = _SECONDS_BETWEEN_LOOKS
            except (Trouble, pymysql.Error, OSError) as error:
                answer = {"trouble": str(error)}
                self._told(str(error))
                self._start_over()
                pause = _SECONDS_AFTER_TROUBLE
            if request:
                request.answer.put(answer)
                if request.verb == "stop":
                    return

    @property
    def state(self) -> dict[str, Any]:
        return {"until": self._until, "trouble": self._trouble}

    def _next_request(self, pause: float) -> Request | None:
        try:
            return self.requests.get(timeout=pause) if pause else self.requests.get_nowait()
        except queue.Empty:
            return None

    def _work(self, request: Request | None) -> dict[str, Any]:
        if request and request.verb == "expire":
            # The caller says that no other process is at work now, so whatever is locked was locked by one that was killed.
            repository.unlock()
            repository.forget([*request.names, *batch.superseded(repository.snapshots())], prune=True)
            return {}
        server = self._connected()
        if request or self._is_due:
            self._archive(server)
        return {"until": self._until}

    @property
    def _is_due(self) -> bool:
        passed = time.monotonic() - self._archived_at
        news = self._clock.latest is not None and self._clock.latest.last != self._archived
        return passed > _IDLE_SECONDS or (news and passed > self._interval)

    def _connected(self) -> Server:
        if self._server is not None and not self._server.is_there():
            # The server was restarted, maybe on other data; the caller need not know of that.
            self._start_over()
        if self._server is None:
            self._server = Server()
            self._final = batch.final_archived(repository.snapshots(), self._server.id)
        return self._server

    def _start_over(self) -> None:
        """Starts over: what was fetched and not stored is fetched again."""
        if self._server:
            self._server.close()
        self._server = None
        self._batch = None

    def _archive(self, server: Server) -> None:
        before = server.sample()
        server.begin_new_log()
        after = server.sample()
        self._times += [*self._clock.take(), before, after]
        closed = server.closed_logs()
        if closed and batch.number(closed[-1]) < self._final:
            raise Trouble(
                f"the server's binary log was begun anew (RESET MASTER): the archive ends at {self._final}, the server at {closed[-1]};"
                " remove current/server-id from its volume, restart it, then take a full backup"
            )
        news = [log for log in closed if batch.number(log) > self._final]
        for log in news:
            # A batch has no holes: what the server has thrown away before it was archived shows as a gap between two of them.
            if self._batch is None or batch.number(log) != self._final + 1:
                self._batch = Batch.begin(server.id)
            server.fetch(log, FOLDER)
            with (FOLDER / log).open("rb") as stream:
                content = binlog.content(stream)
            self._batch.add(log, content)
            self._final = batch.number(log)
            if log == news[-1]:
                self._store(self._batch, before.moment)
            elif self._batch.is_full:
                self._store(self._batch, content.second * 1_000_000)
        self._archived, self._until, self._archived_at = after.last, before.moment, time.monotonic()
        server.purge(_DAYS_KEPT_ON_SERVER)

    def _store(self, current: Batch, until: int) -> None:
        times = [*current.times, *self._times]
        try:
            current.store(until, times)
        except repository.LockedError:
            # Only an archiver locks so that nobody else gets in, and there is one of them: it was killed.
            repository.unlock()
            current.store(until, times)
        current.times, self._times = times, []
        if current.is_full:
            self._batch = None
            self._forget(current.snapshots[:-1])

    def _forget(self, outdated: list[str]) -> None:
        try:
            repository.forget(outdated, prune=False)
        except repository.LockedError:
            say("a backup is being taken: outdated snapshots stay until something expires")

    def _told(self, trouble: str) -> None:
        if trouble != self._trouble:
            say(f"TROUBLE: {trouble}" if trouble else "archiving")
        self._trouble = trouble


class _Door(socketserver.StreamRequestHandler):
    """Answers callers over a socket: one request for each connection, one line each way."""

    server: _Doors

    def handle(self) -> None:
        asked = json.loads(self.rfile.readline())
        archiver = self.server.archiver
        if asked["verb"] == "state":
            answer = archiver.state
        else:
            request = Request(asked["verb"], asked.get("names", []))
            archiver.requests.put(request)
            answer = request.answer.get()
        self.wfile.write(json.dumps(answer).encode() + b"\n")


class _Doors(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, archiver: Archiver) -> None:
        SOCKET.unlink(missing_ok=True)
        super().__init__(str(SOCKET), _Door)
        SOCKET.chmod(0o600)
        self.archiver = archiver


def serve(interval: float) -> None:
    archiver = Archiver(interval)
    # The last round before the end, so that a planned stop leaves nothing behind.
    signal.signal(signal.SIGTERM, lambda *_: archiver.requests.put(Request("stop")))
    doors = _Doors(archiver)
    threading.Thread(target=doors.serve_forever, daemon=True).start()
    archiver.run()


def say(text: str) -> None:
    print(f"[archiver] {text}", file=sys.stderr, flush=True)
