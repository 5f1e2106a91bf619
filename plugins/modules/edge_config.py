#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module edge_config: the edge, its configuration and its listening sockets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: edge_config
short_description: Have the edge serve with the wanted configuration and image, and cut nobody off for it
description:
  - Writes the edge's nginx configuration, its own pages and its Compose files to the environment's state folder, and starts its containers.
  - A new configuration is tested by the edge's own image first. One that nginx refuses is reported with nginx's words and never goes live.
  - The listening sockets belong to a container of their own, so connections wait while no nginx runs.
  - When image, configuration or certificate change, a second nginx shares the work. The old one tells its clients with each answer to come
    back on a new connection, and is replaced when those that knew it are gone; then the second one goes in the same way.
  - Where there is no routing table yet, the empty one is laid.
  - A run that was killed at any point is finished by the next one.
options:
  image:
    description: Tag of the nginx image that the edge runs. Needed with O(state=present).
    type: str
  configuration:
    description: Content of C(nginx.conf). Needed with O(state=present).
    type: str
  compose:
    description:
      - Content of the Compose file with the services C(edge) and C(edge-next). Needed with O(state=present).
      - C(@configuration@) in it stands for a digest of everything that nginx reads when it starts.
    type: str
  sockets:
    description: Content of the Compose file with the service C(edge-sockets). Needed with O(state=present).
    type: str
  ipv6:
    description: Whether to listen on IPv6 addresses, too. Without it lines with such an address are left out where the host has none.
    type: bool
  ready_seconds:
    description: How long an nginx may take to become ready.
    type: int
    default: 30
  drain_seconds:
    description: How long an nginx that goes waits for its clients' connections to end. What is still there then may finish what it does.
    type: int
    default: 80
  state:
    description: V(absent) removes the containers and the files, but never the routing table nor the access log.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - echobase.platform.environment
  - echobase.platform.progress
attributes:
  check_mode:
    support: full
    description: Nothing is written in check mode; a configuration that nginx refuses is refused then, too.
  diff_mode:
    support: full
    description: Shows the files that change.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Have the edge serve as configured
  echobase.platform.edge_config:
    environment: devlocal
    image: "{{ images_result.tags.nginx }}"
    configuration: "{{ lookup('ansible.builtin.template', 'nginx.conf.j2') }}"
    compose: "{{ lookup('ansible.builtin.template', 'compose.yml.j2') }}"
    sockets: "{{ lookup('ansible.builtin.template', 'sockets.yml.j2') }}"
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
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import PROGRESS_ARGUMENTS, Progress
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.edge.configuration import EdgeConfiguration, WantedEdge
from ansible_collections.echobase.platform.plugins.module_utils.edge.servers import EdgeServers
from ansible_collections.echobase.platform.plugins.module_utils.edge.trial import NginxTrial
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import container_lock
from ansible_collections.echobase.platform.plugins.module_utils.host.routes import host_has_ipv6
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    env = environment_of(params)
    docker = docker_client()
    servers = EdgeServers(docker, env, params["ready_seconds"], params["drain_seconds"], Progress(params["progress"]))
    edge = EdgeConfiguration(env, servers, NginxTrial(docker, env.name, params["image"] or ""))
    with container_lock(env.edge_container):
        if params["state"] == "absent":
            return edge.remove(module.check_mode)
        wanted = WantedEdge(params["configuration"], params["compose"], params["sockets"])
        has_ipv6 = host_has_ipv6() if params["ipv6"] is None else params["ipv6"]
        return edge.ensure(wanted if has_ipv6 else wanted.without_ipv6(), module.check_mode)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            "image": {"type": "str"},
            "configuration": {"type": "str"},
            "compose": {"type": "str"},
            "sockets": {"type": "str"},
            "ipv6": {"type": "bool"},
            "ready_seconds": {"type": "int", "default": 30},
            "drain_seconds": {"type": "int", "default": 80},
            **PROGRESS_ARGUMENTS,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ("image", "configuration", "compose", "sockets"))],
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
