"""Where a benchmark happens: its folder, its certificates, its ports, and the addresses of its two colours."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.file_lock import exclusive
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import DEFAULT_HOME
from bench import images
from bench.container import PREFIX, remove_leftovers
from harness.edge_under_test import edge_facts
from harness.throwaway_tls import make_certificates

COLOURS = ("blue", "green")
# Every contender listens here, one at a time; the edge's operators are 1000 ports further.
PORT = 29517
ADMIN_PORT = 29527
_CONTAINER_FACTS = ("durable_project", "edge_container", "edge_next_container", "sockets_container", "desk_container")
_NETWORK_PREFIX = "127.66"
COLOUR_PORT = 8443


@dataclass(frozen=True)
class Place:
    folder: Path
    # Tags by name.
    images: dict[str, str]
    facts: dict[str, Any]

    @property
    def tls(self) -> Path:
        """`ca.crt`, and folders `edge`, `blue` and `green` with tls.crt and tls.key."""
        return Path(self.facts["home"]) / "tls"

    @property
    def ca_file(self) -> Path:
        return self.tls / "ca.crt"

    @property
    def edge_container(self) -> str:
        return str(self.facts["edge_container"])

    def address(self, colour: str) -> str:
        """Of the colour's gateway: a loopback address of this machine."""
        return str(self.facts["colours"][colour]["edge_addresses"][1])

    def tls_name(self, colour: str) -> str:
        return str(self.facts["colours"][colour]["tls_name"])

    def new_folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return folder


@contextmanager
def prepared_place() -> Iterator[Place]:
    lock = Path(DEFAULT_HOME) / ".bench.lock"
    with exclusive(lock, waiting=lambda: print("bench: waiting for another run of it", flush=True)):
        yield from _prepared_place()


def _prepared_place() -> Iterator[Place]:
    remove_leftovers()
    with tempfile.TemporaryDirectory(prefix="echobase-bench-") as name:
        folder = Path(name)
        # Containers read it as users of their own.
        folder.chmod(0o755)
        names = {key: f"{PREFIX}{key.removesuffix('_container').replace('_', '-')}" for key in _CONTAINER_FACTS}
        facts = edge_facts(folder, "bench", PORT, _NETWORK_PREFIX) | names
        place = Place(folder, images.build(), facts)
        make_certificates(place.tls, [place.tls_name(colour) for colour in COLOURS])
        try:
            yield place
        finally:
            remove_leftovers()
