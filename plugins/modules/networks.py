#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module networks: the durable networks of an environment."""

from __future__ import annotations

DOCUMENTATION = r"""
module: networks
short_description: Keep the durable networks of an environment
description:
  - An environment has two networks that outlive its releases, one for the databases and one between the edge and the colours.
  - Both have fixed subnets. A subnet that overlaps with another Docker network or with a route of this host is refused
    before anything is made, and so is a port or subnet that another environment on this host has.
  - On the network between the edge and the colours no container reaches another one, nor anything outside; the edge, which is on
    the host's own network, reaches them all. One of an earlier version is made anew as soon as no container is attached to it;
    until then a warning says so.
  - A network of the same name that echobase did not make is never touched.
  - The environment's ports and subnets are written to C(environment.json) in its folder, where the others find them.
options:
  state:
    description: V(absent) removes the networks if no container, running or stopped, is attached to them.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - echobase.platform.environment
attributes:
  check_mode:
    support: full
    description: Nothing is made or removed in check mode; what would be refused is refused.
  diff_mode:
    support: full
    description: Shows the networks with their subnets.
  idempotent:
    support: full
    description: A network that is there with the wanted subnet is left as it is.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Make the networks of devlocal
  echobase.platform.networks:
    environment: devlocal
"""

RETURN = r"""
networks:
  description: Name and subnet of each network.
  returned: success
  type: list
  elements: dict
steps:
  description: What was done with each network, or would be in check mode - keep, create, recreate or remove.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.containers.networks import Networks
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of


def operate(module: AnsibleModule) -> Outcome:
    env = environment_of(module.params)
    return Networks(docker_client(), env).ensure(module.params["state"], module.check_mode)


def main() -> None:
    module = AnsibleModule(
        argument_spec={**ENVIRONMENT_ARGUMENTS, "state": {"type": "str", "choices": ["present", "absent"], "default": "present"}},
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
