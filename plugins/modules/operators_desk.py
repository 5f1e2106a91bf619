#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module operators_desk: the operators' desk of an environment, its folders and its container."""

from __future__ import annotations

DOCUMENTATION = r"""
module: operators_desk
short_description: Have the operators' desk answer, or gone
description:
  - Keeps the desk's folder of sessions and the folder of the edge's log, which it reads, writes its Compose file to the environment's state
    folder, starts its container and waits until it is healthy.
  - A container that was made from another Compose file is made anew; sessions survive that.
options:
  compose:
    description:
      - Content of the Compose file. Needed with O(state=present).
      - C(@configuration@) in the container's label C(io.echobase.configuration) stands for a digest of the file.
    type: str
  ready_seconds:
    description: How long the desk may take to become healthy.
    type: int
    default: 60
  state:
    description: V(absent) removes the container, the Compose file and the sessions, but never the edge's log.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - echobase.platform.environment
attributes:
  check_mode:
    support: full
    description: Nothing is written or started in check mode.
  diff_mode:
    support: full
    description: Shows the Compose file where it changes.
  idempotent:
    support: full
    description: A desk that runs as described is left alone.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Have the operators' desk answer
  echobase.platform.operators_desk:
    environment: devlocal
    compose: "{{ lookup('ansible.builtin.template', 'desk.yml.j2') }}"
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
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.edge.container import EdgeContainer
from ansible_collections.echobase.platform.plugins.module_utils.edge.desk import OperatorsDesk
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import container_lock
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    env = environment_of(params)
    docker = docker_client()
    desk = OperatorsDesk(env, EdgeContainer(docker, env.name, env.desk_container))
    with container_lock(env.desk_container):
        if params["state"] == "absent":
            return desk.remove(module.check_mode)
        return desk.ensure(desk.described(docker, params["compose"]), params["ready_seconds"], module.check_mode)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            "compose": {"type": "str"},
            "ready_seconds": {"type": "int", "default": 60},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ("compose",))],
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
