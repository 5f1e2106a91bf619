#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module smoke_test: does a colour serve a customer from end to end?"""

from __future__ import annotations

DOCUMENTATION = r"""
module: smoke_test
short_description: Ask a colour, as a customer would, whether it serves
description:
  - Reads the page and the readiness of one colour through the edge's operators' entrance (its preview) or through the public one.
  - With O(place_order=true) registers or logs in a fixed test customer, places one order, repeats it with the same idempotency key,
    and waits until it is processed.
options:
  colour:
    description: The colour that must answer.
    type: str
    choices: [blue, green]
    required: true
  release:
    description: The release that must answer; empty accepts any.
    type: str
    default: ""
  entrance:
    description: V(preview) asks the named colour whether it has traffic or not; V(public) asks as any customer.
    type: str
    choices: [preview, public]
    default: preview
  traffic_moved:
    description: Whether this run has moved traffic to the colour already. A failure then says so, and how to move it back.
    type: bool
    default: false
  place_order:
    description: Place a whole order. This writes to the database, so the module then reports a change.
    type: bool
    default: false
extends_documentation_fragment:
  - echobase.platform.environment
attributes:
  check_mode:
    support: full
    description: In check mode only the reading part runs.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Prove that green serves before it gets traffic
  echobase.platform.smoke_test:
    environment: devlocal
    colour: green
    place_order: true
"""

RETURN = r"""
passed:
  description: The steps that passed.
  returned: success
  type: list
  elements: str
order:
  description: The id of the order that was placed and processed.
  returned: when an order was placed
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.colours.preview import preview_headers
from ansible_collections.echobase.platform.plugins.module_utils.colours.smoke_test import SmokeTest, remedy_for
from ansible_collections.echobase.platform.plugins.module_utils.credentials.reader import read_secret
from ansible_collections.echobase.platform.plugins.module_utils.host.https_client import HttpsClient
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    env = environment_of(params)
    preview = params["entrance"] == "preview"
    test = SmokeTest(
        client=HttpsClient(
            host="127.0.0.1",
            port=env.operators_port if preview else env.edge_port,
            ca_file=env.path("tls", "ca.crt"),
            headers=preview_headers(env, params["colour"], read_secret(env, "preview_key")) if preview else {},
        ),
        colour=params["colour"],
        release=params["release"],
        password=read_secret(env, "operator_password"),
        remedy=remedy_for(env.colour(params["colour"]).container("api-gateway"), params["traffic_moved"]),
    )
    test.read_only()
    if params["place_order"] and not module.check_mode:
        return Outcome(changed=True, facts={"order": test.place_order(), "passed": test.passed})
    return Outcome(changed=bool(params["place_order"]), facts={"passed": test.passed})


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            "colour": {"type": "str", "choices": ["blue", "green"], "required": True},
            "release": {"type": "str", "default": ""},
            "entrance": {"type": "str", "choices": ["preview", "public"], "default": "preview"},
            "traffic_moved": {"type": "bool", "default": False},
            "place_order": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
