"""The holder of the edge's listening sockets: what it says to those who say too little, too much or nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.images_under_test import image_tag
from harness.waiting import eventually

MOST_CLIENTS = 16
TAKE, KEEP = b"T", b"K"
NO_PORTS = ["443abc", "abc", "", "0", "65536", "-1", "+443", " 443", "443 ", "0x1bb", "99999999999999999999"]


@dataclass
class Holder:
    path: Path
    pid: int

    def connected(self, stack: ExitStack) -> socket.socket:
        client = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        client.connect(str(self.path))
        client.settimeout(10)
        return client

    def gives_its_sockets(self) -> bool:
        with ExitStack() as stack:
            taker = self.connected(stack)
            taker.send(TAKE)
            return self.gives_to(taker)

    def gives_to(self, taker: socket.socket) -> bool:
        said, fds, _, _ = socket.recv_fds(taker, 1, MOST_CLIENTS)
        for fd in fds:
            os.close(fd)
        return (said, len(fds)) == (TAKE, 2)

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rests(self) -> bool:
        """Whether it waits, instead of asking again and again who is there."""
        before = self.cpu_seconds()
        time.sleep(0.4)
        return self.cpu_seconds() - before < 0.1


@pytest.fixture(scope="module")
def holder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holder]:
    folder = tmp_path_factory.mktemp("holder")
    command = ["docker", "run", "--detach", "--rm", "--network=none", f"--volume={folder}:/sockets", image_tag("nginx")]
    command += ["edge-sockets", "hold", "/sockets/holder", "16", "127.0.0.1:443", "127.0.0.1:1443"]
    container = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    try:
        inspected = subprocess.run(["docker", "inspect", "--format={{.State.Pid}}", container], check=True, capture_output=True, text=True)
        holder = Holder(folder / "holder", int(inspected.stdout))
        eventually(holder.path.exists, "there is a holder")
        eventually(holder.gives_its_sockets, "it holds sockets")
        yield holder
    finally:
        subprocess.run(["docker", "kill", container], check=True, capture_output=True)


def test_what_travels_beside_an_empty_message_is_closed(holder: Holder) -> None:
    before = holder.descriptors()
    with ExitStack() as stack, socket.create_server(("127.0.0.1", 0)) as listening:
        for _ in range(10):
            client = holder.connected(stack)
            client.sendmsg([b""], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [listening.fileno()] * MOST_CLIENTS))])
            assert client.recv(1) == b""
    assert holder.gives_its_sockets()
    eventually(lambda: holder.descriptors() <= before, "no descriptor is left behind")


def test_clients_that_say_nothing_neither_keep_it_busy_nor_others_out(holder: Holder) -> None:
    with ExitStack() as stack:
        silent = [holder.connected(stack) for _ in range(MOST_CLIENTS + 4)]
        assert holder.rests()
        assert holder.gives_its_sockets()
        # Whoever has been silent for the longest time had to go.
        assert silent[0].recv(1) == b""
        silent[-1].send(TAKE)
        assert holder.gives_to(silent[-1])


def test_keepers_stay_and_who_finds_no_room_beside_them_waits_for_it(holder: Holder) -> None:
    with ExitStack() as stack:
        keepers = [holder.connected(stack) for _ in range(MOST_CLIENTS)]
        for keeper in keepers:
            keeper.send(KEEP)
        late = holder.connected(stack)
        late.send(TAKE)
        assert holder.rests()
        keepers[3].close()
        assert holder.gives_to(late)
        for keeper in (*keepers[:3], *keepers[4:]):
            keeper.setblocking(False)
            with pytest.raises(BlockingIOError):
                keeper.recv(1)
    assert holder.gives_its_sockets()


def test_what_is_no_port_is_no_address() -> None:
    script = 'for port in "$@"; do edge-sockets hold /tmp/holder 16 "127.0.0.1:$port"; echo "$?"; done'
    command = ["docker", "run", "--rm", "--network=none", image_tag("nginx"), "timeout", "20", "sh", "-c", script, "sh", *NO_PORTS]
    tried = subprocess.run(command, check=False, capture_output=True, text=True)
    assert tried.stdout.split() == ["2"] * len(NO_PORTS)
    assert tried.stderr.splitlines() == [f"edge-sockets: not an address: 127.0.0.1:{port}" for port in NO_PORTS]
