#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module application: what a user's Compose file and its block x-echobase say."""

from __future__ import annotations

DOCUMENTATION = r"""
module: application
short_description: Read an application's Compose file
description:
  - Has Compose resolve the file with its includes, environment files and profiles, and reads the block C(x-echobase) in it.
  - All that cannot be deployed in two colours is refused at once, each with its place in the file and what to do.
  - It changes nothing.
options:
  file:
    description: The Compose file, a path on the controller. To another machine the controller sends the small files that Compose reads.
    type: path
    required: true
  sent:
    description:
      - The files that the controller sent, by their paths there, which the action of this module fills in. Empty means that this machine
        has them.
    type: dict
    default: {}
  variables:
    description: Variables that the file may name as C(${NAME}), beside those of an C(.env) file beside it.
    type: dict
    default: {}
  working_tree:
    description:
      - Whether it is served from the folders where somebody edits it. What C(compose.watch.yml) beside C(compose.yml) says of its services
        then comes before what the file says, and folders of the machine may be mounted.
    type: bool
    default: false
  candidate:
    description:
      - The colour that will be made from this file. The edge then gets this file's routes for it.
      - Empty means none; a colour that was never deployed has this file's routes, too.
    type: str
    choices: ["", blue, green]
    default: ""
extends_documentation_fragment:
  - echobase.platform.environment
attributes:
  check_mode:
    support: full
    description: Nothing is ever changed.
  diff_mode:
    support: none
    description: There is nothing to show.
  idempotent:
    support: full
    description: Nothing is ever changed.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Read the application's Compose file
  echobase.platform.application:
    environment: devlocal
    file: /srv/shop/compose.yml
  register: application_result
"""

RETURN = r"""
definition:
  description: The file as Compose resolved it.
  returned: success
  type: dict
catalogue_images:
  description: The images of this collection's catalogue that it names.
  returned: success
  type: list
  elements: str
notes:
  description: What is done otherwise than the file says, a line each.
  returned: success
  type: list
  elements: str
secrets:
  description: The secrets that it asks for.
  returned: success
  type: list
  elements: str
secret_files:
  description: The secrets that it has in files, and where these are.
  returned: success
  type: dict
jobs:
  description: The service of each job that it has.
  returned: success
  type: dict
observe:
  description: Texts of rules and dashboards that it brings, by what they are for and by name.
  returned: success
  type: dict
edge_routes:
  description: What role edge makes its configuration from.
  returned: success
  type: dict
edge_knows_routes:
  description: Whether the edge's configuration was made from just these.
  returned: success
  type: bool
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.application.compose_answer import compose_answer
from ansible_collections.echobase.platform.plugins.module_utils.application.config_files import with_texts
from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.application.edge_routes import edge_knows, edge_routes
from ansible_collections.echobase.platform.plugins.module_utils.application.observed import observed
from ansible_collections.echobase.platform.plugins.module_utils.application.sent_project import unpacked, with_paths_of_the_controller
from ansible_collections.echobase.platform.plugins.module_utils.application.stored import StoredDefinitions
from ansible_collections.echobase.platform.plugins.module_utils.application.working_tree import working_tree
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.images.application_images import catalogue_names
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    env = environment_of(params)
    with unpacked(params["sent"]) as root:
        definition, observes = _read(params, root)
    stored = StoredDefinitions(env)
    definitions = {}
    for colour in env.colours:
        deployed = None if colour == params["candidate"] else stored.of(colour)
        definitions[colour] = deployed.definition if deployed else definition
    routes = edge_routes(env, definitions)
    facts = {
        "definition": definition.project,
        "catalogue_images": catalogue_names(definition),
        "notes": list(definition.notes),
        "secrets": list(definition.settings.secrets),
        "secret_files": definition.secret_files,
        "jobs": dict(definition.settings.jobs),
        "observe": observes,
        "edge_routes": routes,
        "edge_knows_routes": edge_knows(env, routes),
    }
    return Outcome(changed=False, facts=facts)


def _read(params: Mapping[str, Any], root: Path) -> tuple[Definition, Mapping[str, Any]]:
    """What the file says, with all paths as the controller has them, and the texts that it brings for those who watch."""
    read = working_tree if params["working_tree"] else compose_answer
    file = str(root / params["file"].lstrip("/"))
    try:
        answer = with_paths_of_the_controller(read(file, params["variables"]), root)
        definition = Definition.of(with_texts(answer, root, params["file"]), params["file"])
        return definition, observed(definition.settings, file)
    except Refusal as refusal:
        raise Refusal(*(with_paths_of_the_controller(words, root) for words in (refusal.cause, refusal.remedy))) from refusal


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            "file": {"type": "path", "required": True},
            "sent": {"type": "dict", "default": {}},
            "variables": {"type": "dict", "default": {}},
            "working_tree": {"type": "bool", "default": False},
            "candidate": {"type": "str", "choices": ["", "blue", "green"], "default": ""},
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
