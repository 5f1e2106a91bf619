"""One edge or several, as the playbooks know them: an inventory, state folders, and the two colours behind them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import as_facts, environment
from ansible_collections.echobase.platform.plugins.module_utils.traffic.agreement import EdgeMemory
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights
from harness.application_under_test import store_definition
from harness.module_runner import CHECKOUT
from harness.throwaway_tls import make_certificates


class EdgesUnderTest:
    """Routing tables without an nginx, blue live at each. Each edge has its own state folder; all reach the same two colours."""

    def __init__(self, folder: Path, names: Sequence[str], network_prefix: str) -> None:
        self.folder = folder
        self.names = names
        self.network_prefix = network_prefix
        self.env = environment("test", str(folder / names[0]), network_prefix)
        self.facts = as_facts(self.env)
        make_certificates(Path(self.env.path("tls")), [colour.tls_name for colour in self.env.colours.values()])
        for name in self.names:
            self.home(name).joinpath("tls").mkdir(parents=True, exist_ok=True)
            if name != self.names[0]:
                shutil.copy(self.env.path("tls", "ca.crt"), self.home(name) / "tls" / "ca.crt")
            store_definition(replace(self.env, home=str(self.home(name))))
            self.routes(name).initialise()
            self.routes(name).commit(self.routes(name).prepare(Weights.all_to("blue")))
        self.variables: dict[str, dict[str, Any]] = {name: {"echobase_home": str(folder / name)} for name in self.names}

    def home(self, name: str) -> Path:
        return self.folder / name / "test"

    def routes(self, name: str) -> NginxRoutes:
        return NginxRoutes(self.home(name) / "routes")

    def memory(self, name: str) -> EdgeMemory:
        return EdgeMemory(self.home(name) / "routes")

    @property
    def weights(self) -> list[Weights]:
        return [self.routes(name).current().weights for name in self.names]

    @property
    def undecided(self) -> list[str]:
        return [name for name in self.names if self.memory(name).undecided]

    def endpoints(self) -> dict[str, dict[str, str]]:
        return {
            name: {"frontend": f"https://{colour.edge_addresses[0]}:8443", "api-gateway": f"https://{colour.edge_addresses[1]}:8443"}
            for name, colour in self.env.colours.items()
        }

    def inventory(self) -> Path:
        common = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "echobase_env": "test",
            "echobase_network_prefix": self.network_prefix,
            "traffic_endpoints": self.endpoints(),
        }
        path = self.folder / "hosts.yml"
        groups: dict[str, Any] = {"echobase": {"hosts": {self.names[0]: self.variables[self.names[0]]}}}
        if len(self.names) > 1:
            groups["edges"] = {"hosts": {name: self.variables[name] for name in self.names}}
        path.write_text(json.dumps({"all": {"vars": common, "children": groups}}))
        return path

    def start(self, playbook: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "ansible", "playbook", "-i", str(self.inventory()), f"playbooks/{playbook}.yml", *arguments]
        return subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env=os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A group of its own, so that it can be killed with its modules.
            start_new_session=True,
        )

    def run(self, playbook: str, *arguments: str) -> tuple[int, str]:
        process = self.start(playbook, *arguments)
        output, _ = process.communicate()
        return process.returncode, output

    def switch(self, *arguments: str) -> str:
        code, output = self.run("switch", *arguments)
        assert code == 0, output
        return output

    @property
    def events(self) -> list[tuple[str, str]]:
        return [(entry["event"], entry["colour"]) for entry in Ledger(self.home(self.names[0]) / "ledger.jsonl").entries()]
