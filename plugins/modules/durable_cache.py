#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module durable_cache: the cache that outlives every release."""

from __future__ import annotations

DOCUMENTATION = r"""
module: durable_cache
short_description: Keep the durable cache of an environment
description:
  - Makes the volume, writes the Compose file to the environment's state folder, starts the container and waits until the application can
    log in over verified TLS.
  - A running cache takes over other accounts and another certificate without an interruption. Where it accepts neither the kept password
    nor shows a certificate of the environment's authority, it is restarted, which loses nothing.
  - What is in the cache is in a volume that no release and no removal of the container touches. Only its exact name, typed in O(confirm),
    deletes it.
options:
  compose:
    description:
      - Content of the Compose file. Needed with O(state=present).
      - C(@configuration@) in the container's label C(io.echobase.configuration) stands for a digest of the file.
    type: str
  confirm:
    description: The exact name of the volume, to delete what is in the cache with O(state=absent).
    type: str
    default: ""
  ready_seconds:
    description: How long it may take until the application can log in.
    type: int
    default: 60
  state:
    description:
      - V(present) means running and ready.
      - V(reloaded) only has a running cache take over accounts and certificate.
      - V(absent) removes the container and keeps the volume, unless O(confirm) is given.
    type: str
    choices: [present, reloaded, absent]
    default: present
extends_documentation_fragment:
  - echobase.platform.environment
attributes:
  check_mode:
    support: full
    description: Nothing is written or started in check mode. What other roles make first need not be there yet.
  diff_mode:
    support: full
    description: Shows the Compose file where it changes.
  idempotent:
    support: full
    description: A cache that runs as described is left alone.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: The cache of devlocal runs
  echobase.platform.durable_cache:
    environment: devlocal
    compose: "{{ lookup('ansible.builtin.template', 'compose.yml.j2') }}"

- name: Remove the container and keep what is in the cache
  echobase.platform.durable_cache:
    environment: devlocal
    state: absent
"""

RETURN = r"""
steps:
  description: What was done, or would be in check mode.
  returned: success
  type: list
  elements: str
container:
  description: Name of the container.
  returned: when O(state=present)
  type: str
volume:
  description: Name of the volume.
  returned: when O(state=present)
  type: str
port:
  description: Port on this machine's loopback address.
  returned: when O(state=present)
  type: int
ready:
  description: Whether the application's login over verified TLS succeeded in this run.
  returned: when O(state=present)
  type: bool
version:
  description: Version of the server, if ready.
  returned: when O(state=present)
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.cache.server import DurableCache
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import container_lock
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    env = environment_of(params)
    cache = DurableCache(docker_client(), env)
    with container_lock(env.cache.container):
        match params["state"]:
            case "absent":
                return cache.remove(params["confirm"], module.check_mode)
            case "reloaded":
                return cache.reload(module.check_mode)
            case _:
                return cache.ensure(params["compose"], params["ready_seconds"], module.check_mode)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            "compose": {"type": "str"},
            "confirm": {"type": "str", "default": ""},
            "ready_seconds": {"type": "int", "default": 60},
            "state": {"type": "str", "choices": ["present", "reloaded", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ("compose",))],
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
