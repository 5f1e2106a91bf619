"""One change of traffic and nothing else, by the code that the modules run. The kill tests kill it.

As a program: traffic_change.py FOLDER, then the operation as one line of JSON on standard input.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.traffic.agreement import EdgeMemory, Proposal
from ansible_collections.echobase.platform.plugins.module_utils.traffic.group_switch import GroupSwitch
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.traffic.switch import BluegreenSwitch, ColourQuestions, Order
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights


def change_traffic(folder: Path, operation: dict[str, Any]) -> None:
    routes = NginxRoutes(folder)
    memory = EdgeMemory(folder)
    colours = ColourQuestions(findings=lambda colour: [], await_silence=lambda colours: {})
    part = GroupSwitch(routes, memory, colours)
    match operation:
        case {"initialise": True}:
            routes.initialise()
        case {"prepare": proposal}:
            part.prepare(Proposal.parse(proposal), Order(), check=False)
        case {"decide": proposal}:
            part.decide(Proposal.parse(proposal), check=False)
        case {"commit": proposal}:
            part.commit(Proposal.parse(proposal), check=False)
        case {"abort": proposal}:
            part.abort(Proposal.parse(proposal), check=False)
        case _:
            BluegreenSwitch(routes, memory, colours).execute(Order(**operation | {"weights": Weights(**operation["weights"])}))


if __name__ == "__main__":
    print("ready", flush=True)
    change_traffic(Path(sys.argv[1]), json.loads(sys.stdin.readline()))
