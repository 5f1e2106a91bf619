"""The processes of a running edge as this host sees them. Killed from here, a container is restarted by its own policy."""

from __future__ import annotations

import http.client
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness.edge_under_test import EdgeUnderTest

_ESTABLISHED = "01"


@dataclass(frozen=True)
class EdgeProcesses:
    edge: EdgeUnderTest

    @property
    def master(self) -> int:
        return int(self.edge.state()["Pid"])

    @property
    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.master}/task/{self.master}/children").read_text().split()
        return [
            int(child)
            for child in children
            if _title(int(child)).startswith("nginx: worker process") and "shutting" not in _title(int(child))
        ]

    @property
    def socket_holder(self) -> int:
        shown = subprocess.check_output(["docker", "inspect", "--format", "{{.State.Pid}}", self.edge.facts["sockets_container"]])
        return int(shown)

    @property
    def shim(self) -> int:
        """Gives the process by which containerd watches the container."""
        return _parent(self.master)

    def clients_of(self, worker: int) -> set[int]:
        """The ports of the clients whose connections this worker holds."""
        held = {str(descriptor.readlink()) for descriptor in Path(f"/proc/{worker}/fd").iterdir()}
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        ours = [fields for fields in map(str.split, lines) if fields[3] == _ESTABLISHED and _port(fields[1]) == self.edge.port]
        return {_port(fields[2]) for fields in ours if f"socket:[{fields[9]}]" in held}


class HeldConnection:
    """A client that was served, stays connected and comes back."""

    def __init__(self, edge: EdgeUnderTest) -> None:
        self._connection = http.client.HTTPSConnection("127.0.0.1", edge.port, context=edge.tls_context(), timeout=10)
        self._connection.auto_open = 0
        self._connection.connect()
        self._colour = ""
        assert self.is_served()
        self.port = int(self._connection.sock.getsockname()[1])

    @property
    def colour(self) -> str:
        """The colour of the last answer."""
        return self._colour

    def is_served(self) -> bool:
        try:
            self._connection.request("POST", "/api/held", headers={"X-Counting-Id": "held"})
            answer = self._connection.getresponse()
            answer.read()
            self._colour = answer.headers["X-Echobase-Colour"]
        except (OSError, http.client.HTTPException):
            return False
        return answer.status == 200

    def close(self) -> None:
        self._connection.close()


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)


def _title(process: int) -> str:
    return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def _parent(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("PPid:"))
