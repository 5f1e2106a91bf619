#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module smoke_test: does a colour serve its customers?"""

from __future__ import annotations

DOCUMENTATION = r"""
module: smoke_test
short_description: Ask a colour, as a customer would, whether it serves
description:
  - Asks one colour through the edge's operators' entrance (its preview) or through the public one. A page has to answer without a failure,
    each C(ready) path that customers reach has to say so, and who says which colour and release it is has to be the expected one.
  - Then runs the application's job C(smoke) once, on the network of this machine. Its exit code decides, its last line is the reason.
  - An application without that job is proved when each of its services is ready; RV(proof) then says so.
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
  depth:
    description:
      - How far the job may go, which is told in its variable E(ECHOBASE_SMOKE_DEPTH). With V(read) it only reads.
      - With V(write) it does the whole of what a customer does, which writes to the database, so that the module reports a change.
    type: str
    choices: [read, write]
    default: read
extends_documentation_fragment:
  - echobase.platform.environment
attributes:
  check_mode:
    support: full
    description: In check mode the job only reads.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Prove that green serves before it gets traffic
  echobase.platform.smoke_test:
    environment: devlocal
    colour: green
    depth: write
"""

RETURN = r"""
proof:
  description: What the colour was proved by - V(smoke), its own job, or V(readiness), since it has none.
  returned: success
  type: str
  sample: smoke
passed:
  description: The steps that passed.
  returned: success
  type: list
  elements: str
told:
  description: What else the job said in its last line, where that is a JSON object.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.colours.proof import Proof
from ansible_collections.echobase.platform.plugins.module_utils.colours.smoke_job import DEPTHS
from ansible_collections.echobase.platform.plugins.module_utils.credentials.reader import read_secret
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    env = environment_of(params)
    key = read_secret(env, "preview_key") if params["entrance"] == "preview" else ""
    proof = Proof(env, env.colour(params["colour"]), params["release"], key, params["traffic_moved"])
    return proof.run(params["depth"], module.check_mode)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            "colour": {"type": "str", "choices": ["blue", "green"], "required": True},
            "release": {"type": "str", "default": ""},
            "entrance": {"type": "str", "choices": ["preview", "public"], "default": "preview"},
            "traffic_moved": {"type": "bool", "default": False},
            "depth": {"type": "str", "choices": list(DEPTHS), "default": "read"},
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
