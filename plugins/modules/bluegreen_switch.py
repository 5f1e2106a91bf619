#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module bluegreen_switch: move traffic between the colours."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bluegreen_switch
short_description: Move traffic between the colours, at once and durably
description:
  - Makes a new generation of the edge's routing table and puts it in force with one C(rename(2)).
  - The edge is neither reloaded nor restarted, and what was in flight ends where it began.
  - Whoever gets more traffic than before is asked first whether it can take it.
    A colour that is removed, not running or unhealthy is refused, and so is one whose containers another run is replacing or removing.
  - Clients are sticky - while a weight grows, clients only ever move towards that colour.
  - While both colours have traffic, the one that had all of it before is stable and the other one is the candidate.
  - Then it waits until the colours that lost all their traffic have answered what they were asked, see O(drain_seconds).
  - Several edges switch as one, see O(phase); the role C(traffic) calls the phases in their order.
options:
  to:
    description: The colour that gets all traffic.
    type: str
  weights:
    description: Per cent of the clients by colour, whole numbers that sum to 100.
    type: dict
  empty:
    description: No colour gets traffic; visitors see a friendly page. It ends maintenance, unless O(maintenance=true) says otherwise.
    type: bool
  maintenance:
    description:
      - With V(true) nobody is served and visitors see the maintenance page; the weights are kept. With V(false) traffic returns to them.
      - Left out, it stays as it is. So O(to) and O(weights) under maintenance change what traffic will return to, and the page stays up -
        a rollback needs no visitor to see the bad release again.
      - Together with O(to) or O(weights) both happen at once.
    type: bool
  purpose:
    description:
      - What the switch is for. A target of V(promote) or V(canary) needs all its containers up and to be ready with all it depends on.
      - A target of V(rollback) must only be alive itself, so that the way back does not close when, say, the database is away.
    type: str
    choices: [promote, canary, rollback]
    default: promote
  drain_seconds:
    description:
      - The longest to wait for the last answers of a colour that lost all its traffic, as counted by its gateway and its front end.
        V(0) does not wait.
      - What is unanswered then is told in RV(drained) and in a warning. It is no error, and nothing is cut off; traffic has moved already.
    type: float
    default: 10
  break_glass:
    description: A reason to switch although something speaks against it. It is returned with what was overridden, to be recorded.
    type: str
    default: ""
  fencing_number:
    description:
      - The number of the run's release lease. A number lower than one that the edge was told before is refused, since its run was replaced.
      - Left out, it is O(lease). Needed only where an edge is on another host than the lease.
    type: int
  repair:
    description: Go on although the routing table in force cannot be understood, and replace it.
    type: bool
    default: false
  health_timeout:
    description: Seconds that a colour may take to answer.
    type: float
    default: 5
  endpoints:
    description:
      - For unusual layouts, where the services C(gateway) and C(frontend) of a colour listen, by colour.
      - The containers of such a colour are not looked for on this machine.
    type: dict
    default: {}
  phase:
    description:
      - V(all) switches the only edge.
      - With several edges, each of these runs on the edge's own host. V(look) tells what an edge knows.
        V(prepare) makes the generation ready and has the edge agree to it; the first edge works out what is wanted,
        the others get its O(proposal).
        V(decide) records on the first edge that the proposal holds. V(commit) puts it in force, however late, and V(abort) forgets it.
      - Before V(decide) a failure leaves all edges as they were; after it, every edge gets there.
    type: str
    choices: [all, look, prepare, decide, commit, abort]
    default: all
  edges:
    description: The names of all edges that take part, for the first V(prepare).
    type: list
    elements: str
    default: []
  number:
    description: For the first V(prepare), the number of the next generation, one that no edge has used.
    type: int
  differ:
    description:
      - For the first V(prepare), whether the edges differ, so that all of them need a new generation even if the first has the wanted one.
    type: bool
    default: false
  proposal:
    description: What the first V(prepare) returned as RV(proposal), for all that follows.
    type: dict
extends_documentation_fragment:
  - echobase.platform.environment
attributes:
  check_mode:
    support: full
    description: Nothing changes in check mode; what would be refused is refused.
  diff_mode:
    support: full
    description: Shows weights, candidate, maintenance and generation before and after.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Promote green
  echobase.platform.bluegreen_switch:
    environment: devlocal
    to: green

- name: Let every fifth client try green
  echobase.platform.bluegreen_switch:
    environment: devlocal
    weights: {blue: 80, green: 20}
    purpose: canary

- name: Show the maintenance page
  echobase.platform.bluegreen_switch:
    environment: devlocal
    maintenance: true

- name: Open again, with green
  echobase.platform.bluegreen_switch:
    environment: devlocal
    maintenance: false
    to: green

- name: Promote a green that runs on other machines
  echobase.platform.bluegreen_switch:
    environment: devlocal
    to: green
    endpoints:
      green:
        gateway: https://10.0.0.5:8443
        frontend: https://10.0.0.6:8443

- name: Go back
  echobase.platform.bluegreen_switch:
    environment: devlocal
    to: blue
    purpose: rollback
"""

RETURN = r"""
before:
  description: The C(generation) that was in force - its number, C(weights), C(candidate) and whether C(maintenance) was on.
  returned: success of phases all, prepare and commit
  type: dict
  sample: {generation: 6, weights: {blue: 100, green: 0}, candidate: "", maintenance: false}
after:
  description: The same of the generation in force now, or that would be in check mode. For phase prepare, what would be once it is decided.
  returned: success of phases all, prepare and commit
  type: dict
  sample: {generation: 7, weights: {blue: 80, green: 20}, candidate: green, maintenance: false}
live:
  description: The colours with traffic afterwards. Under maintenance, those to which it returns.
  returned: success of phases all, prepare and commit
  type: list
  elements: str
idle:
  description: The colour without traffic afterwards; empty when both have some.
  returned: success of phases all, prepare and commit
  type: str
candidate:
  description: While both colours have traffic, the one that is tried; else empty.
  returned: success of phases all, prepare and commit
  type: str
maintenance:
  description: Whether visitors see the maintenance page afterwards.
  returned: success of phases all, prepare and commit
  type: bool
switch_microseconds:
  description: How long the rename took; nothing when nothing was switched.
  returned: success of phases all, prepare and commit
  type: float
drained:
  description:
    - Each colour that lost all its traffic, with the number of its requests still C(in_flight) after so many C(seconds).
    - C(in_flight) is nothing where C(problem) says why nobody could tell.
  returned: success of phases all, prepare and commit
  type: dict
  sample: {blue: {in_flight: 0, seconds: 1.2, problem: ""}}
break_glass:
  description: The reason that was given.
  returned: success of phases all, prepare and commit
  type: str
overridden:
  description: What spoke against the switch and was overridden.
  returned: success of phases all, prepare and commit
  type: list
  elements: str
proposal:
  description: What the other edges are to agree to.
  returned: success of phase prepare
  type: dict
decision:
  description: The newest proposal that holds, as far as this edge knows; empty when there is none.
  returned: success of phases look and decide
  type: dict
undecided:
  description: The proposal that this edge agreed to and does not know to hold; empty when there is none.
  returned: success of phase look
  type: dict
current:
  description: The generation in force.
  returned: success of phase look
  type: dict
upcoming:
  description: The lowest number that this edge has never used.
  returned: success of phase look
  type: int
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.colours.claim import ColourClaims
from ansible_collections.echobase.platform.plugins.module_utils.colours.drain import Drain
from ansible_collections.echobase.platform.plugins.module_utils.colours.fitness import PURPOSES, ColourFitness
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of
from ansible_collections.echobase.platform.plugins.module_utils.traffic.agreement import EdgeMemory
from ansible_collections.echobase.platform.plugins.module_utils.traffic.joint_switch import JointSwitch
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.traffic.proposal import Proposal
from ansible_collections.echobase.platform.plugins.module_utils.traffic.switch import Order
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import EMPTY, Weights

_WANTED = ("to", "weights", "empty", "maintenance")


def wanted_weights(module: AnsibleModule) -> Weights | None:
    params = module.params
    if params["to"] is not None:
        return Weights.all_to(params["to"])
    if params["empty"]:
        return EMPTY
    return None if params["weights"] is None else Weights.parse(params["weights"])


def order_of(module: AnsibleModule) -> Order:
    params = module.params
    number = params["lease"] or None if params["fencing_number"] is None else params["fencing_number"]
    return Order(wanted_weights(module), params["maintenance"], params["break_glass"], number, params["repair"])


def operate(module: AnsibleModule) -> Outcome:
    params, check = module.params, module.check_mode
    # Laying a generation is work for a disk and a core that the edge may be busy with; the rename itself takes microseconds.
    os.nice(10)
    env = environment_of(params)
    fitness = ColourFitness(env, params["purpose"], params["health_timeout"], params["endpoints"])
    drain = Drain(fitness.in_flight, params["drain_seconds"])
    order = order_of(module)
    claims = ColourClaims(env)
    switch = JointSwitch(
        NginxRoutes(env.path("routes")),
        EdgeMemory(env.path("routes")),
        fitness.findings,
        drain.await_silence,
        lambda colour: claims.findings(colour, order.fencing_number),
    )
    phase = params["phase"]
    if phase == "all":
        return switch.execute_alone(order, check)
    if phase == "look":
        return switch.look(order.repair)
    if phase == "prepare" and not params["proposal"]:
        return switch.prepare_first(order, params["number"], params["edges"], params["differ"], check)
    proposal = Proposal.parse(params["proposal"])
    if phase == "prepare":
        return switch.prepare(proposal, order, check)
    if phase == "decide":
        return switch.decide(proposal, check)
    return switch.commit(proposal, check) if phase == "commit" else switch.abort(proposal, check)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            "to": {"type": "str"},
            "weights": {"type": "dict"},
            "empty": {"type": "bool"},
            "maintenance": {"type": "bool"},
            "purpose": {"type": "str", "choices": list(PURPOSES), "default": "promote"},
            "drain_seconds": {"type": "float", "default": 10},
            "break_glass": {"type": "str", "default": ""},
            "fencing_number": {"type": "int"},
            "repair": {"type": "bool", "default": False},
            "health_timeout": {"type": "float", "default": 5},
            "endpoints": {"type": "dict", "default": {}},
            "phase": {"type": "str", "choices": ["all", "look", "prepare", "decide", "commit", "abort"], "default": "all"},
            "edges": {"type": "list", "elements": "str", "default": []},
            "number": {"type": "int"},
            "differ": {"type": "bool", "default": False},
            "proposal": {"type": "dict"},
        },
        mutually_exclusive=[("to", "weights", "empty")],
        required_if=[
            ("phase", "all", _WANTED, True),
            ("phase", "prepare", ("number", "proposal"), True),
            ("phase", "decide", ("proposal",)),
            ("phase", "commit", ("proposal",)),
            ("phase", "abort", ("proposal",)),
        ],
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
