"""One change of traffic and nothing else, by the code that the modules run. The kill tests kill it.

As a program: traffic_change.py FOLDER, then the operation as one line of JSON on standard input.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.traffic.agreement import EdgeMemory
from ansible_collections.echobase.platform.plugins.module_utils.traffic.joint_switch import JointSwitch
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.traffic.proposal import Proposal
from ansible_collections.echobase.platform.plugins.module_utils.traffic.switch import Order
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights


def change_traffic(folder: Path, operation: dict[str, Any]) -> None:
    routes = NginxRoutes(folder)
    switch = JointSwitch(routes, EdgeMemory(folder), findings=lambda colour: [], await_silence=lambda colours: {})
    match operation:
        case {"initialise": True}:
            routes.initialise()
        case {"prepare": proposal}:
            switch.prepare(Proposal.parse(proposal), Order(), check=False)
        case {"decide": proposal}:
            switch.decide(Proposal.parse(proposal), check=False)
        case {"commit": proposal}:
            switch.commit(Proposal.parse(proposal), check=False)
        case {"abort": proposal}:
            switch.abort(Proposal.parse(proposal), check=False)
        case _:
            switch.execute_alone(Order(**operation | {"weights": Weights(**operation["weights"])}), check=False)


if __name__ == "__main__":
    print("ready", flush=True)
    change_traffic(Path(sys.argv[1]), json.loads(sys.stdin.readline()))
