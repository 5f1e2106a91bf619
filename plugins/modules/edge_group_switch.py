#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module edge_group_switch: one edge's part in a switch of several."""

from __future__ import annotations

DOCUMENTATION = r"""
module: edge_group_switch
short_description: Take one edge through a switch of several
description:
  - Several edges switch as one. Each phase runs on every edge's own host; the role C(traffic) calls the phases in their order.
  - Before V(decide) a failure leaves all edges as they were; after it, every edge gets there.
  - M(echobase.platform.bluegreen_switch) switches the only edge; what that asks of the colours, each edge asks here.
options:
  phase:
    description:
      - V(look) tells what an edge knows.
      - V(prepare) makes the generation ready and has the edge agree to it. The first edge works out what is wanted,
        the others get its O(proposal).
      - V(decide) records on the first edge that the proposal holds.
      - V(commit) puts it in force, however late, and V(abort) forgets it.
    type: str
    choices: [look, prepare, decide, commit, abort]
    required: true
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
  - echobase.platform.traffic
attributes:
  check_mode:
    support: full
    description: Nothing changes in check mode; what would be refused is refused.
  diff_mode:
    support: full
    description: Shows weights, candidate, maintenance and generation before and after.
seealso:
  - module: echobase.platform.bluegreen_switch
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: See what this edge knows
  echobase.platform.edge_group_switch:
    environment: devlocal
    phase: look

- name: Work out at the first edge what is wanted
  echobase.platform.edge_group_switch:
    environment: devlocal
    phase: prepare
    to: green
    number: 8
    edges: [north, south]
  register: first

- name: Have another edge agree
  echobase.platform.edge_group_switch:
    environment: devlocal
    phase: prepare
    proposal: "{{ first.proposal }}"
  delegate_to: south

- name: Decide
  echobase.platform.edge_group_switch:
    environment: devlocal
    phase: decide
    proposal: "{{ first.proposal }}"

- name: Switch
  echobase.platform.edge_group_switch:
    environment: devlocal
    phase: commit
    proposal: "{{ first.proposal }}"
  loop: [north, south]
  delegate_to: "{{ item }}"
"""

RETURN = r"""
before:
  description: The C(generation) that was in force - its number, C(weights), C(candidate) and whether C(maintenance) was on.
  returned: success of phases prepare and commit
  type: dict
  sample: {generation: 6, weights: {blue: 100, green: 0}, candidate: "", maintenance: false}
after:
  description: The same of the generation in force now, or that would be in check mode. For phase prepare, what would be once it is decided.
  returned: success of phases prepare and commit
  type: dict
  sample: {generation: 7, weights: {blue: 80, green: 20}, candidate: green, maintenance: false}
live:
  description: The colours with traffic afterwards. Under maintenance, those to which it returns.
  returned: success of phases prepare and commit
  type: list
  elements: str
idle:
  description: The colour without traffic afterwards; empty when both have some.
  returned: success of phases prepare and commit
  type: str
candidate:
  description: While both colours have traffic, the one that is tried; else empty.
  returned: success of phases prepare and commit
  type: str
maintenance:
  description: Whether visitors see the maintenance page afterwards.
  returned: success of phases prepare and commit
  type: bool
switch_microseconds:
  description: How long the rename took; nothing when nothing was switched.
  returned: success of phases prepare and commit
  type: float
drained:
  description:
    - Each colour that lost all its traffic, with the number of its requests still C(in_flight) after so many C(seconds).
    - C(in_flight) is nothing where no service counts, or where C(problem) says why one that should could not tell.
    - C(by) tells of each service how it was known that there is nothing left - by its own C(count), by the edge's C(connections) to it,
      or only by the C(time) that passed.
  returned: success of phases prepare and commit
  type: dict
  sample: {blue: {in_flight: 0, seconds: 1.2, problem: "", by: {api: count, web: connections}}}
break_glass:
  description: The reason that was given.
  returned: success of phases prepare and commit
  type: str
overridden:
  description: What spoke against the switch and was overridden.
  returned: success of phases prepare and commit
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
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of
from ansible_collections.echobase.platform.plugins.module_utils.module.traffic_arguments import (
    ONE_TARGET,
    TRAFFIC_ARGUMENTS,
    colours_of,
    order_of,
)
from ansible_collections.echobase.platform.plugins.module_utils.traffic.agreement import EdgeMemory, Proposal
from ansible_collections.echobase.platform.plugins.module_utils.traffic.group_switch import GroupSwitch
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes


def operate(module: AnsibleModule) -> Outcome:
    params, check = module.params, module.check_mode
    # Laying a generation is work for a disk and a core that the edge may be busy with; the rename itself takes microseconds.
    os.nice(10)
    env = environment_of(params)
    order = order_of(params)
    routes = env.path("routes")
    part = GroupSwitch(NginxRoutes(routes), EdgeMemory(routes), colours_of(params, env, order.fencing_number))
    phase = params["phase"]
    if phase == "look":
        return part.look(order.repair)
    if phase == "prepare" and not params["proposal"]:
        return part.prepare_first(order, params["number"], params["edges"], params["differ"], check)
    proposal = Proposal.parse(params["proposal"])
    if phase == "prepare":
        return part.prepare(proposal, order, check)
    if phase == "decide":
        return part.decide(proposal, check)
    return part.commit(proposal, check) if phase == "commit" else part.abort(proposal, check)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            **TRAFFIC_ARGUMENTS,
            "phase": {"type": "str", "choices": ["look", "prepare", "decide", "commit", "abort"], "required": True},
            "edges": {"type": "list", "elements": "str", "default": []},
            "number": {"type": "int"},
            "differ": {"type": "bool", "default": False},
            "proposal": {"type": "dict"},
        },
        mutually_exclusive=[ONE_TARGET],
        required_if=[
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
