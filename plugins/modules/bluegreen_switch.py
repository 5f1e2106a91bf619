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
  - Several edges switch as one with M(echobase.platform.edge_group_switch). An edge that agreed to such a switch and does not know its
    decision is not switched alone, unless O(repair=true) says so.
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
        api: https://10.0.0.5:8443
        web: https://10.0.0.6:8443

- name: Go back
  echobase.platform.bluegreen_switch:
    environment: devlocal
    to: blue
    purpose: rollback
"""

RETURN = r"""
before:
  description: The C(generation) that was in force - its number, C(weights), C(candidate) and whether C(maintenance) was on.
  returned: success
  type: dict
  sample: {generation: 6, weights: {blue: 100, green: 0}, candidate: "", maintenance: false}
after:
  description: The same of the generation in force now, or that would be in check mode.
  returned: success
  type: dict
  sample: {generation: 7, weights: {blue: 80, green: 20}, candidate: green, maintenance: false}
live:
  description: The colours with traffic afterwards. Under maintenance, those to which it returns.
  returned: success
  type: list
  elements: str
idle:
  description: The colour without traffic afterwards; empty when both have some.
  returned: success
  type: str
candidate:
  description: While both colours have traffic, the one that is tried; else empty.
  returned: success
  type: str
maintenance:
  description: Whether visitors see the maintenance page afterwards.
  returned: success
  type: bool
switch_microseconds:
  description: How long the rename took; nothing when nothing was switched.
  returned: success
  type: float
drained:
  description:
    - Each colour that lost all its traffic, with the number of its requests still C(in_flight) after so many C(seconds).
    - C(in_flight) is nothing where no service counts, or where C(problem) says why one that should could not tell.
    - C(by) tells of each service how it was known that there is nothing left - by its own C(count), by the edge's C(connections) to it,
      or only by the C(time) that passed.
  returned: success
  type: dict
  sample: {blue: {in_flight: 0, seconds: 1.2, problem: "", by: {api: count, web: connections}}}
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
from ansible_collections.echobase.platform.plugins.module_utils.traffic.agreement import EdgeMemory
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.traffic.switch import BluegreenSwitch


def operate(module: AnsibleModule) -> Outcome:
    # Laying a generation is work for a disk and a core that the edge may be busy with; the rename itself takes microseconds.
    os.nice(10)
    env = environment_of(module.params)
    order = order_of(module.params)
    colours = colours_of(module.params, env, order.fencing_number)
    routes = env.path("routes")
    return BluegreenSwitch(NginxRoutes(routes), EdgeMemory(routes), colours).execute(order, module.check_mode)


def main() -> None:
    module = AnsibleModule(
        argument_spec={**ENVIRONMENT_ARGUMENTS, **TRAFFIC_ARGUMENTS},
        mutually_exclusive=[ONE_TARGET],
        required_one_of=[(*ONE_TARGET, "maintenance")],
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
