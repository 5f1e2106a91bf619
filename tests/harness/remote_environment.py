"""An environment on a host of its own, over SSH, as somebody has it who copied inventories/example."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger
from ansible_collections.echobase.platform.plugins.module_utils.environment.ports_and_subnets import Placement
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import DEFAULT_HOME, Environment, environment
from harness.counting_customers import CountingCustomers
from harness.environment_under_test import CHECKOUT, PlaybookRun, start_playbook
from harness.images_under_test import image_tag
from harness.remote_host import RemoteHost

EXAMPLE = CHECKOUT / "inventories" / "example"
# What a user changes in group_vars is here said of the host, so that the example itself is what is tried.
_SHOP = {
    # It is compiled, in minutes; how it runs has tests of its own.
    "echobase_observability": False,
    "echobase_application_variables": {
        "REQUESTS_PER_MINUTE": 1_000_000,
        "LOGIN_ATTEMPTS_PER_MINUTE": 1_000_000,
        "REGISTRATIONS_PER_MINUTE": 1_000_000,
    },
}
# What the order system needs, of this checkout.
_IMAGES = ("mariadb", "redis", "nginx", "backend", "frontend", "emulator")
_ENGINE = [{"hosts": "echobase", "gather_facts": False, "roles": ["echobase.platform.managed_python", "echobase.platform.docker_engine"]}]


@dataclass(frozen=True)
class RemoteEnvironment:
    host: RemoteHost
    user: str
    # Of the controller: the inventory, and what was fetched from the host.
    folder: Path

    def __post_init__(self) -> None:
        self.inventory.mkdir(parents=True, exist_ok=True)
        shop = self.host.connection(self.user) | _SHOP | {"echobase_public_names": [self.host.address]}
        (self.inventory / "hosts.yml").write_text(json.dumps({"echobase": {"hosts": {"shop": shop}}}))
        shutil.copytree(EXAMPLE / "group_vars", self.inventory / "group_vars", dirs_exist_ok=True)

    @property
    def inventory(self) -> Path:
        return self.folder / f"inventory-{self.user}"

    @property
    def topology(self) -> Environment:
        """With what the example says: its number and its ports."""
        return self._environment("")

    @property
    def on_disk(self) -> Environment:
        """The same, with its files as this machine finds them past the network."""
        return self._environment(str(self.host.machine.root / DEFAULT_HOME.lstrip("/")))

    def customers(self, folder: Path) -> CountingCustomers:
        return CountingCustomers("https://localhost", self.ca_file, f"{self.host.address}:{self.topology.edge_port}", folder)

    @property
    def ca_file(self) -> str:
        """The authority's certificate, as the user copied it from the host."""
        copy = self.folder / "ca.crt"
        shutil.copy(self.on_disk.path("tls", "ca.crt"), copy)
        return str(copy)

    def ledger(self) -> list[str]:
        """What happened, oldest first, as "promoted green"."""
        return [f"{entry['event']} {entry['colour']}".strip() for entry in Ledger(Path(self.on_disk.path("ledger.jsonl"))).entries()]

    def _environment(self, home: str) -> Environment:
        said = yaml.safe_load((EXAMPLE / "group_vars" / "all.yml").read_text())
        return environment(said["echobase_env"], home, placement=Placement(said["echobase_index"], said["echobase_ports"]))

    def hand_over_images(self) -> None:
        """An engine that has every image already: how images reach a host has tests of its own."""
        play = self.folder / "engine.yml"
        play.write_text(json.dumps(_ENGINE))
        process = start_playbook(str(play.with_suffix("")), self.inventory)
        output, _ = process.communicate()
        assert process.returncode == 0, output
        self.host.load_images([image_tag(name) for name in _IMAGES])

    def start(self, playbook: str, *arguments: str) -> subprocess.Popen[str]:
        return start_playbook(playbook, self.inventory, *arguments, own_session=True)

    def attempt(self, playbook: str, *arguments: str) -> PlaybookRun:
        process = start_playbook(playbook, self.inventory, *arguments)
        output, _ = process.communicate()
        return PlaybookRun(playbook, process.returncode, output)

    def run(self, playbook: str, *arguments: str) -> PlaybookRun:
        run = self.attempt(playbook, *arguments)
        assert run.code == 0, f"{playbook}, over SSH as {self.user}, failed:\n{run.output}"
        return run
