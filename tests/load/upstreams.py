"""Colours small enough for a load test: one process each, which answers with its name and remembers what it saw."""

from __future__ import annotations

import http.client
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_PROGRAM = Path(__file__).with_name("echo_upstream.py")


@dataclass
class Upstream:
    colour: str
    address: str
    port: int
    # With tls.crt and tls.key.
    tls: Path
    _process: subprocess.Popen[str] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Returns when it listens."""
        command = [sys.executable, str(_PROGRAM), self.colour, self.address, str(self.port)]
        self._process = subprocess.Popen(
            [*command, str(self.tls / "tls.crt"), str(self.tls / "tls.key")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "listening\n", f"upstream {self.colour} did not start"

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.communicate()
            self._process = None

    def seen(self) -> list[str]:
        """Every id it saw, in the order they came."""
        connection = http.client.HTTPSConnection(self.address, self.port, context=self._trusting_itself(), timeout=20)
        connection.request("GET", "/seen")
        ids = connection.getresponse().read().decode().split()
        connection.close()
        return ids

    def _trusting_itself(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.tls / "tls.crt"))
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
