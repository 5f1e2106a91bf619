#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module stack_diagnosis: fail with the reason why a colour does not get ready."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_diagnosis
short_description: Fail with the reason why a colour does not get ready
description:
  - Looks at every container of a colour, found by its Compose project, and fails with a report.
  - The report names which container is in trouble, what it says of itself and its last log lines.
options:
  colour:
    description: The colour.
    type: str
    choices: [blue, green]
    required: true
  task:
    description: The step that failed.
    type: str
    default: ""
  message:
    description: What that step said.
    type: str
    default: ""
  exit_code:
    description: With which exit code it ended.
    type: int
    default: 0
extends_documentation_fragment:
  - echobase.platform.environment
attributes:
  check_mode:
    support: full
    description: It never changes anything.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Say which container failed and why
  echobase.platform.stack_diagnosis:
    environment: devlocal
    colour: green
"""

RETURN = r""" # """

from typing import NoReturn

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.colours.diagnosis import FailedStep, diagnosis, reports_of
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import SERVICES
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of


def operate(module: AnsibleModule) -> NoReturn:
    colour = environment_of(module.params).colour(module.params["colour"])
    expected = [colour.container(service) for service in SERVICES]
    step = FailedStep(module.params["task"], module.params["message"], module.params["exit_code"])
    lines = diagnosis(colour.name, step, expected, reports_of(colour.project))
    module.fail_json(msg="\n".join(lines))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            "colour": {"type": "str", "choices": ["blue", "green"], "required": True},
            "task": {"type": "str", "default": ""},
            "message": {"type": "str", "default": ""},
            "exit_code": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
