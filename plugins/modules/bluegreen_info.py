#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module bluegreen_info: which colour serves, and how both are."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bluegreen_info
short_description: Tell which colour has traffic, and how edge and colours are
description:
  - Reads the routing table, lists the colours' containers, and asks the edge and the colours' services whether they are ready, all at once.
  - Before an environment is set up, nothing is live and blue is idle.
  - A routing table that is there but cannot be understood is an error, since whoever asks would otherwise take it for an empty one.
options:
  tolerate_broken_table:
    description: Report a broken routing table in RV(table) instead of failing.
    type: bool
    default: false
extends_documentation_fragment:
  - echobase.platform.environment
attributes:
  check_mode:
    support: full
    description: It never changes anything.
  diff_mode:
    support: none
    description: There is nothing to show.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: See who serves now
  echobase.platform.bluegreen_info:
    environment: devlocal
  register: traffic

- name: Say it
  ansible.builtin.debug:
    msg: "{{ traffic.live | join(' and ') }} since generation {{ traffic.generation }}"
"""

RETURN = r"""
weights:
  description: Per cent of the clients, by colour.
  returned: success
  type: dict
  sample: {blue: 80, green: 20}
generation:
  description: Number of the generation in force; 0 before the environment is set up.
  returned: success
  type: int
live:
  description: The colours with traffic. Under maintenance, those to which it returns.
  returned: success
  type: list
  elements: str
idle:
  description: The colour for the next candidate; empty while both have traffic.
  returned: success
  type: str
candidate:
  description: While both colours have traffic, the one that is tried; else empty.
  returned: success
  type: str
stable:
  description: The colour with all the traffic, or beside a candidate the other one; empty while nothing is live.
  returned: success
  type: str
maintenance:
  description: Whether visitors see the maintenance page.
  returned: success
  type: bool
kept_closed:
  description:
    - Whether that page is meant to stay, since somebody put it up by playbook C(maintenance). One that nobody recorded belongs to a run
      on the database, perhaps to one that was cut off; the next such run takes it away at its end.
  returned: success
  type: bool
undecided:
  description: With several edges, what this edge agreed to and does not know yet to hold; empty when there is nothing.
  returned: success
  type: dict
table:
  description: Whether the routing table is C(readable), else the C(problem).
  returned: success
  type: dict
edge:
  description: Name of the C(container), whether it is C(running) and C(ready), else the C(problem).
  returned: success
  type: dict
colours:
  description:
    - By colour the Compose C(project), the C(containers) with C(name), C(state), C(health), C(image) and C(release),
      whether all of them are C(running) and the colour is C(ready), else the C(problem),
      and C(release), C(version) and C(schema) as its services say of themselves, or else as its containers are labelled.
    - C(services) has the names of the services that it should have.
    - C(working_tree) says whether it shows what somebody edits (playbook C(watch)) and no release.
    - C(dead_letters) is how many the application could not handle, of either colour; nothing where it does not say.
    - C(in_flight) is how many requests each service that counts them is answering right now; nothing where one does not say.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of
from ansible_collections.echobase.platform.plugins.module_utils.status.traffic import BluegreenInfo


def operate(module: AnsibleModule) -> Outcome:
    info = BluegreenInfo(environment_of(module.params))
    return Outcome(changed=False, facts=info.collect(tolerate_broken_table=module.params["tolerate_broken_table"]))


def main() -> None:
    module = AnsibleModule(
        argument_spec={**ENVIRONMENT_ARGUMENTS, "tolerate_broken_table": {"type": "bool", "default": False}},
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
