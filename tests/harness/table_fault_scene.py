"""An edge whose routing table lies on a small file system of its own, so that a test can fill it, close it and break what is in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights
from harness.colour_under_test import ColourUnderTest, running_colour
from harness.edge_customers import OBSERVED_BUCKETS, Customers
from harness.edge_under_test import EdgeUnderTest, edge_facts, running_edge
from harness.images_under_test import image_tag
from harness.module_runner import run_module

BLUE, GREEN = Weights.all_to("blue"), Weights.all_to("green")
ALL_BLUE, ALL_GREEN, ALL_LOUD = (dict.fromkeys(OBSERVED_BUCKETS, answer) for answer in ("blue", "green", "503 routing-table-unreadable"))
_ROOM = ("size=16m", "nr_inodes=100k")


@dataclass
class FaultScene:
    edge: EdgeUnderTest
    customers: Customers
    colours: dict[str, ColourUnderTest]
    network_prefix: str

    @property
    def folder(self) -> Path:
        return self.edge.home / "routes"

    @property
    def routes(self) -> NginxRoutes:
        return self.edge.routes

    @property
    def generation(self) -> Path:
        return (self.folder / "current").resolve()

    @property
    def endpoints(self) -> dict[str, dict[str, str]]:
        """The addresses of the colours, which are told to the modules, since the colours are no containers."""
        return {
            name: {
                service: f"https://{address}:8443/ready"
                for service, address in zip(("frontend", "api-gateway"), colour["edge_addresses"], strict=False)
            }
            for name, colour in self.edge.facts["colours"].items()
        }

    def begin_anew(self) -> None:
        """Blue is live, whatever was done here before."""
        self.remount("rw", *_ROOM)
        for path in self.folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        self.folder.chmod(0o755)
        self.routes.initialise()
        self.move(GREEN, BLUE)
        assert self.customers.answers() == ALL_BLUE

    def switch(self, **options: Any) -> dict[str, Any]:
        """Switches through Ansible, as users do."""
        here = {"environment": "test", "home": str(self.edge.home.parent), "network_prefix": self.network_prefix}
        return run_module("bluegreen_switch", here | {"endpoints": self.endpoints} | options)

    def move(self, *states: Weights) -> None:
        for weights in states:
            self.routes.commit(self.routes.prepare(weights))

    def remount(self, *options: str) -> None:
        subprocess.run(["mount", "-o", ",".join(["remount", *options]), str(self.folder)], check=True)

    def fill_disk(self) -> None:
        space = os.statvfs(self.folder)
        self.remount(f"size={(space.f_blocks - space.f_bfree) * space.f_frsize}")

    def leave_inodes(self, count: int) -> None:
        space = os.statvfs(self.folder)
        self.remount(f"nr_inodes={space.f_files - space.f_ffree + count}")

    def make_room(self) -> None:
        self.remount("rw", *_ROOM)

    def files(self) -> set[str]:
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*")} - {".lock"}


@contextmanager
def running_scene(home: Path, name: str, port: int, network_prefix: str) -> Iterator[FaultScene]:
    facts = edge_facts(home, name, port, network_prefix)
    routes = Path(facts["home"]) / "routes"
    routes.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(_ROOM), "tmpfs", str(routes)], check=True)
    with ExitStack() as stack:
        stack.callback(subprocess.run, ["umount", str(routes)], check=True)
        edge = stack.enter_context(running_edge(facts, image_tag("nginx")))
        colours = {name: stack.enter_context(running_colour(facts, name)) for name in facts["colours"]}
        yield FaultScene(edge, stack.enter_context(closing(Customers(edge))), colours, network_prefix)
