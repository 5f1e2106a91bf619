#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module edge_config: the edge's configuration files."""

from __future__ import annotations

DOCUMENTATION = r"""
module: edge_config
short_description: Put the edge's configuration in place, tested first
description:
  - Writes the edge's nginx configuration, its own pages and its Compose file to the environment's state folder.
  - A new configuration is tested by the edge's own image first. One that nginx refuses is reported with nginx's words and never goes live.
  - A running edge of the same image reloads gracefully, also when its certificate was renewed. Its container is never recreated for that.
  - Where there is no routing table yet, the empty one is laid.
  - The container itself is made and removed with the Compose file.
options:
  image:
    description: Tag of the nginx image that the edge runs. Needed with O(state=present).
    type: str
  configuration:
    description: Content of C(nginx.conf). Needed with O(state=present).
    type: str
  compose:
    description: Content of the Compose file. Needed with O(state=present).
    type: str
  state:
    description: V(absent) removes the container and the files, but never the routing table.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - echobase.platform.environment
attributes:
  check_mode:
    support: full
    description: Nothing is written in check mode; a configuration that nginx refuses is refused then, too.
  diff_mode:
    support: full
    description: Shows the files that change, without secrets.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Put the edge's configuration in place
  echobase.platform.edge_config:
    environment: devlocal
    image: "{{ images_result.tags.nginx }}"
    configuration: "{{ lookup('ansible.builtin.template', 'nginx.conf.j2') }}"
    compose: "{{ lookup('ansible.builtin.template', 'compose.yml.j2') }}"
"""

RETURN = r"""
steps:
  description: What was done, or would be in check mode.
  returned: success
  type: list
  elements: str
reloaded:
  description: Whether a running edge reloads for it.
  returned: success
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.arguments import ENVIRONMENT_ARGUMENTS, environment_of
from ansible_collections.echobase.platform.plugins.module_utils.docker_host import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.edge_configuration import EdgeConfiguration
from ansible_collections.echobase.platform.plugins.module_utils.edge_container import EdgeContainer
from ansible_collections.echobase.platform.plugins.module_utils.host_lock import host_lock
from ansible_collections.echobase.platform.plugins.module_utils.outcome import Outcome


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    env = environment_of(params)
    container = EdgeContainer(docker_client(), env.name, env.edge_container, params["image"] or "")
    edge = EdgeConfiguration(env, container)
    with host_lock(env.edge_container):
        if params["state"] == "absent":
            return edge.remove(module.check_mode)
        return edge.ensure(params["configuration"], params["compose"], module.check_mode)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            "image": {"type": "str"},
            "configuration": {"type": "str"},
            "compose": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ("image", "configuration", "compose"))],
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
