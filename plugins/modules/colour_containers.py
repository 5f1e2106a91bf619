#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module colour_containers: the containers of one colour, as a Compose file describes them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: colour_containers
short_description: Have the containers of a colour run as a Compose file describes them
description:
  - Writes the Compose file, has Compose make or start what is missing or was made from another one, and waits until all are healthy.
  - Where a container does not get ready, it fails with a report that names the one in trouble, what it says of itself and its last lines.
  - Traffic is none of its concern; M(echobase.platform.colour_claim) keeps it away.
options:
  colour:
    description: The colour.
    type: str
    choices: [blue, green]
    required: true
  compose:
    description:
      - Content of the Compose file. Every container in it needs the label C(io.echobase.configuration) with the value C(@configuration@),
        which stands for a digest of the file.
    type: str
    required: true
  ready_seconds:
    description: How long the containers may take to become healthy.
    type: int
    default: 120
extends_documentation_fragment:
  - echobase.platform.environment
attributes:
  check_mode:
    support: full
    description: Nothing is written or started; RV(steps) says what would be.
  diff_mode:
    support: full
    description: Shows the Compose file where it changes.
  idempotent:
    support: full
    description: Containers that run as described are left alone.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Start the candidate's containers and wait until they are healthy
  echobase.platform.colour_containers:
    environment: devlocal
    colour: green
    compose: "{{ lookup('ansible.builtin.template', 'compose.yml.j2') }}"
"""

RETURN = r"""
steps:
  description: What was done, or would be in check mode.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.colours.diagnosis import FailedStep, diagnosis, reports_of
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.containers.compose import ComposeError, ComposeFile
from ansible_collections.echobase.platform.plugins.module_utils.containers.described import DescribedContainers
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import SERVICES
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    env = environment_of(params)
    colour = env.colour(params["colour"])
    names = [colour.container(service) for service in SERVICES]
    file = ComposeFile(colour.project, env.path("compose", f"{colour.name}.yml"))
    described = DescribedContainers(docker_client(), env.name, file, params["compose"], names)
    try:
        return described.ensure(params["ready_seconds"], module.check_mode)
    except ComposeError as error:
        step = FailedStep("docker compose up", error.words, error.exit_code)
        module.fail_json(msg="\n".join(diagnosis(colour.name, step, names, reports_of(colour.project))))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            "colour": {"type": "str", "choices": ["blue", "green"], "required": True},
            "compose": {"type": "str", "required": True},
            "ready_seconds": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
