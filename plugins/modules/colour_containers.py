#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module colour_containers: the containers of one colour, as a Compose file describes them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: colour_containers
short_description: Have the containers of a colour run as an application's definition describes them
description:
  - Makes a Compose project of the colour's own from the definition and writes it, has Compose make or start what is missing or was made
    from another one, and waits until all are healthy. Services without a health check have to run.
  - Where a container does not get ready, it fails with a report that names the one in trouble, what it says of itself and its last lines.
  - Traffic is none of its concern; M(echobase.platform.colour_claim) keeps it away.
options:
  colour:
    description: The colour.
    type: str
    choices: [blue, green]
    required: true
  definition:
    description: The application, as M(echobase.platform.application) returns it in RV(echobase.platform.application#module:definition).
    type: dict
    required: true
  images:
    description: The image of each service, as M(echobase.platform.application_images) returns them.
    type: dict
    required: true
  release:
    description: The identity of the release.
    type: str
    required: true
  version:
    description: The version that people see. Empty means the part of the release's identity before the dash.
    type: str
    default: ""
  engine:
    description: The engine of the environment's database.
    type: str
    default: mariadb
  database:
    description:
      - What the inventory says in C(echobase_database), V(own) or V(external). An environment that was set up otherwise is refused.
      - Without it nobody asks.
    type: str
    choices: [own, external]
  has_replica:
    description: Whether that database has a replica, which applications are told of.
    type: bool
    default: false
  has_cache:
    description: Whether the environment has a cache.
    type: bool
    default: false
  memory:
    description: The most memory that a container may use whose Compose service names no limit of its own.
    type: str
    default: 512m
  telemetry_endpoint:
    description: Where programs send what they have to tell by OTLP. Empty means that nobody listens.
    type: str
    default: ""
  plain_ports:
    description: Whether to publish the ports without TLS that the application names for developers.
    type: bool
    default: false
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
    definition: "{{ application_result.definition }}"
    images: "{{ application_images_result.images }}"
    release: "{{ application_images_result.release }}"
"""

RETURN = r"""
steps:
  description: What was done, or would be in check mode.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.application.place import colour_place
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.colours.deployment import ColourDeployment
from ansible_collections.echobase.platform.plugins.module_utils.colours.diagnosis import FailedStep, diagnosis, reports_of
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.containers.compose import ComposeError
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_wishes import EXTERNAL, OWN
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    env = environment_of(params)
    definition = Definition.of(params["definition"])
    place = colour_place(env, params["colour"], definition, params)
    deployment = ColourDeployment(docker_client(), definition, place)
    try:
        return deployment.ensure(params["ready_seconds"], module.check_mode)
    except ComposeError as error:
        step = FailedStep("docker compose up", error.words, error.exit_code)
        module.fail_json(msg="\n".join(diagnosis(place.colour.name, step, deployment.containers, reports_of(place.colour.project))))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            "colour": {"type": "str", "choices": ["blue", "green"], "required": True},
            "definition": {"type": "dict", "required": True},
            "images": {"type": "dict", "required": True},
            "release": {"type": "str", "required": True},
            "version": {"type": "str", "default": ""},
            "engine": {"type": "str", "default": "mariadb"},
            "database": {"type": "str", "choices": [OWN, EXTERNAL]},
            "has_replica": {"type": "bool", "default": False},
            "has_cache": {"type": "bool", "default": False},
            "memory": {"type": "str", "default": "512m"},
            "telemetry_endpoint": {"type": "str", "default": ""},
            "plain_ports": {"type": "bool", "default": False},
            "ready_seconds": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
