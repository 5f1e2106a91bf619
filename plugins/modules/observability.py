#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module observability: what watches an environment, its files, its volumes and its containers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: observability
short_description: Have what watches an environment answer, or gone
description:
  - Makes the volumes that keep what is recorded, writes configurations below C(observability) of the environment's state, its Compose file
    and C(telemetry.json), starts the containers and waits until each answers.
  - A container is made anew when its part of the Compose file, or a file that it reads, is another. What was recorded stays.
  - It is a Compose project of its own. Nothing else of the environment needs it.
  - Where O(files) has C(backend.json), everything is sent to a backend of the user's own. It is asked whether it takes anything, and a
    warning says why not.
options:
  compose:
    description:
      - Content of the Compose file. Needed with O(state=present).
      - C(@configuration@) in a container's label C(io.echobase.configuration) stands for a digest of what it is made from, and
        C(@engine_group@) and C(@engine_api@) for the group that may ask the container engine and the version of its language.
    type: str
  files:
    description: The configurations, by their path below C(observability) of the environment's state. Others that are there are removed.
    type: dict
    default: {}
  ready_seconds:
    description: How long it may take until all of it answers.
    type: int
    default: 120
  remove_data:
    description: Whether V(absent) takes what was recorded, too.
    type: bool
    default: false
  state:
    description: V(absent) removes the containers and the files. Volumes stay, unless O(remove_data=true).
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
    description: What runs as described is left alone.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Have what watches the environment answer
  echobase.platform.observability:
    environment: devlocal
    compose: "{{ lookup('ansible.builtin.template', 'compose.yml.j2') }}"
    files:
      collector.yaml: "{{ lookup('ansible.builtin.template', 'collector.yaml.j2') }}"
"""

RETURN = r"""
steps:
  description: What was done, or would be in check mode.
  returned: success
  type: list
  elements: str
"""

from dataclasses import replace

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import container_lock
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of
from ansible_collections.echobase.platform.plugins.module_utils.observability.description import Description, Engine
from ansible_collections.echobase.platform.plugins.module_utils.observability.health import Health
from ansible_collections.echobase.platform.plugins.module_utils.observability.own_backend import FILE, OwnBackend
from ansible_collections.echobase.platform.plugins.module_utils.observability.stack import ObservabilityStack


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    env = environment_of(params)
    docker = docker_client()
    stack = ObservabilityStack(docker, env)
    with container_lock(env.observability_prefix):
        if params["state"] == "absent":
            return stack.remove(params["remove_data"], module.check_mode)
        description = Description(env, params["compose"], params["files"], Engine.of(docker))
        outcome = stack.ensure(description, Health(env, list(description.services)), params["ready_seconds"], module.check_mode)
    backend = None if module.check_mode else OwnBackend.described(params["files"].get(FILE))
    trouble = backend.trouble() if backend else ""
    return replace(outcome, warnings=[*outcome.warnings, trouble]) if trouble else outcome


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            "compose": {"type": "str"},
            "files": {"type": "dict", "default": {}},
            "ready_seconds": {"type": "int", "default": 120},
            "remove_data": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ("compose",))],
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
