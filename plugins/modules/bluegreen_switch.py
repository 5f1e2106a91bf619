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
    A colour that is removed, not running or unhealthy is refused.
  - Clients are sticky - while a weight grows, clients only ever move towards that colour.
options:
  to:
    description: The colour that gets all traffic.
    type: str
  weights:
    description: Per cent of the clients by colour, whole numbers that sum to 100.
    type: dict
  empty:
    description: No colour gets traffic; visitors see a friendly page.
    type: bool
  purpose:
    description:
      - What the switch is for. A target of V(promote) or V(canary) needs all its containers up and to be ready with all it depends on.
      - A target of V(rollback) must only be alive itself, so that the way back does not close when, say, the database is away.
    type: str
    choices: [promote, canary, rollback]
    default: promote
  break_glass:
    description: A reason to switch although something speaks against it. It is returned with what was overridden, to be recorded.
    type: str
    default: ""
  fencing_number:
    description: The deploy lock's number. A number lower than one that switched before is refused, since its run was replaced.
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
extends_documentation_fragment:
  - echobase.platform.environment
attributes:
  check_mode:
    support: full
    description: Nothing changes in check mode; what would be refused is refused.
  diff_mode:
    support: full
    description: Shows weights and generation before and after.
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
  description: Number and C(weights) of the C(generation) that was in force.
  returned: success
  type: dict
  sample: {generation: 6, weights: {blue: 100, green: 0}}
after:
  description: Number and C(weights) of the C(generation) that is in force now, or would be in check mode.
  returned: success
  type: dict
  sample: {generation: 7, weights: {blue: 0, green: 100}}
live:
  description: The colours with traffic afterwards.
  returned: success
  type: list
  elements: str
idle:
  description: The colour without traffic afterwards; empty when both have some.
  returned: success
  type: str
switch_microseconds:
  description: How long the rename took; nothing when nothing was switched.
  returned: success
  type: float
break_glass:
  description: The reason that was given.
  returned: success
  type: str
overridden:
  description: What spoke against the switch and was overridden.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.arguments import ENVIRONMENT_ARGUMENTS, environment_of
from ansible_collections.echobase.platform.plugins.module_utils.bluegreen_switch import BluegreenSwitch, Order
from ansible_collections.echobase.platform.plugins.module_utils.colour_fitness import PURPOSES, ColourFitness
from ansible_collections.echobase.platform.plugins.module_utils.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.weights import EMPTY, Weights


def wanted_weights(module: AnsibleModule) -> Weights:
    params = module.params
    if params["to"] is not None:
        return Weights.all_to(params["to"])
    return EMPTY if params["empty"] else Weights.parse(params["weights"])


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    env = environment_of(params)
    order = Order(wanted_weights(module), params["break_glass"], params["fencing_number"], params["repair"])
    fitness = ColourFitness(env, params["purpose"], params["health_timeout"], params["endpoints"])
    return BluegreenSwitch(NginxRoutes(env.path("routes")), fitness.findings).execute(order, module.check_mode)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            "to": {"type": "str"},
            "weights": {"type": "dict"},
            "empty": {"type": "bool"},
            "purpose": {"type": "str", "choices": list(PURPOSES), "default": "promote"},
            "break_glass": {"type": "str", "default": ""},
            "fencing_number": {"type": "int"},
            "repair": {"type": "bool", "default": False},
            "health_timeout": {"type": "float", "default": 5},
            "endpoints": {"type": "dict", "default": {}},
        },
        mutually_exclusive=[("to", "weights", "empty")],
        required_one_of=[("to", "weights", "empty")],
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
