"""Colours small enough for a load test: one process each, which answers with its name and remembers what it saw."""

from __future__ import annotations

import http.client
import io
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.waiting import eventually

_PROGRAM = Path(__file__).with_name("echo_upstream.py")


@dataclass
class Upstream:
    colour: str
    address: str
    port: int
    # With tls.crt and tls.key; without it, plain HTTP.
    tls: Path | None
    # The share of its requests that it fails on purpose.
    fail: float = 0.0
    _process: subprocess.Popen[str] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Returns when it listens."""
        command = [sys.executable, str(_PROGRAM), self.colour, self.address, str(self.port)]
        command += [str(self.tls / "tls.crt"), str(self.tls / "tls.key")] if self.tls else []
        command += ["--fail", str(self.fail)]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "listening\n", f"upstream {self.colour} did not start"

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.communicate()
            self._process = None

    def seen(self) -> Iterator[str]:
        """Every id it saw, in the order they came. One at a time: there may be a million."""
        return (line.decode().rstrip() for line in io.BytesIO(self._get("/seen")))

    def failed(self) -> dict[str, Any]:
        """How many `requests` it failed on purpose, in how many `attempts`, and `by_way`."""
        return dict(json.loads(self._get("/failed")))

    def await_sessions(self, websockets: int, event_streams: int, seconds: float = 20.0) -> None:
        """Until so many are open and each listener has been sent an event since."""
        wanted = {"websockets": websockets, "event_streams": event_streams}
        events: list[int] = []

        def each_listener_has_had_an_event() -> bool:
            found = dict(json.loads(self._get("/sessions")))
            sent = found.pop("events")
            if found == wanted:
                events.append(sent)
            else:
                events.clear()
            return bool(events) and events[-1] > events[0]

        eventually(each_listener_has_had_an_event, lambda: f"{self.colour} has {self._get('/sessions')!r}, not {wanted}", seconds)

    def _get(self, path: str) -> bytes:
        connection = http.client.HTTPConnection(self.address, self.port, timeout=20)
        if self.tls:
            connection = http.client.HTTPSConnection(self.address, self.port, context=_trusting(self.tls / "tls.crt"), timeout=20)
        connection.request("GET", path)
        content = connection.getresponse().read()
        connection.close()
        return content


def _trusting(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certificate))
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.check_hostname = False
    return context


@contextmanager
def running(*upstreams: Upstream) -> Iterator[tuple[Upstream, ...]]:
    with ExitStack() as stack:
        for upstream in upstreams:
            stack.callback(upstream.stop)
            upstream.start()
        yield upstreams
