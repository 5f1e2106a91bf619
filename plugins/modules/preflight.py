#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module preflight: everything that stands in the way of a playbook."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Tell everything that stands in the way of a playbook, before it changes anything
description:
  - Looks at distribution, privileges, Python and its packages, engine, Compose, disk, memory, ports, names and clock, and at what is on the
    controller. Fails with a line for each thing that is wrong, all at once.
  - Which checks there are follows from O(purpose).
  - It needs nothing on the host but Python, and tells where even that is missing.
options:
  purpose:
    description:
      - What the playbook does. V(setup) may install what is missing, V(change) works with containers, and V(urgent) asks only for what
        it cannot do without, so that the way back stays open.
      - With V(look) problems are warnings, and nothing fails.
    type: str
    choices: [setup, change, urgent, look]
    default: change
  backup_schedule:
    description: When the host takes backups. That is refused where the host is not the controller, whose playbook it would start.
    type: str
    default: ""
  files:
    description: Files of the controller that have to be readable there, by the variable that names each. Empty ones are not asked for.
    type: dict
    default: {}
  first_disk:
    description: How much has to be free on the disk before the first setup, as Docker writes sizes.
    type: str
    default: 5g
  disk:
    description: How much has to be free afterwards.
    type: str
    default: 1g
  first_memory:
    description: How much memory has to be available before the first setup.
    type: str
    default: 1500m
  memory:
    description: How much memory has to be available afterwards.
    type: str
    default: 256m
  packages:
    description: The lowest version of each Python package that modules import. The action plugin fills it in.
    type: dict
    default: {}
  managed:
    description: The interpreter that role C(managed_python) makes.
    type: str
    default: /opt/echobase/python/bin/python
extends_documentation_fragment:
  - echobase.platform.environment
attributes:
  check_mode:
    support: full
    description: It only reads.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: See that nothing stands in the way of a deployment
  echobase.platform.preflight:
    environment: devlocal
    purpose: change
"""

RETURN = r"""
problems:
  description: A line for each thing that is wrong, whether that fails the task or not.
  returned: always
  type: list
  elements: str
  sample: ["ports: port 443 (edge) is taken by process 812 (apache2) - stop that, or give another edge in echobase_ports"]
now:
  description: The host's clock, in seconds since 1970.
  returned: when the host could be looked at
  type: float
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of
from ansible_collections.echobase.platform.plugins.module_utils.preflight.examination import Examination, Needs
from ansible_collections.echobase.platform.plugins.module_utils.preflight.problem import NEEDED, Problem

SIZES = {"first_disk": "5g", "disk": "1g", "first_memory": "1500m", "memory": "256m"}
OPTIONS: dict[str, dict[str, Any]] = {
    **ENVIRONMENT_ARGUMENTS,
    "purpose": {"type": "str", "choices": list(NEEDED), "default": "change"},
    # The action plugin looks at these two on the controller.
    "backup_schedule": {"type": "str", "default": ""},
    "files": {"type": "dict", "default": {}},
    **{name: {"type": "str", "default": size} for name, size in SIZES.items()},
    "packages": {"type": "dict", "default": {}},
    "managed": {"type": "str", "default": "/opt/echobase/python/bin/python"},
}


def operate(params: dict[str, Any]) -> Outcome:
    problems = []
    try:
        env = environment_of(params)
    except Refusal as refusal:
        env = None
        problems.append(Problem("names", refusal.cause, refusal.remedy))
    needs = Needs(**{name: params[name] for name in SIZES})
    found = Examination(
        params["purpose"], env, params["home"], params["public_names"], params["packages"], params["managed"], needs
    ).problems()
    return Outcome(changed=False, facts={"problems": [str(problem) for problem in problems + found], "now": time.time()})


def main() -> None:
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    # Nobody's lease is asked for: what is looked at belongs to the host.
    run(module, lambda: operate(module.params), asks_lease=False)


if __name__ == "__main__":
    main()
